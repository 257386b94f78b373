"""HTTP/1.1 as uvicorn reads it, whose own refusals are problem details too (RFC 9457), and which waits for nobody long.

Who connects and says nothing, sends a head or a body byte by byte, or does not read what it is sent, holds a connection
for a bounded time and a bounded memory (XD-DOS-03). A connection that has been answered and is idle is uvicorn's to
end; what waits for the application is the application's.
"""

import asyncio
from typing import Any

from segue.problem import Problem, problem_response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from . import open_files
from .chunks import WAY, way_of

HEAD = 15.0
"""Seconds in which the head of a request has come, from the connection or from its first byte on."""
BODY = 20.0
"""Seconds for the first of a body. Applications read small ones in less; this holds for whoever does not read."""
RATE = 1024
"""Bytes a second at which a body goes on coming after that, and at which an answer is read."""
UNREAD = 60.0
"""Seconds in which an answer that waits for its reader has gone on at that rate."""
LOOK = 5.0
"""Seconds between two looks at a connection: so much later may it end."""
MAX_HEAD = 65_536
"""Bytes of a request's line and header fields."""
SPARE = 64
"""Files that the process can still open when it takes no more connections: for its database above all."""

_NOT_HTTP = Problem(400, "malformed-http", "The request is not HTTP", "it cannot be read as HTTP/1.1")
_TOO_SLOW = Problem(408, "request-timeout", "The request is incomplete", "it came too slowly")
_LARGE_HEAD = Problem(431, "head-too-large", "The header is too large", f"it may have {MAX_HEAD} bytes")
_FULL = Problem(
    503, "unavailable", "Too many are connected", "nothing was done; try again", headers={"Retry-After": "5"}
)
_PHRASES = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


class HttpProtocol(HttpToolsProtocol):
    """What is refused here gets its answer before any application is asked, and the connection ends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._due: float | None = None
        """When the client has done what is its to do next, in the loop's seconds. None while nothing is."""
        self._begun = False
        """Whether something of a request has come, and not all of it."""
        self._head: int | None = None
        """Bytes of the head that is coming, but for the first piece."""
        self._unread = 0
        """Bytes that the client had not taken at the last look."""
        self._stalled = 0.0
        """Seconds for which it has taken too few."""
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._due = self.loop.time() + HEAD
        self._looking = self.loop.call_later(LOOK, self._look)
        if len(self.connections) > open_files.limit() - SPARE:
            self._refuse(_FULL)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._looking.cancel()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._due is None and (self.cycle is None or self.cycle.response_complete):
            self._due = self.loop.time() + HEAD
        begun = self._head is not None
        super().data_received(data)
        if begun and self._head is not None:
            self._head += len(data)
            if self._head > MAX_HEAD and not self._refused:
                self._refuse(_LARGE_HEAD)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun, self._head = True, 0

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.cycle is not None:
            scope: Any = self.cycle.scope
            scope[WAY] = way_of(self.cycle)
        self._due, self._head = self.loop.time() + BODY, None

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self._due is not None:
            self._due += len(body) / RATE

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._due, self._begun = None, False

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the parser's word, which is for the log
        self._refuse(_NOT_HTTP)

    def _look(self) -> None:
        if self._reads_too_slowly():
            self.transport.abort()
            return
        self._looking = self.loop.call_later(LOOK, self._look)
        now = self.loop.time()
        if self._refused:
            self.transport.close()
        elif self._due is None or self._due > now:
            return
        elif self.flow.read_paused:  # it is we who do not read
            self._due = now + LOOK
        elif self._begun and (self._head is not None or not self.cycle.response_started):
            self._refuse(_TOO_SLOW)
        else:
            self.transport.close()

    def _reads_too_slowly(self) -> bool:
        """Also on a connection that is closed, whose last bytes would wait for ever."""
        unread, before = self.transport.get_write_buffer_size(), self._unread
        self._unread = unread
        enough = unread == 0 or unread <= before - RATE * LOOK
        self._stalled = 0.0 if enough else self._stalled + LOOK
        return self._stalled > UNREAD

    def _refuse(self, problem: Problem) -> None:
        """Answer in the place of the application, which finds that its client has left.

        What still comes is not read, and the connection closed at the next look: at once, the answer would be lost on
        a client that is sending (RFC 9112 section 9.6).
        """
        self._refused = True
        status, headers, body = problem_response(problem)
        first = b"HTTP/1.1 %d %s" % (status, _PHRASES[status])
        lines = [first, *(b": ".join(header) for header in headers), b"connection: close"]
        self.transport.write(b"\r\n".join([*lines, b"", body]))
        self.transport.write_eof()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
