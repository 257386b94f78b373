"""Asking again after an outage, as a client does that wants something done."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx2
from segue_client.device import Refused

T = TypeVar("T")

PAUSE = 0.15
"""Seconds before something is asked again: less than `Retry-After` says, so that more is asked during a fault."""
PATIENCE = 90.0
"""Seconds after which somebody gives up. No fault lasts as long."""


class GaveUp(Exception):
    """The servers did not come back."""


async def persist(do: Callable[[], Awaitable[T]]) -> T:
    """Do it, after an outage once more. Raises `Refused` and `GaveUp`."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return await do()
        except httpx2.HTTPError as lost:
            failure: Exception = lost
        except Refused as refused:
            if refused.status < 500 and refused.status != 429 and refused.error != "use_dpop_nonce":
                raise
            failure = refused
        if time.monotonic() > until:
            raise GaveUp(repr(failure)) from failure
        await asyncio.sleep(PAUSE)
