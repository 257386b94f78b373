"""One process's view of the withdrawn grants, shared by all who listen."""

import asyncio
import hashlib

from segue.clock import Clock
from segue.jose import b64url_encode

from segue_authz.stores.port import WithdrawalStore
from segue_authz.tokens.mint import ACCESS_TOKEN_LIFETIME

REFRESH = 0.3
"""Seconds between two looks at the database, however many listen."""
MARGIN = 10
"""Seconds a withdrawal is told for after the last token has expired, for clocks that differ."""


class WithdrawalFeed:
    """Looks at the database at most every `REFRESH` seconds."""

    def __init__(self, withdrawals: WithdrawalStore, clock: Clock) -> None:
        self._withdrawals = withdrawals
        self._clock = clock
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._digests: list[str] = []
        self._tag = ""

    async def current(self) -> tuple[str, list[str]]:
        """A tag that changes with the list, and the list."""
        async with self._looking:
            time = asyncio.get_running_loop().time()
            if time - self._looked_at >= REFRESH:
                now = self._clock()
                grant_ids = await self._withdrawals.since(now - ACCESS_TOKEN_LIFETIME - MARGIN, now=now)
                self._digests = sorted(_digest(grant_id) for grant_id in grant_ids)
                self._tag = _digest(" ".join(self._digests))
                self._looked_at = time
            return self._tag, self._digests


def _digest(text: str) -> str:
    return b64url_encode(hashlib.sha256(text.encode()).digest())
