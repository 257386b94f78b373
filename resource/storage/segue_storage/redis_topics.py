"""Wake-ups through Redis: one subscribed connection for each process, shared by its listeners."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio import BlockingConnectionPool
from redis.exceptions import RedisError

from .wakeups import Listeners, Wakeups

OUTAGE = (RedisError, OSError, TimeoutError)
PREFIX = "segue:topic:"
RETRY = 0.5
"""Seconds until the next attempt to connect."""
CONFIRM = 1.0
"""Seconds that a new listener waits at most for Redis to say that it listens."""

_log = logging.getLogger(__name__)


class Topics:
    """Who listens to what in this process, and the task that hears Redis for them."""

    def __init__(self, pool: BlockingConnectionPool) -> None:
        self._pool = pool
        self._listeners = Listeners()
        self._confirmed: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @asynccontextmanager
    async def listen(self, *topics: str) -> AsyncIterator[Wakeups]:
        try:
            with self._listeners.listening(*topics) as listener:
                confirmed = [self._confirmed.setdefault(topic, asyncio.Event()) for topic in topics]
                self._changed.set()
                self._start()
                with suppress(TimeoutError):
                    async with asyncio.timeout(CONFIRM):
                        for each in confirmed:
                            await each.wait()
                yield listener
        finally:
            self._changed.set()  # whoever follows unsubscribes: a listener that was cancelled can await nothing

    async def aclose(self) -> None:
        """End the task. Its loops look at `_closed` too: on Python 3.11 `wait_for`, in redis-py, can lose a cancel."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _start(self) -> None:
        if not self._closed and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._hear_always(), name="segue-redis-topics")

    async def _hear_always(self) -> None:
        while not self._closed:
            try:
                await self._hear()
            except* OUTAGE as outage:
                _log.warning("wake-ups are delayed, Redis is away: %r", outage.exceptions[0])
            await asyncio.sleep(RETRY)

    async def _hear(self) -> None:
        connection: Any = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow(connection))
                tasks.create_task(self._read(connection))
        finally:
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)

    async def _follow(self, connection: Any) -> None:
        """Keep the subscriptions the same as the listeners' topics."""
        followed: frozenset[str] = frozenset()
        while not self._closed:
            self._changed.clear()
            wanted = self._listeners.topics
            for topic in self._confirmed.keys() - wanted:
                del self._confirmed[topic]
            await _send(connection, "SUBSCRIBE", wanted - followed)
            await _send(connection, "UNSUBSCRIBE", followed - wanted)
            followed = wanted
            await self._changed.wait()

    async def _read(self, connection: Any) -> None:
        while not self._closed:
            kind, channel, _ = await connection.read_response(timeout=math.inf)
            topic = channel.decode().removeprefix(PREFIX)
            if kind == b"message":
                self._listeners.wake(topic)
            elif kind == b"subscribe":
                self._confirm(topic)

    def _confirm(self, topic: str) -> None:
        """A second confirmation is that of another connection: something may have been missed in between."""
        confirmed = self._confirmed.setdefault(topic, asyncio.Event())
        if confirmed.is_set():
            self._listeners.wake(topic)
        confirmed.set()


async def _send(connection: Any, command: str, topics: frozenset[str]) -> None:
    if topics:
        await connection.send_command(command, *(PREFIX + topic for topic in topics), check_health=False)
