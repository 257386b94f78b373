"""Flaws of metadata."""

from urllib.parse import urlencode

from segue_authz import client_metadata, outbound
from segue_authz.domain.client import SELF_SERVICE, Client
from segue_authz.endpoints import authorize
from segue_authz.stores import registrations
from segue_authz.stores.tables import clients

from threat_flaws.flaw import Patch, flaw


@flaw("XD-META-01")
def an_answer_does_not_say_whose_it_is(patch: Patch) -> None:
    patch.setattr(authorize, "urlencode", lambda answer: urlencode({**answer, "iss": "https://other.example"}))


@flaw("XD-META-03")
def any_address_is_asked(patch: Patch) -> None:
    patch.setattr(outbound, "may_be_asked", lambda *_: True)


@flaw("XD-META-04")
def who_registered_counts_as_reviewed(patch: Patch) -> None:
    patch.setattr(Client, "verified", True)


@flaw("XD-META-06")
def any_registration_token_will_do(patch: Patch) -> None:
    patch.setattr(
        registrations,
        "_held",
        lambda client_id, _: (clients.c.client_id == client_id, clients.c.disabled_at.is_(None)),
    )


@flaw("XD-META-06")
def a_registration_token_is_never_followed_by_another(patch: Patch) -> None:
    replace = registrations.Registrations.replace

    async def careless(self: registrations.Registrations, client: Client, *, digest: str, fresh: str) -> bool:
        return await replace(self, client, digest=digest, fresh=digest)

    patch.setattr(registrations.Registrations, "replace", careless)


@flaw("XD-META-06")
def a_registration_names_its_grants(patch: Patch) -> None:
    further = {"client_credentials", "urn:ietf:params:oauth:grant-type:device_code"}
    patch.setattr(client_metadata, "SELF_SERVICE", SELF_SERVICE | further)
