"""One device following a log: Server-Sent Events (HTML Living Standard, section 9.2) from a cursor on, then live.

A wake-up only says that it is time to read; what is sent was always read by cursor, so a lost wake-up delays and never
loses, and after a break the client goes on behind the `id` that it saw last.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from dataclasses import dataclass

from segue.clock import Clock
from segue_storage.chunks import CHUNKS, Chunks
from segue_storage.database import DatabaseUnavailable
from segue_storage.ephemeral import Wakeups
from segue_storage.going_away import GoingAway
from starlette.types import Receive, Scope, Send

from segue_resource.domain.refusal import Refused
from segue_resource.endpoints.heads import Watch
from segue_resource.endpoints.live import Live, Snapshot, Told
from segue_resource.endpoints.tail import Encoded, Read
from segue_resource.stores.keys.sealing import Damaged

HEARTBEAT = 15.0
"""Seconds between two signs of life."""
STALLED = 30.0
"""Seconds after which a client that does not read is cut; it goes on from its cursor when it comes back."""
OUTAGE = 1.0
"""Seconds between two looks at what is live while that cannot be known."""
RETRY = 1000
"""Milliseconds after which a client connects again."""
PATIENCE = 10.0
"""Seconds that a client may still take to read on once its token has expired."""

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_HELLO = b"retry: %d\n\n" % RETRY
_ALIVE = b":\n\n"
_EXPIRED = b"event: expired\ndata: {}\n\n"
_GOING_AWAY = b"event: going-away\ndata: {}\n\n"
_NOTHING = Encoded(b"", 0)
_END = ""
"""The topic of which a stream is woken when it has come to its end."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Followed:
    """What a stream follows: the topics of a task's log and of what is live there, and how it hears of each.

    `place` is its own among those of its device.
    """

    log: str
    live: str
    listening: AbstractAsyncContextManager[Wakeups]
    watched: AbstractContextManager[Watch]
    lives: AbstractContextManager[Live]
    place: AbstractContextManager[None]


class EventStream:
    """The answer, as an ASGI application. `lasts` is how many seconds the token is still good for."""

    def __init__(
        self,
        read: Read,
        followed: Followed,
        *,
        after: int,
        lasts: float,
        going_away: GoingAway,
        clock: Clock,
    ) -> None:
        self._read = read
        self._followed = followed
        self._cursor = after
        self._lasts = lasts
        self._going_away = going_away
        self._clock = clock
        self._told = Told()

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        with self._followed.place:
            await self._serve(receive, send)

    async def _serve(self, receive: Receive, send: Send) -> None:
        client = _Client(send)
        await client.begin()
        expires_at = asyncio.get_running_loop().time() + self._lasts
        end = _End(receive, self._going_away, expires_at=expires_at)
        try:
            async with asyncio.timeout_at(expires_at + PATIENCE), self._followed.listening as wakeups:
                with self._followed.watched as watch, self._followed.lives as live, end.woken_by(wakeups):
                    watch.follow(wakeups, self._followed.log)
                    last_word = await self._follow(wakeups, watch, live, end, client)
                await client.send(last_word, more=False)
        except TimeoutError:
            _log.info("a stream was cut because its client did not read on")
        finally:
            end.forget()

    async def _follow(self, wakeups: Wakeups, watch: Watch, live: Live, end: "_End", client: "_Client") -> bytes:
        """Send what is there and what comes; the last word to say. What is live follows once the past is told."""
        await client.send(_HELLO)
        log, lively, pause = True, True, HEARTBEAT
        while (last_word := end.reached()) is None:
            before = after = b""
            if lively and not log:
                snapshot = await live.read()
                before, after = self._told.news(snapshot)
                log, lively, pause = bool(after), False, self._pause(snapshot)
            page = _NOTHING
            if log:
                try:
                    page = await self._read(self._cursor)
                except DatabaseUnavailable as outage:
                    _log.warning("a stream ended: %s", outage)
                    return _GOING_AWAY
                except Damaged as damaged:  # whoever comes back hears which event it is
                    _log.error("a stream ended before what is damaged: %s", damaged)
                    return _GOING_AWAY
                except Refused:  # the person no longer takes part
                    return _EXPIRED
                self._cursor = watch.cursor = max(self._cursor, page.next_after)
                log = page.more
            if text := before + page.text + after:
                await client.send(text)
            if log or lively:
                continue
            if await wakeups.wait(end.within(pause)):
                log, lively = self._followed.log in wakeups.woken, self._followed.live in wakeups.woken
            elif end.reached() is None:
                await client.send(_ALIVE)
                lively = True
        return last_word

    def _pause(self, snapshot: Snapshot) -> float:
        """Seconds until it is time to look again, for a sign of life or because somebody may have left."""
        if snapshot.drafts is None:
            return min(HEARTBEAT, OUTAGE)
        soonest = min((note.expires_at for note in snapshot.present.values()), default=None)
        return HEARTBEAT if soonest is None else min(HEARTBEAT, max(1.0, soonest - self._clock()))


class _Client:
    """Who is told. What it costs while it does not read on is bounded."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._chunks = Chunks()

    async def begin(self) -> None:
        message = {"type": "http.response.start", "status": 200, "headers": _HEADERS, CHUNKS: self._chunks}
        await self._send(message)

    async def send(self, text: bytes, *, more: bool = True) -> None:
        """By the short way, while it takes all. Raises TimeoutError when the client has not read on for long."""
        if more and self._chunks.write(text):
            return
        async with asyncio.timeout(STALLED):
            await self._send({"type": "http.response.body", "body": text, "more_body": more})


class _End:
    """What ends a stream: its client leaves, the server stops, the token expires."""

    def __init__(self, receive: Receive, going_away: GoingAway, *, expires_at: float) -> None:
        self._gone = asyncio.create_task(_disconnected(receive))
        self._going_away = going_away
        self._expires_at = expires_at

    def reached(self) -> bytes | None:
        """The last word if it has come to an end."""
        if self._gone.done():
            return b""
        if self._going_away.said:
            return _GOING_AWAY
        return _EXPIRED if self.within(1.0) <= 0 else None

    @contextmanager
    def woken_by(self, wakeups: Wakeups) -> Iterator[None]:
        """Wake the stream when its client leaves or the server stops, so that it needs no task to wait for either."""

        def wake(_: object = None) -> None:
            wakeups.wake(_END)

        self._gone.add_done_callback(wake)
        with self._going_away.heard(wake):
            yield

    def within(self, seconds: float) -> float:
        """So long, or until the token expires."""
        return max(0.0, min(seconds, self._expires_at - asyncio.get_running_loop().time()))

    def forget(self) -> None:
        self._gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
