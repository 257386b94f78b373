"""One process's view of the status lists, shared by all who ask."""

import asyncio

from segue.bounded import Recent

from segue_authz.stores.status_lists import StatusListStore
from segue_authz.tokens.status_list import SIZE, StatusLists

REFRESH = 1.0
"""Seconds between two looks at the database for one list, however many ask."""
_KEPT = 64


class StatusListFeed:
    """Signs a list at most every `REFRESH` seconds."""

    def __init__(self, store: StatusListStore, lists: StatusLists) -> None:
        self._store = store
        self._lists = lists
        self._looking = asyncio.Lock()
        self._kept: Recent[int, tuple[float, str]] = Recent(_KEPT)

    async def uris(self) -> list[str]:
        return [self._lists.uri(number) for number in range(await self._store.highest() // SIZE + 1)]

    async def token(self, number: int) -> str | None:
        """None if no grant is in that list."""
        async with self._looking:
            kept, time = self._kept.get(number), asyncio.get_running_loop().time()
            if kept is not None and time - kept[0] < REFRESH:
                return kept[1]
            if number > await self._store.highest() // SIZE:
                return None
            withdrawn = await self._store.withdrawn(number * SIZE, (number + 1) * SIZE - 1)
            token = self._lists.token(number, withdrawn)
            self._kept.drop(number)
            self._kept.put(number, (time, token))
            return token
