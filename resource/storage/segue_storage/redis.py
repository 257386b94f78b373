"""The ephemeral store of any number of processes: Redis, asked once for each decision."""

import hashlib
import logging
from asyncio import timeout
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from segue.clock import Clock
from segue.replay import CLOCK_STEP, MemoryLost, MemoryUnavailable

from .notes import Note
from .redis_memory import ALLOW, MEMORY, REMEMBER, settle
from .redis_notes import EXTEND, OPEN, PUT, STOP, TEXTS
from .redis_topics import OUTAGE, PREFIX, Topics
from .texts import Growth, Text
from .wakeups import Wakeups

CONNECTIONS = 32
"""The most connections of one process; one of them listens. Redis itself is one thread, more would only queue there."""
ANSWER = 1.0
"""Seconds that Redis has for one answer."""
PATIENCE = 2.0
"""Seconds after which a decision is given up, whatever it waits for."""

_log = logging.getLogger(__name__)


class RedisEphemeral:
    """An `Ephemeral` for one event loop. `random(n)` gives n random bytes."""

    def __init__(self, url: str, clock: Clock, random: Callable[[int], bytes]) -> None:
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=ANSWER,
            socket_timeout=ANSWER,
            socket_connect_timeout=ANSWER,
            protocol=2,
            retry=Retry(NoBackoff(), 0),  # a use whose answer was lost would look like a second use
            redis_connect_func=settle(random),
        )
        self._client = Redis(connection_pool=self._pool)
        self._clock = clock
        self._random = random
        self._remember = self._client.register_script(REMEMBER)
        self._allow = self._client.register_script(ALLOW)
        self._open, self._extend, self._stop, self._read_texts, self._put = (
            self._client.register_script(script) for script in (OPEN, EXTEND, STOP, TEXTS, PUT)
        )
        self._topics = Topics(self._pool)
        self.outages = 0

    async def incarnation(self) -> bytes:
        async with self._answered():
            current: bytes = await self._remember([MEMORY], self._moment())
        return current

    async def first_use(self, key: str, *, lifetime: int, incarnation: bytes) -> bool:
        async with self._answered():
            keys = [MEMORY, f"segue:use:{_digest(key)}"]
            answer = await self._remember(keys, [*self._moment(), incarnation, lifetime])
        if answer == -1:
            raise MemoryLost("Redis lost the uses it remembered")
        return bool(answer)

    async def allow(self, key: str, *, limit: int, window: int) -> bool:
        if limit < 1:
            return False
        async with self._answered():
            answer = await self._allow([f"segue:rate:{_digest(key)}"], [self._clock(), limit, window])
        return bool(answer)

    async def wake(self, topic: str) -> None:
        try:
            async with self._answered():
                await self._client.publish(PREFIX + topic, b"")
        except MemoryUnavailable as outage:
            _log.warning("a wake-up was lost: %r", outage.__cause__)

    def listen(self, *topics: str) -> AbstractAsyncContextManager[Wakeups]:
        return self._topics.listen(*topics)

    async def open_text(self, group: str, name: str, about: bytes, *, most: int, lifetime: int) -> bool:
        names, prefix = _group(group)
        async with self._answered():
            answer = await self._open([names, prefix + name], [prefix, name, about, most, lifetime])
        return bool(answer)

    async def extend_text(
        self, group: str, name: str, piece: bytes, *, at: int, size: int, mark: bytes, limit: int, lifetime: int
    ) -> Growth:
        names, prefix = _group(group)
        keys = [names, prefix + name, f"{prefix}{name}:pieces"]
        async with self._answered():
            result, length = await self._extend(keys, [piece, at, size, mark, limit, lifetime])
        return Growth(result.decode(), length)

    async def stop_text(self, group: str, name: str) -> int | None:
        async with self._answered():
            length: int = await self._stop([_group(group)[1] + name])
        return None if length < 0 else length

    async def drop_text(self, group: str, name: str) -> None:
        prefix = _group(group)[1]
        async with self._answered():
            await self._client.delete(prefix + name, f"{prefix}{name}:pieces")

    async def texts(self, group: str, known: Mapping[str, int]) -> dict[str, Text]:
        names, prefix = _group(group)
        arguments: list[Any] = [prefix, *(part for pair in known.items() for part in pair)]
        async with self._answered():
            found = await self._read_texts([names], arguments)
        return {
            name.decode(): Text(about, length, bool(stopped), first, pieces)
            for name, about, length, stopped, first, pieces in found
        }

    async def put_note(self, board: str, name: str, value: bytes, *, most: int, lifetime: int) -> bool:
        async with self._answered():
            answer = await self._put([_board(board)], [self._clock(), name, value, most, lifetime])
        if answer < 0:
            raise MemoryUnavailable("too many notes to remember")
        return bool(answer)

    async def notes(self, board: str) -> dict[str, Note]:
        async with self._answered():
            found: dict[Any, Any] = await self._client.hgetall(_board(board))
        parted = ((name, written.partition(b":")) for name, written in found.items())
        notes = {name.decode(): Note(value, int(expires_at)) for name, (expires_at, _, value) in parted}
        now = self._clock()
        return {name: note for name, note in notes.items() if note.expires_at > now}

    async def aclose(self) -> None:
        await self._topics.aclose()
        await self._client.aclose()
        await self._pool.aclose()

    def _moment(self) -> list[Any]:
        return [self._clock(), CLOCK_STEP, self._random(16).hex()]

    @asynccontextmanager
    async def _answered(self) -> AsyncIterator[None]:
        """Within `PATIENCE` seconds Redis has answered, or `MemoryUnavailable` is raised."""
        try:
            async with timeout(PATIENCE):
                yield
        except OUTAGE as outage:
            self.outages += 1
            raise MemoryUnavailable("Redis did not answer") from outage


def _group(group: str) -> tuple[str, str]:
    """Where the names of a group's texts are, and what the keys of its texts begin with."""
    digest = _digest(group)
    return f"segue:texts:{{{digest}}}", f"segue:text:{{{digest}}}:"


def _board(board: str) -> str:
    return f"segue:notes:{_digest(board)}"


def _digest(key: str) -> str:
    """A name of fixed length, whatever a caller or an attacker put into the key."""
    return hashlib.sha256(key.encode()).hexdigest()
