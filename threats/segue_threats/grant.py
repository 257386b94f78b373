"""What an honest device was given, and the ways it or a thief may use it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from segue_threats.device import Device, members_of, need


@dataclass
class Grant:
    """The tokens of one answer of the token endpoint. `device` is who got them."""

    device: Device
    access_token: str
    refresh_token: str
    answer: Mapping[str, Any]

    @classmethod
    def of(cls, device: Device, answer: httpx2.Response) -> "Grant":
        """Raises `PreconditionFailed` if no token was given."""
        (access_token,) = need(answer, "access_token")
        body = members_of(answer)
        return cls(device, access_token, str(body.get("refresh_token", "")), body)

    @property
    def details(self) -> Mapping[str, Any]:
        """The task that was granted (RFC 9396 section 7); empty where there is none."""
        details = self.answer.get("authorization_details") or [{}]
        return dict(details[0])

    @property
    def task_id(self) -> str:
        return str(self.details.get("task_id", ""))

    @property
    def address(self) -> str:
        """Where the token is good."""
        return self.device.target.protected(self.task_id)

    async def read(self, *, by: Device | None = None, token: str | None = None, **how: Any) -> httpx2.Response:
        """Use the token at what it opens; `by` another device, with another `token`, `how` as in `Device.send`."""
        return await (by or self.device).send("GET", self.address, token=token or self.access_token, **how)

    async def at(self, method: str, path: str, *, by: Device | None = None, **how: Any) -> httpx2.Response:
        """A request to the task in the store, with this token."""
        how = {"token": self.access_token, **how}
        if method != "GET" and not any(name == "Idempotency-Key" for name, _ in how.get("headers", ())):
            how["headers"] = [*how.get("headers", ()), ("Idempotency-Key", secrets.token_urlsafe(16))]
        return await (by or self.device).send(method, self.address + path, **how)

    async def refresh(
        self, *, by: Device | None = None, how: Mapping[str, Any] | None = None, **fields: str
    ) -> httpx2.Response:
        """Ask for new tokens; `fields` add to the form or replace what is in it."""
        form = {"grant_type": "refresh_token", "refresh_token": self.refresh_token, **fields}
        return await (by or self.device).form("token", form, **(how or {}))

    async def refreshed(self, **fields: str) -> "Grant":
        """The next tokens; this object keeps the spent ones. Raises `PreconditionFailed`."""
        return Grant.of(self.device, await self.refresh(by=None, how=None, **fields))
