"""What a device may do with one task: a refresh token, and short access tokens, one for each server (RFC 8707)."""

import asyncio
from collections.abc import Mapping
from typing import Any, Self

import httpx2

from segue_client.device import Device, Refused, accepted

LEEWAY = 20
"""Seconds before its end at which an access token is no longer used."""


class Grant:
    """One task at one device. `token` mints what a server wants to see; `request` sends it."""

    def __init__(self, device: Device, *, refresh_token: str, details: Mapping[str, Any]) -> None:
        self.device = device
        self.refresh_token = refresh_token
        self.details = details
        self._wrote = _writes(details)
        self._tokens: dict[str, tuple[str, int]] = {}
        self._refreshing = asyncio.Lock()

    @classmethod
    def from_tokens(cls, device: Device, tokens: Mapping[str, Any]) -> Self:
        """From the answer of the token endpoint. Raises `Refused` if its token is not bound to our key."""
        tokens = bound(tokens)
        return cls(device, refresh_token=tokens["refresh_token"], details=tokens["authorization_details"][0])

    @property
    def task_id(self) -> str:
        return str(self.details["task_id"])

    @property
    def epoch(self) -> int:
        """The number that rises when the task moves; a device with a lower one may only read."""
        return int(self.details["epoch"])

    @property
    def left(self) -> bool:
        """Whether it may only read what it could change before: the task goes on at another device."""
        return self._wrote and not _writes(self.details)

    async def token(self, audience: str) -> str:
        """An access token for one server. Refreshes one at a time, for the refresh token changes on use."""
        async with self._refreshing:
            token, expires_at = self._tokens.get(audience, ("", 0))
            if self.device.clock() < expires_at - LEEWAY:
                return token
            return await self._refresh(audience)

    async def refresh(self, audience: str) -> str:
        """A new access token, although the last one may still do. Raises `Refused`."""
        async with self._refreshing:
            return await self._refresh(audience)

    async def request(self, method: str, url: str, *, audience: str, **request: Any) -> httpx2.Response:
        """Send one request with the token of `audience`; the answer may be an error."""
        return await self.device.send(method, url, access_token=await self.token(audience), **request)

    async def call(self, method: str, url: str, *, audience: str, **request: Any) -> Mapping[str, Any]:
        """As `request`, and decode the answer. Raises `Refused`."""
        return self.accepted(await self.request(method, url, audience=audience, **request))

    def accepted(self, answer: httpx2.Response) -> Mapping[str, Any]:
        """The decoded JSON object of a successful answer. Raises `Refused`.

        A device that the task has left is refused for its epoch until its token ends, and for want of rights with the
        next one; it hears `stale-epoch` both times.
        """
        try:
            return accepted(answer)
        except Refused as refused:
            if refused.error == "insufficient_scope" and self.left:
                raise Refused(
                    status=refused.status, error="stale-epoch", description=refused.description, body=refused.body
                ) from refused
            raise

    async def end(self) -> None:
        """Withdraw the grant, and with it every token of it (RFC 7009). Raises `Refused`."""
        endpoint = (await self.device.metadata())["revocation_endpoint"]
        await self.device.post_form(endpoint, token=self.refresh_token, token_type_hint="refresh_token")  # noqa: S106

    async def _refresh(self, audience: str) -> str:
        answer = bound(
            await self.device.post_form(
                (await self.device.metadata())["token_endpoint"],
                grant_type="refresh_token",
                refresh_token=self.refresh_token,
                resource=audience,
            )
        )
        self.refresh_token = answer.get("refresh_token", self.refresh_token)
        self.details = {**self.details, **answer["authorization_details"][0]}
        self._tokens[audience] = (answer["access_token"], self.device.clock() + int(answer["expires_in"]))
        return str(answer["access_token"])


def bound(tokens: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tokens, if they are bound to our key; others are not kept (RFC 9449 section 5). Raises `Refused`."""
    if str(tokens.get("token_type", "")).lower() != "dpop":
        said = {name: value for name, value in tokens.items() if name == "token_type"}
        raise Refused(status=200, error="unbound_token", description="the token is not bound to our key", body=said)
    return tokens


def _writes(details: Mapping[str, Any]) -> bool:
    return any(not action.endswith(":read") for action in details.get("actions", ()))
