"""What waits for one task is done together: the next few gather while the ones before are being done.

Whoever comes first is done alone and at once, so that without a crowd nobody waits for anybody.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")

MOST = 64
"""Done together: as long as that the first waits for the last."""


@dataclass(frozen=True)
class _Waiting(Generic[A, B]):
    asked: A
    answer: asyncio.Future[B]


class Combining(Generic[A, B]):
    """Belongs to one event loop. `alone` answers one; `together` some of one key, each with a value or an exception."""

    def __init__(
        self, alone: Callable[[A], Awaitable[B]], together: Callable[[Sequence[A]], Awaitable[Sequence[B | Exception]]]
    ) -> None:
        self._alone = alone
        self._together = together
        self._behind: dict[Hashable, deque[_Waiting[A, B]]] = {}
        self._going_on: set[asyncio.Task[None]] = set()

    async def ask(self, key: Hashable, asked: A) -> B:
        """Those of one key are begun in the order in which they were asked for. Raises what they end in."""
        if key in self._behind:
            waiting = _Waiting[A, B](asked, asyncio.get_running_loop().create_future())
            self._behind[key].append(waiting)
            return await waiting.answer
        self._behind[key] = deque()
        try:
            return await self._alone(asked)
        finally:
            self._let_others(key)

    def _let_others(self, key: Hashable) -> None:
        if not self._behind[key]:
            del self._behind[key]
            return
        task = asyncio.create_task(self._go_on(key))
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)

    async def _go_on(self, key: Hashable) -> None:
        behind = self._behind[key]
        while behind:
            taken = [behind.popleft() for _ in range(min(MOST, len(behind)))]
            await self._answer([waiting for waiting in taken if not waiting.answer.done()])
        del self._behind[key]

    async def _answer(self, batch: Sequence[_Waiting[A, B]]) -> None:
        """Whoever has left while it waited is not in the batch. What breaks it all is told to each."""
        try:
            found = await self._together([waiting.asked for waiting in batch])
        except Exception as error:
            found = [error] * len(batch)
        for waiting, answer in zip(batch, found, strict=True):
            if waiting.answer.done():
                continue
            if isinstance(answer, Exception):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)
