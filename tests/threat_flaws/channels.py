"""Flaws of what travels beside the flow."""

from collections.abc import Mapping
from typing import Any

from segue_authz.endpoints import transfer
from segue_authz.pages import render
from segue_authz.password import Passwords
from segue_authz.tokens.mint import Mint
from segue_client.device import Device, accepted, well_known

from threat_flaws.flaw import Patch, flaw


@flaw("XD-WEB-05", "a code is left in an address")
def pages_tell_where_they_were_opened(patch: Patch) -> None:
    write = render.page_headers

    def telling(**how: Any) -> dict[str, str]:
        return {**write(**how), "Referrer-Policy": "unsafe-url"}

    patch.setattr(render, "page_headers", telling)


@flaw("XD-WEB-08")
def a_transfers_channel_tells_the_check_value(patch: Patch) -> None:
    tell = transfer._told

    async def careless(services: Any, stored: Any) -> dict[str, Any]:
        return {**await tell(services, stored), "check_value": "0000"}

    patch.setattr(transfer, "_told", careless)


@flaw("XD-META-02", "a token for a foreign resource is asked for")
def any_resource_gets_a_token(patch: Patch) -> None:
    patch.setattr(Mint, "audience", lambda self, resource: resource or self._audiences[0])


@flaw("XD-PUSH-12")
def a_client_believes_any_metadata(patch: Patch) -> None:
    async def believing(self: Device) -> Mapping[str, Any]:
        return accepted(await self.http.get(well_known(self.issuer, "oauth-authorization-server")))

    patch.setattr(Device, "metadata", believing)


@flaw("XD-PRIV-01")
def who_does_not_exist_is_told_at_once(patch: Patch) -> None:
    matches = Passwords.matches

    async def hasty(self: Passwords, password: str, password_hash: str | None) -> bool:
        return password_hash is not None and await matches(self, password, password_hash)

    patch.setattr(Passwords, "matches", hasty)
