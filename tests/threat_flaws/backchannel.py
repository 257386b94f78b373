"""Flaws of the backchannel."""

from dataclasses import replace
from typing import Any

import httpx2
import sqlalchemy as sa
from segue.jose import parse
from segue_authz import delivery
from segue_authz.domain.refusal import InvalidRequest
from segue_authz.endpoints import backchannel_authentication, hint
from segue_authz.grants import device_code
from segue_authz.stores import backchannel, notices
from segue_authz.stores.backchannel import Backchannel
from segue_authz.stores.port import Stored
from segue_authz.stores.tables import transfers
from segue_authz.stores.transfer_row import from_row
from segue_authz.tokens.id_token import IdTokens

from threat_flaws.flaw import Patch, flaw, nothing
from threat_flaws.pull import _redeem


@flaw("XD-BACK-01")
def anybody_is_asked_by_anybody(patch: Patch) -> None:
    patch.setattr(backchannel, "_shown", lambda _, request, **__: request.requested.subject is not None)


@flaw("XD-BACK-02")
def a_client_may_ask_a_person_for_ever(patch: Patch) -> None:
    patch.setattr(backchannel, "_take_turn", nothing)


@flaw("XD-BACK-03")
def the_page_does_not_tell_what_the_request_says(patch: Patch) -> None:
    honest = Backchannel.facts

    async def silent(self: Backchannel, transfer_id: str) -> Any:
        found = await honest(self, transfer_id)
        return replace(found, binding_message=None) if found else None

    patch.setattr(Backchannel, "facts", silent)


@flaw("XD-BACK-04")
def any_message_is_shown(patch: Patch) -> None:
    patch.setattr(backchannel_authentication, "acceptable_message", lambda _: True)


@flaw("XD-BACK-05")
def unknown_people_are_told_apart(patch: Patch) -> None:
    honest = hint._hinted

    def telling(services: Any, account: Any, *rest: Any) -> Any:
        if account is None:
            raise InvalidRequest("there is no such person")
        return honest(services, account, *rest)

    patch.setattr(hint, "_hinted", telling)


@flaw("XD-BACK-06")
def the_identifier_alone_is_enough(patch: Patch) -> None:
    patch.setattr(device_code, "redeem", _redeem(client_id="client_id", jkt="jkt"))


@flaw("XD-BACK-07")
def redirects_of_a_notice_are_followed(patch: Patch) -> None:
    async def following(url: str, content: bytes, headers: dict[str, str]) -> int:
        async with httpx2.AsyncClient(trust_env=False, follow_redirects=True) as http:
            return (await http.post(url, content=content, headers=headers)).status_code

    patch.setattr(delivery, "_post_here", following)


@flaw("XD-BACK-08")
def notices_are_sent_without_a_pause(patch: Patch) -> None:
    patch.setattr(notices, "PAUSES", (0,) * 1_000)


@flaw("XD-BACK-09")
def requests_are_shown_to_everybody(patch: Patch) -> None:
    async def everything(self: Backchannel, _: str, *, now: int) -> list[Stored]:
        statement = sa.select(transfers).where(transfers.c.state == "Requested", transfers.c.expires_at > now)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [Stored(from_row(row), row.version, row.contested_at) for row in rows]

    patch.setattr(Backchannel, "waiting", everything)


@flaw("XD-BACK-10")
def hints_are_believed(patch: Patch) -> None:
    patch.setattr(IdTokens, "subject_of", lambda _, text, **__: str(parse(text).claims()["sub"]))
