"""Sends requests that were made beforehand, over connections that stay open, as fast as they are answered."""

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

CONNECTIONS = 32
PATIENCE = 30.0
"""Seconds until an answer."""
_END = b"\r\n\r\n"


class NotAsExpected(Exception):
    """An answer has another status than it must; says which, and its text."""


class Sent(NamedTuple):
    """`seconds` from the first request to the last answer; milliseconds of each request."""

    seconds: float
    milliseconds: list[float]
    last: bytes


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heard = b""
        self._began = 0.0

    def ask(self, request: bytes) -> None:
        self._heard = b""
        self._began = time.perf_counter()
        self.socket.sendall(request)

    def hear(self) -> tuple[bytes, float] | None:
        """The answer and its milliseconds, once it is whole."""
        more = self.socket.recv(65_536)
        if not more:
            raise NotAsExpected("the server closed a connection")
        self._heard += more
        head, end, body = self._heard.partition(_END)
        if not end or len(body) < _length(head):
            return None
        return self._heard, 1_000 * (time.perf_counter() - self._began)


def send(port: int, requests: Sequence[bytes], *, status: int, connections: int = CONNECTIONS) -> Sent:
    """Send all of them, each connection one after the other. Raises `NotAsExpected`."""
    opened = [_Connection(port) for _ in range(min(connections, len(requests)))]
    try:
        return _send(opened, iter(requests), expected=b"%d" % status)
    finally:
        for connection in opened:
            connection.socket.close()


def _send(opened: list[_Connection], waiting: Iterator[bytes], *, expected: bytes) -> Sent:
    taken, last = list[float](), b""
    with selectors.DefaultSelector() as selector:
        began = time.perf_counter()
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.ask(next(waiting))
        while selector.get_map():
            ready = selector.select(PATIENCE)
            if not ready:
                raise NotAsExpected(f"no answer within {PATIENCE} seconds")
            for key, _ in ready:
                answer = key.data.hear()
                if answer is None:
                    continue
                last, milliseconds = answer
                if last[9:12] != expected:
                    raise NotAsExpected(last.decode(errors="replace"))
                taken.append(milliseconds)
                following = next(waiting, None)
                if following is None:
                    selector.unregister(key.fileobj)
                else:
                    key.data.ask(following)
        return Sent(time.perf_counter() - began, taken, last)


def header(answer: bytes, name: str) -> str:
    """A header field of an answer."""
    for line in answer.partition(_END)[0].decode().split("\r\n")[1:]:
        field, _, value = line.partition(":")
        if field.lower() == name:
            return value.strip()
    raise NotAsExpected(f"no {name}: {answer[:500]!r}")


def _length(head: bytes) -> int:
    at = head.lower().find(b"\r\ncontent-length:")
    if at < 0:
        raise NotAsExpected(f"an answer without its length: {head[:500]!r}")
    return int(head[at + 17 :].partition(b"\r\n")[0])
