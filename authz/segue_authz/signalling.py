"""Tells receivers what has ended: looks for it, and pushes it to those who want that (RFC 8935)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from segue.clock import Clock
from segue_storage.database import DatabaseUnavailable

from segue_authz.domain.signal_stream import Signal, Stream
from segue_authz.outbound import NotReached
from segue_authz.stores.signals import Signals
from segue_authz.tokens.sealed import Sealing
from segue_authz.tokens.security_event import TYPE, SecurityEvents

EVERY = 0.5
"""Seconds between two looks: a withdrawal is to be heard within one."""
Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[int]]
"""Sends it, and answers the status. Raises `NotReached`."""

_LOG = logging.getLogger("segue_authz")


class Signalling:
    """Every process does this; what one has taken, no other sends."""

    def __init__(self, signals: Signals, *, events: SecurityEvents, sealing: Sealing, clock: Clock, post: Post) -> None:
        self._signals = signals
        self._events = events
        self._sealing = sealing
        self._clock = clock
        self._post = post

    async def signal(self) -> int:
        """Look once, push what is due, and say how much that was."""
        await self._signals.gather(now=self._clock())
        taken = await self._signals.take(now=self._clock())
        await asyncio.gather(*(self._push(stream, signal) for stream, signal in taken))
        return len(taken)

    async def run(self) -> None:
        """For as long as the server lives."""
        while True:
            try:
                more = await self.signal()
            except DatabaseUnavailable as away:
                more = 0
                _LOG.error("signals cannot be read: %s", away)
            except Exception:
                more = 0
                _LOG.exception("signals could not be told")
            if not more:
                await asyncio.sleep(EVERY)

    async def _push(self, stream: Stream, signal: Signal) -> None:
        """Anything but an acknowledgement is no acknowledgement: it stays due (RFC 8935 section 2.2)."""
        headers = {"Content-Type": f"application/{TYPE}", "Accept": "application/json"}
        if stream.endpoint_authorization is not None:
            headers["Authorization"] = self._sealing.unseal(stream.endpoint_authorization, row=stream.stream_id)
        try:
            status = await self._post(stream.endpoint_url or "", self._events.token(stream, signal).encode(), headers)
        except NotReached as failed:
            _LOG.warning("signal %s of %s: %s", signal.jti, stream.stream_id, failed)
            return
        if status in (200, 202):
            await self._signals.acknowledge(stream, [signal.jti])
        else:
            _LOG.warning("signal %s of %s: answered with %d", signal.jti, stream.stream_id, status)
