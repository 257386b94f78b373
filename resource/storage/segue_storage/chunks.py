"""A short way for what a stream sends often: from who writes it to the connection, past all that only hands it on.

Whoever begins an answer puts `Chunks` into the message that begins it, under `CHUNKS`. If the message gets as far as
the outermost layer, they are given the way that the server has put into the request. So nobody who takes the message
for something else is passed by, and nobody need take the way: what it does not take is sent as ever. Whatever stands
between may not change bodies.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import ref

if TYPE_CHECKING:  # who is served by another server need not have this one
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

CHUNKS = "segue.chunks"
WAY = "segue.way"
"""Where a request's scope has what answers it, which has the scope."""

Way = Callable[[], "RequestResponseCycle | None"]


def way_of(cycle: "RequestResponseCycle") -> Way:
    return ref(cycle)


class Chunks:
    """Pieces of one answer that has no length."""

    __slots__ = ("_cycle",)

    def __init__(self) -> None:
        self._cycle: RequestResponseCycle | None = None

    def go(self, way: Way | None) -> None:
        """From now on by this way, if there is one."""
        self._cycle = None if way is None else way()

    def write(self, text: bytes) -> bool:
        """Whether it is on its way. It is not while the client has yet to take what was sent before."""
        cycle = self._cycle
        if cycle is None or not text or cycle.flow.write_paused or not cycle.chunked_encoding:
            return False
        if cycle.disconnected or not cycle.response_started or cycle.response_complete or _is_head(cycle):
            return False
        cycle.transport.write(b"%x\r\n%b\r\n" % (len(text), text))  # RFC 9112 section 7.1
        return True


def _is_head(cycle: "RequestResponseCycle") -> bool:
    """Its answer has no body."""
    return bool(cycle.scope["method"] == "HEAD")
