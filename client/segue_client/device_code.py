"""Waiting for the person's decision with a device code, after push and pull alike (RFC 8628 sections 3.4 and 3.5)."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx2

from segue_client.device import Device, Refused
from segue_client.grant import Grant

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
SLOWER = 5
"""Seconds that `slow_down` adds to the interval, for good."""
UNSAID = 5
"""The interval, in seconds, if the server says none (RFC 8628 section 3.2)."""


async def redeem(device: Device, device_code: str) -> Grant:
    """Ask once for the grant. Raises `Refused` with the errors of RFC 8628 section 3.5."""
    endpoint = (await device.metadata())["token_endpoint"]
    answer = await device.post_form(endpoint, grant_type=GRANT_TYPE, device_code=device_code)
    return Grant.from_tokens(device, answer)


class Waiting:
    """The polls for one device code. `interval`, in seconds, lies between any two of them and only ever grows."""

    def __init__(self, device: Device, *, device_code: str, interval: int) -> None:
        self.interval = interval
        self._device = device
        self._device_code = device_code
        self._asked_before = False

    async def grant(self) -> Grant:
        """Poll until the person has decided. Raises `Refused` if they declined or let it lapse."""
        while True:
            found = await self._poll()
            if isinstance(found, Grant):
                return found

    async def check_value(self) -> str:
        """Poll until the person has entered the code of a pull: what this device is to show from then on.

        Raises `Refused`, also if the request ended before its value was told.
        """
        while True:
            found = await self._poll()
            if isinstance(found, Grant):
                raise Refused(status=200, error="decided_unseen", description="decided without a value", body={})
            if "check_value" in found:
                return str(found["check_value"])

    async def redeem(self) -> Grant:
        """Ask once, at once. Raises `Refused` with the errors of RFC 8628 section 3.5."""
        return await redeem(self._device, self._device_code)

    async def give_up(self) -> None:
        """End the request, so that nobody decides about a device that has gone (protocol s. 6.7). Raises `Refused`."""
        endpoint = (await self._device.metadata())["revocation_endpoint"]
        await self._device.post_form(endpoint, token=self._device_code, token_type_hint="device_code")  # noqa: S106

    async def _poll(self) -> Grant | Mapping[str, Any]:
        """The grant, or what the server tells beside its request to wait (empty if it only tells to wait)."""
        if self._asked_before:
            await asyncio.sleep(self.interval)
        self._asked_before = True
        try:
            return await self.redeem()
        except httpx2.TransportError:  # a timeout, or nobody there: ask less often before asking again (section 3.5)
            self.interval *= 2
        except Refused as refused:
            if refused.error == "authorization_pending":
                return refused.body
            if refused.error != "slow_down":
                raise
            self.interval += SLOWER
        return {}
