"""Wake-ups through Redis: one subscribed connection to each shard, shared by the listeners of this process.

Sharded: a wake-up goes to the Redis that has the topic's slot, and the others do not hear of it.
"""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from redis.asyncio import Connection

from .redis_line import OUTAGE, Node, packed
from .redis_shards import Shards, ask, tag_of
from .wakeups import Listeners, Wakeups

RETRY = 0.5
"""Seconds until the next attempt to connect."""
CONFIRM = 1.0
"""Seconds that a new listener waits at most for Redis to say that it listens."""

_TOPIC = "topic:"
_log = logging.getLogger(__name__)


class Topics:
    """Who listens to what in this process, and the task that sees to it that each topic is heard where it is."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        shards.changed = self._sort_again
        self._listeners = Listeners()
        self._confirmed: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Event()
        self._ears: dict[Node, _Ear] = {}
        self._heard_by: dict[str, _Ear] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def wake(self, topic: str) -> None:
        """Raises one of `OUTAGE`."""
        channel = _channel(topic)
        await ask(self._shards, tag_of(topic).slot, lambda line: line.ask("SPUBLISH", channel, b""))

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
            self._changed.set()  # whoever sorts unsubscribes: a listener that was cancelled can await nothing

    async def aclose(self) -> None:
        self._closed = True
        tasks = {ear.task for ear in self._ears.values()} | ({self._task} if self._task else set())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _start(self) -> None:
        if not self._closed and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._sort_always(), name="segue-redis-topics")

    async def _sort_always(self) -> None:
        while True:
            self._changed.clear()
            try:
                await self._sort()
            except OUTAGE as outage:
                _log.warning("wake-ups are delayed, no Redis says where their topics are: %r", outage)
                await asyncio.sleep(RETRY)
            else:
                await self._changed.wait()

    async def _sort(self) -> None:
        """Have each topic of a listener heard at its Redis, and no other topic."""
        wanted = self._listeners.topics
        for topic in self._confirmed.keys() - wanted:
            del self._confirmed[topic]
        for topic in self._heard_by.keys() - wanted:
            self._heard_by.pop(topic).forget(topic)
        for topic in wanted - self._heard_by.keys():
            self._heard_by[topic] = self._ear(await self._shards.node(tag_of(topic).slot))
            self._heard_by[topic].follow(topic)

    def _sort_again(self) -> None:
        """Another Redis may have some of the topics. All are followed anew, so nothing in between is missed."""
        for topic, ear in self._heard_by.items():
            ear.forget(topic)
        self._heard_by.clear()
        self._changed.set()

    def _ear(self, node: Node) -> "_Ear":
        if node not in self._ears or self._ears[node].task.done():
            self._ears[node] = _Ear(node, self)
        return self._ears[node]

    def heard(self, kind: bytes, topic: str) -> None:
        """What a shard has said about a topic."""
        if kind == b"smessage":
            self._listeners.wake(topic)
        elif kind == b"ssubscribe":
            self._confirm(topic)
        elif topic in self._heard_by:  # its slot moves to another Redis, or it was left and is wanted again
            self._shards.suspect()

    def lost(self) -> None:
        """A shard cannot be heard."""
        self._shards.suspect()

    def _confirm(self, topic: str) -> None:
        """A second confirmation is that of another connection: something may have been missed in between."""
        confirmed = self._confirmed.setdefault(topic, asyncio.Event())
        if confirmed.is_set():
            self._listeners.wake(topic)
        confirmed.set()


class _Ear:
    """Hears one Redis. Its task ends when that is away and nobody wants to hear it any more."""

    def __init__(self, node: Node, topics: Topics) -> None:
        self._node = node
        self._tells = topics
        self._wanted: set[str] = set()
        self._changed = asyncio.Event()
        self.task = asyncio.create_task(self._hear_always(), name="segue-redis-ear")

    def follow(self, topic: str) -> None:
        self._wanted.add(topic)
        self._changed.set()

    def forget(self, topic: str) -> None:
        self._wanted.discard(topic)
        self._changed.set()

    async def _hear_always(self) -> None:
        while True:
            try:
                await self._hear()
            except* OUTAGE as outage:
                _log.warning("wake-ups are delayed, Redis is away: %r", outage.exceptions[0])
            self._tells.lost()
            await asyncio.sleep(RETRY)
            if not self._wanted:
                return

    async def _hear(self) -> None:
        connection = await self._node.connection()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow(connection))
                tasks.create_task(self._read(connection))
        finally:
            await connection.disconnect(nowait=True)

    async def _follow(self, connection: Connection) -> None:
        """Keep the subscriptions the same as what is wanted."""
        followed: set[str] = set()
        while True:
            self._changed.clear()
            new, gone = self._wanted - followed, followed - self._wanted
            commands = [*_commands("SSUBSCRIBE", new), *_commands("SUNSUBSCRIBE", gone)]
            if commands:
                await connection.send_packed_command(commands, check_health=False)
            followed = (followed | new) - gone
            await self._changed.wait()

    async def _read(self, connection: Connection) -> None:
        while True:
            kind, channel, _ = await connection.read_response(timeout=math.inf)
            self._tells.heard(kind, channel.decode().partition(_TOPIC)[2])


def _commands(name: str, topics: Iterable[str]) -> list[bytes]:
    """One command for each tag: the channels of one command have one slot."""
    by_tag: dict[int, list[str]] = {}
    for topic in topics:
        by_tag.setdefault(tag_of(topic).number, []).append(_channel(topic))
    return [packed(name, *channels) for channels in by_tag.values()]


def _channel(topic: str) -> str:
    return f"{tag_of(topic).prefix}{_TOPIC}{topic}"
