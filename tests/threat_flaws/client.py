"""Flaws of clients and of what is told to them."""

from typing import Any

from segue import authority
from segue.task_token import TaskTokenVerifier
from segue_authz.client_auth import authenticator
from segue_authz.domain.client import Client, Method
from segue_authz.endpoints import device_authorization, introspection

from threat_flaws.flaw import Patch, flaw


@flaw("XD-PULL-14")
def a_client_may_ask_for_what_it_is_not_registered_for(patch: Patch) -> None:
    def careless(form: dict[str, str], _: Client) -> authority.TaskRequest:
        return authority.parse_requested(form["authorization_details"])

    patch.setattr(device_authorization, "read_task", careless)


@flaw("XD-TOK-05")
def any_resource_server_may_ask_about_any_token(patch: Patch) -> None:
    verify = TaskTokenVerifier.verify

    async def careless(self: TaskTokenVerifier, token: str) -> Any:
        self._audience = introspection.jose.parse(token).claims()["aud"]
        return await verify(self, token)

    patch.setattr(introspection.TaskTokenVerifier, "verify", careless)


@flaw("XD-TOK-10")
def a_secret_is_not_compared(patch: Patch) -> None:
    patch.setattr(authenticator, "same", lambda *_: True)


@flaw("XD-TOK-10")
def a_confidential_client_is_believed_by_its_name(patch: Patch) -> None:
    authenticate = authenticator.ClientAuthenticator.authenticate

    async def careless(self: authenticator.ClientAuthenticator, authorization: Any, form: Any) -> Client:
        known = await self._clients.enabled(form.get("client_id", ""))
        if known is not None and known.method is Method.CLIENT_SECRET_BASIC and not authorization:
            return known
        return await authenticate(self, authorization, form)

    patch.setattr(authenticator.ClientAuthenticator, "authenticate", careless)
