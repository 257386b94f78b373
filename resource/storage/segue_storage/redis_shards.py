"""Which Redis has a key: the only one, or the one of a cluster that has the key's slot.

A cluster divides 16384 slots among its masters (Redis cluster specification, "Key distribution model"). Keys that are
asked for together have one slot, by a tag in braces. A tag stands for a 64th of everything; each has a slot in another
64th of the slots, so masters with equally many slots have equally many tags.
"""

import asyncio
import hashlib
import itertools
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit, urlunsplit

from redis.asyncio import Connection
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError

from .redis_line import OUTAGE, Line, Node

TAGS = 64
PORT = 6379
MOVES = 3
"""How many Redis are asked for one thing, as long as each names the next."""
AGAIN = 0.25
"""Seconds between two looks at who has which slot."""

Place = tuple[str, int]
"""Host and port."""

_log = logging.getLogger(__name__)


class Tag(NamedTuple):
    """`prefix` begins the keys, `slot` is where they are."""

    number: int
    prefix: str
    slot: int


def _spread() -> tuple[Tag, ...]:
    """The first name of a tag in each part of the slots."""
    found: dict[int, Tag] = {}
    for name in itertools.count():
        slot = key_slot(b"%d" % name)
        number = slot * TAGS // SLOTS
        found.setdefault(number, Tag(number, f"segue:{{{name}}}:", slot))
        if len(found) == TAGS:
            return tuple(found[number] for number in range(TAGS))
    raise AssertionError("every part of the slots has a name")


TAGGED = _spread()


def tag_of(key: str) -> Tag:
    return TAGGED[hashlib.sha256(key.encode()).digest()[0] % TAGS]


def placed(kind: str, key: str) -> tuple[Tag, str]:
    """The tag of what has this key, and its name in Redis: of fixed length, whatever an attacker put into the key."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    tag = tag_of(key)
    return tag, f"{tag.prefix}{kind}:{digest}"


class Shards(Protocol):
    """Whom to ask for a slot. `changed` is called whenever that may be another Redis than before."""

    changed: Callable[[], None]

    async def node(self, slot: int) -> Node:
        """The Redis that has the slot, as far as is known. Raises one of `OUTAGE` when nothing is."""
        ...

    def moved(self, slot: int, place: Place) -> None:
        """A Redis has said who has the slot."""
        ...

    def suspect(self) -> None:
        """A Redis could not be had, or does not have what it had: another one may have it by now."""
        ...

    async def aclose(self) -> None: ...


Question = Callable[[Line], Awaitable[Any]]


async def ask(shards: Shards, slot: int, question: Question) -> Any:
    """The answer of the Redis that has the slot. Raises one of `OUTAGE`.

    One that does not have the slot has done nothing but say who has it.
    """
    try:
        for _ in range(MOVES):
            node = await shards.node(slot)
            try:
                return await question(await node.line())
            except MovedError as moved:
                shards.moved(slot, (moved.host, moved.port))
    except OUTAGE:
        shards.suspect()
        raise
    raise RedisConnectionError("one Redis names the other as the one that has the slot")


class OneRedis:
    """A Redis that has every slot."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.changed: Callable[[], None] = _nothing

    async def node(self, slot: int) -> Node:  # noqa: ARG002
        return self._node

    def moved(self, slot: int, place: Place) -> None:
        """It does not say so."""

    def suspect(self) -> None:
        """Nobody else can have it."""

    async def aclose(self) -> None:
        await self._node.aclose()


class RedisCluster:
    """Masters, each with some of the slots. `connect` makes a connection to a place, `seeds` are asked first."""

    def __init__(self, seeds: Iterable[Place], connect: Callable[[Place], Connection]) -> None:
        self._connect = connect
        self._nodes: dict[Place, Node] = {}
        self._seeds = tuple(seeds)
        for seed in self._seeds:
            self._known(seed)
        self._masters: dict[int, Node] = {}
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = -math.inf
        self.changed: Callable[[], None] = _nothing

    async def node(self, slot: int) -> Node:
        if not self._masters:
            self.suspect()
            await asyncio.shield(self._looking or asyncio.sleep(0))
        if slot not in self._masters:
            self.suspect()
            raise RedisConnectionError("no Redis is known to have the slot")
        return self._masters[slot]

    def moved(self, slot: int, place: Place) -> None:
        self._masters[slot] = self._known(place)
        self.changed()
        self.suspect()

    def suspect(self) -> None:
        """Look again, soon and once."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="segue-redis-cluster")

    async def aclose(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
        for node in self._nodes.values():
            await node.aclose()

    def _known(self, place: Place) -> Node:
        if place not in self._nodes:
            self._nodes[place] = Node(lambda: self._connect(place))
        return self._nodes[place]

    async def _look(self) -> None:
        """Ask who answers, those with an open line first, and each time another one."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._looked_at + AGAIN - loop.time())
        self._looked_at = loop.time()
        for place, node in sorted(self._nodes.items(), key=lambda known: not known[1].is_open):
            try:
                slots = await (await node.line()).ask("CLUSTER", "SLOTS")
            except OUTAGE as outage:
                _log.warning("one of the cluster's Redis did not say who has which slot: %r", outage)
                continue
            self._nodes[place] = self._nodes.pop(place)
            await self._take(slots, place)
            return

    async def _take(self, slots: list[Any], asked: Place) -> None:
        """`slots` is the answer of CLUSTER SLOTS. Without a host a server is where it was `asked` about."""
        masters: dict[int, Node] = {}
        named = set()
        for first, last, *servers in slots:
            places = [((host or b"").decode() or asked[0], port) for host, port, *_ in servers]
            masters |= {tag.slot: self._known(places[0]) for tag in TAGGED if first <= tag.slot <= last}
            named.update(places)
        self._masters, before = masters, self._masters
        if masters != before:
            self.changed()
        for place in self._nodes.keys() - named:
            node = self._nodes[place] if place in self._seeds else self._nodes.pop(place)
            await node.aclose()


def open_shards(url: str) -> Shards:
    """The shards of a Redis, or of a cluster (`redis+cluster://`). Raises ValueError for what cannot be parsed."""
    parts = urlsplit(url)
    scheme, _, cluster = parts.scheme.partition("+")
    credentials, at, hosts = parts.netloc.rpartition("@")
    members = [
        parse_url(urlunsplit(parts._replace(scheme=scheme, netloc=credentials + at + host)))
        for host in (hosts.split(",") if cluster else [hosts])
    ]
    if not cluster:
        return OneRedis(Node(lambda: _connection(members[0])))
    if any(member.get("db") for member in members):
        raise ValueError("a Redis cluster has no numbered databases")
    places = [(member.get("host", "localhost"), member.get("port", PORT)) for member in members]
    return RedisCluster(places, lambda place: _connection(members[0], host=place[0], port=place[1]))


def _connection(options: Mapping[str, Any], **place: Any) -> Connection:
    """RESP2, no timeouts and no second attempts of its own: `redis_line` sees to them."""
    make = options.get("connection_class", Connection)
    ours = {"protocol": 2, "retry": Retry(NoBackoff(), 0), "socket_timeout": None, "socket_connect_timeout": None}
    theirs = {name: value for name, value in options.items() if name != "connection_class"}
    connection: Connection = make(**{**theirs, **place, **ours})
    return connection


def _nothing() -> None:
    """Nobody has asked to be told yet."""
