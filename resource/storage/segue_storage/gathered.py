"""Calls that come while others are under way wait for those and then go together: one question for all of them.

Nobody is told what was read before they asked, and nobody waits for company: who comes alone goes alone.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from .failure import DatabaseUnavailable, caused

A = TypeVar("A")
R = TypeVar("R")

MOST = 64
"""Calls that go together: as long as that the first waits for the last."""
CROWD = 16
"""So many waiting calls do not wait for the group that is under way: its connection may hang."""
AT_ONCE = 4
"""Groups under way at the same time, at most."""


class _Line(Generic[A, R]):
    """Who waits in one event loop, and how many groups are under way."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[A, asyncio.Future[R]]] = deque()
        self.under_way = 0
        self.groups: set[asyncio.Task[None]] = set()
        """So that none of them is forgotten."""


class Gathered(Generic[A, R]):
    """Asks `all_of` for the answers to what several callers ask, in the order of what was asked.

    What it raises is raised by each of them, if it says that who is asked is `away`. Anything else may be about one of
    them alone: then nothing has happened, and each is asked for by itself.
    """

    def __init__(
        self,
        all_of: Callable[[list[A]], Awaitable[Sequence[R]]],
        *,
        most: int = MOST,
        away: type[Exception] = DatabaseUnavailable,
    ) -> None:
        self._all_of = all_of
        self._most = most
        self._away = away
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line[A, R]] = WeakKeyDictionary()

    async def ask(self, asked: A) -> R:
        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None:
            line = self._lines[loop] = _Line()
        answer: asyncio.Future[R] = loop.create_future()
        line.waiting.append((asked, answer))
        if len(line.waiting) in (1, CROWD):
            loop.call_soon(self._start, line)  # so that others of this turn of the loop come along
        return await answer

    def _start(self, line: _Line[A, R]) -> None:
        crowded = len(line.waiting) >= CROWD and line.under_way < AT_ONCE
        if crowded or (line.waiting and not line.under_way):
            line.under_way += 1
            group = asyncio.get_running_loop().create_task(self._go(line), name="segue-gathered")
            line.groups.add(group)
            group.add_done_callback(line.groups.discard)

    async def _go(self, line: _Line[A, R]) -> None:
        try:
            while line.waiting:
                taken = [line.waiting.popleft() for _ in range(min(self._most, len(line.waiting)))]
                await self._settle([(asked, answer) for asked, answer in taken if not answer.done()])
        finally:
            line.under_way -= 1

    async def _settle(self, group: list[tuple[A, asyncio.Future[R]]]) -> None:
        """Answer those who have not left."""
        if not group:
            return
        try:
            answers = await self._all_of([asked for asked, _ in group])
        except asyncio.CancelledError:
            for _, answer in group:
                answer.cancel()
            raise
        except Exception as error:
            if len(group) > 1 and not isinstance(error, self._away):
                for one in group:
                    await self._settle([one])
                return
            for _, answer in group:
                if not answer.done():
                    answer.set_exception(error if len(group) == 1 else caused(type(error)(*error.args), error))
            return
        for (_, answer), given in zip(group, answers, strict=True):
            if not answer.done():
                answer.set_result(given)
