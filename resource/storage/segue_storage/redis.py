"""The ephemeral store of any number of processes: a Redis or a Redis cluster, asked once for each decision."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from segue.clock import Clock
from segue.replay import CLOCK_STEP, MemoryLost, MemoryUnavailable

from .notes import Note
from .redis_line import OUTAGE, Script, Word
from .redis_memory import ALLOW, AWAY, KEPT_LONGER, MEMORY, REMEMBER, SIZE, part
from .redis_notes import EXTEND, OPEN, PUT, STOP, TEXTS
from .redis_shards import TAGGED, Tag, ask, open_shards, placed
from .redis_topics import Topics
from .texts import Growth, Text
from .wakeups import Wakeups

_log = logging.getLogger(__name__)


class RedisEphemeral:
    """An `Ephemeral` for one event loop. `random(n)` gives n random bytes."""

    def __init__(self, url: str, clock: Clock, random: Callable[[int], bytes]) -> None:
        self._shards = open_shards(url)
        self._clock = clock
        self._random = random
        self._topics = Topics(self._shards)
        self._asking: asyncio.Future[list[bytes | Exception]] | None = None
        self.outages = 0

    async def incarnation(self) -> bytes:
        """Of all parts of the memory. One that cannot be asked is `AWAY`, and refuses its uses itself.

        Whoever asks at the same time shares the answer: a use is compared with what its part says then.
        """
        if self._asking is None or self._asking.done():
            self._asking = asyncio.gather(*map(self._incarnation_of, TAGGED))
        parts = await asyncio.shield(self._asking)
        outages = [part for part in parts if not isinstance(part, bytes)]
        self.outages += bool(outages)
        if len(outages) == len(parts):
            raise MemoryUnavailable("Redis did not answer") from outages[0]
        return b"".join(part if isinstance(part, bytes) else AWAY for part in parts)

    async def first_use(self, key: str, *, lifetime: int, incarnation: bytes) -> bool:
        tag, use = placed("use", key)
        answer = await self._answered(self._remember(tag, (use,), part(incarnation, tag), lifetime))
        if answer == -1:
            raise MemoryLost("Redis lost the uses it remembered")
        return bool(answer)

    async def allow(self, key: str, *, limit: int, window: int) -> bool:
        if limit < 1:
            return False
        tag, rate = placed("rate", key)
        return bool(await self._run(tag, ALLOW, (rate,), self._clock(), limit, window))

    async def wake(self, topic: str) -> None:
        try:
            await self._topics.wake(topic)
        except OUTAGE as outage:
            self.outages += 1
            _log.warning("a wake-up was lost: %r", outage)

    def listen(self, *topics: str) -> AbstractAsyncContextManager[Wakeups]:
        return self._topics.listen(*topics)

    async def open_text(self, group: str, name: str, about: bytes, *, most: int, lifetime: int) -> bool:
        tag, names, prefix = _group(group)
        keys = (names, prefix + name)
        return bool(await self._run(tag, OPEN, keys, prefix, name, about, most, lifetime))

    async def extend_text(
        self, group: str, name: str, piece: bytes, *, at: int, size: int, mark: bytes, limit: int, lifetime: int
    ) -> Growth:
        tag, names, prefix = _group(group)
        keys = (names, prefix + name, f"{prefix}{name}:pieces")
        result, length = await self._run(tag, EXTEND, keys, piece, at, size, mark, limit, lifetime)
        return Growth(result.decode(), length)

    async def stop_text(self, group: str, name: str) -> int | None:
        tag, _, prefix = _group(group)
        length: int = await self._run(tag, STOP, (prefix + name,))
        return None if length < 0 else length

    async def drop_text(self, group: str, name: str) -> None:
        tag, _, prefix = _group(group)
        await self._ask(tag, "DEL", prefix + name, f"{prefix}{name}:pieces")

    async def texts(self, group: str, known: Mapping[str, int]) -> dict[str, Text]:
        tag, names, prefix = _group(group)
        counted = (part for pair in known.items() for part in pair)
        found = await self._run(tag, TEXTS, (names,), prefix, *counted)
        return {
            name.decode(): Text(about, length, bool(stopped), first, pieces)
            for name, about, length, stopped, first, pieces in found
        }

    async def put_note(self, board: str, name: str, value: bytes, *, most: int, lifetime: int) -> bool:
        tag, key = placed("notes", board)
        answer = await self._run(tag, PUT, (key,), self._clock(), name, value, most, lifetime)
        if answer < 0:
            raise MemoryUnavailable("too many notes to remember")
        return bool(answer)

    async def notes(self, board: str) -> dict[str, Note]:
        tag, key = placed("notes", board)
        found = await self._ask(tag, "HGETALL", key)
        parted = ((name, written.partition(b":")) for name, written in zip(found[::2], found[1::2], strict=True))
        notes = {name.decode(): Note(value, int(expires_at)) for name, (expires_at, _, value) in parted}
        now = self._clock()
        return {name: note for name, note in notes.items() if note.expires_at > now}

    async def aclose(self) -> None:
        await self._topics.aclose()
        await self._shards.aclose()

    async def _incarnation_of(self, tag: Tag) -> bytes | Exception:
        try:
            current: bytes = await self._remember(tag, ())
        except OUTAGE as outage:
            return outage
        return current

    async def _remember(self, tag: Tag, use: tuple[str, ...], *claimed: bytes | int) -> Any:
        keys = (tag.prefix + MEMORY, *use)
        arguments = (self._clock(), CLOCK_STEP, KEPT_LONGER, self._random(SIZE), *claimed)
        return await ask(self._shards, tag.slot, lambda line: line.run(REMEMBER, keys, *arguments))

    async def _run(self, tag: Tag, script: Script, keys: Sequence[str], *arguments: Word) -> Any:
        return await self._answered(ask(self._shards, tag.slot, lambda line: line.run(script, keys, *arguments)))

    async def _ask(self, tag: Tag, *words: Word) -> Any:
        return await self._answered(ask(self._shards, tag.slot, lambda line: line.ask(*words)))

    async def _answered(self, answer: Coroutine[Any, Any, Any]) -> Any:
        """What Redis answers, or `MemoryUnavailable`."""
        try:
            return await answer
        except OUTAGE as outage:
            self.outages += 1
            raise MemoryUnavailable("Redis did not answer") from outage


def _group(group: str) -> tuple[Tag, str, str]:
    """The tag of a group of texts, where their names are, and what the keys of its texts begin with."""
    tag, names = placed("texts", group)
    return tag, names, f"{names}:"
