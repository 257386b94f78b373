"""Reads the end of a log once for all who follow it in this process, and encodes each event once.

Streams that are woken by one event ask for the same page in the same turn of the event loop. They share a reading until
it begins, and never after: one that began before they asked may have missed what they were woken for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import msgspec

from segue_resource.domain.actor import Caller
from segue_resource.domain.elision import Elided
from segue_resource.stores import events
from segue_resource.stores.events import Page
from segue_resource.stores.log import ShownEvent
from segue_resource.stores.task_store import TaskStore

PAGE = 100

_SEPARATORS = [(letter.encode(), b"\\u%04x" % ord(letter)) for letter in "\x85\u2028\u2029"]


@dataclass(frozen=True)
class Encoded:
    """Events as Server-Sent Events, the cursor behind them, and whether the log had more than these."""

    text: bytes
    next_after: int
    more: bool = False


Read = Callable[[int], Awaitable[Encoded]]
"""Reads what follows a cursor."""


class Tails:
    """The readings that have not begun, by task, person and cursor."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store
        self._waiting: dict[tuple[str, str, int], list[asyncio.Future[Encoded]]] = {}
        self._readings: set[asyncio.Task[None]] = set()

    def of(self, caller: Caller) -> Read:
        """The way to read for this caller. One person's devices see the same log, so they share."""

        async def read(after: int) -> Encoded:
            key = (caller.task_id, caller.sub, after)
            if key not in self._waiting:
                self._waiting[key] = []
                reading = asyncio.create_task(self._read(caller, after, key))
                self._readings.add(reading)
                reading.add_done_callback(self._readings.discard)
            answer: asyncio.Future[Encoded] = asyncio.get_running_loop().create_future()
            self._waiting[key].append(answer)
            return await answer

        return read

    async def _read(self, caller: Caller, after: int, key: tuple[str, str, int]) -> None:
        await asyncio.sleep(0)
        waiting = self._waiting.pop(key)
        try:
            page, _ = await self._store.read(caller, lambda reading: events.page(reading, after=after, most=PAGE))
        except Exception as error:
            for answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
            return
        encoded = Encoded(b"".join(_told(page)), page.next_after, page.next_after < page.head)
        for answer in waiting:
            if not answer.done():
                answer.set_result(encoded)


def _told(page: Page) -> Iterable[bytes]:
    """The events, and before what follows it each elision, which has no id: nobody goes on from there."""
    elided = list(page.elided)
    for event in page.events:
        while elided and elided[0].from_seq <= event.seq:
            yield _encoded_elision(elided.pop(0))
        yield _encoded(event)
    for elision in elided:
        yield _encoded_elision(elision)


def _encoded_elision(elided: Elided) -> bytes:
    return b"event: elided\ndata: %s\n\n" % one_line(msgspec.json.encode(elided))


def _encoded(event: ShownEvent) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (event.seq, one_line(msgspec.json.encode(event)))


def one_line(json: bytes) -> bytes:
    """One line of data, also for the many clients that take Unicode's line separators for the end of one."""
    for separator, escape in _SEPARATORS:
        json = json.replace(separator, escape)
    return json
