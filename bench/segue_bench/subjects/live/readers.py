"""Many readers of Server-Sent Events in one process that does little else: bare sockets and one epoll.

What is measured is the server, so a reader does no more than find the number of an event in what it receives.
"""

import json
import select
import socket
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from segue.testing import TestDevice

PATIENCE = 30.0
"""Seconds until all readers have an event, or the measurement fails."""
_CHUNK = 1 << 16


class Slow(Exception):
    """An event did not reach all its readers."""


class Connection:
    """One HTTP/1.1 connection to the server at `address`."""

    def __init__(self, address: str) -> None:
        self.host = urlsplit(address).netloc
        name, _, port = self.host.partition(":")
        self.socket = socket.create_connection((name, int(port)), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def ask(self, method: str, path: str, headers: Mapping[str, str], content: bytes = b"") -> None:
        """Send a request."""
        fields = {"Host": self.host, **headers, "Content-Length": str(len(content))}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.socket.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content)

    def answer(self) -> tuple[int, dict[str, str]]:
        """Status and header fields of the answer; what follows of a stream stays to be received."""
        while b"\r\n\r\n" not in self.rest:
            self._receive()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "content-length" in fields:
            length = int(fields["content-length"])
            while len(self.rest) < length:
                self._receive()
            self.rest = self.rest[length:]
        return int(first.split()[1]), fields

    def _receive(self) -> None:
        received = self.socket.recv(_CHUNK)
        if not received:
            raise Slow("the server has closed a connection")
        self.rest += received


class Writer:
    """A device that appends, each time to a task that it is told."""

    def __init__(self, address: str, device: TestDevice, tokens: Mapping[str, str]) -> None:
        self._address = address
        self._device = device
        self._tokens = tokens
        self._connection = Connection(address)
        self.nonce: str | None = None

    def append(self, task_id: str, text: str) -> float:
        """Returns once it is answered; when it was asked for."""
        content = json.dumps({"events": [{"kind": "message", "role": "agent", "body": {"text": text}}]}).encode()
        for _ in range(2):
            headers = self.headers("POST", task_id) | {"Content-Type": "application/json"}
            began = time.perf_counter()
            self._connection.ask("POST", f"/tasks/{task_id}/events", headers, content)
            status, fields = self._connection.answer()
            self.nonce = fields.get("dpop-nonce", self.nonce)
            if status == 201:
                return began
        raise Slow(f"an append was answered with {status}")

    def connect(self) -> None:
        """Anew: a server closes what has been idle for long."""
        self._connection.socket.close()
        self._connection = Connection(self._address)

    def headers(self, method: str, task_id: str) -> dict[str, str]:
        url = f"{self._address}/tasks/{task_id}/events"
        return self._device.headers(method, url, self._tokens[task_id], nonce=self.nonce)


class Readers:
    """Streams that are open."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._streams: dict[int, Connection] = {}

    def open(self, connection: Connection, path: str, headers: Mapping[str, str]) -> None:
        """One more, from the end of a log on. Raises `Slow` if it is refused."""
        connection.ask("GET", path, {**headers, "Accept": "text/event-stream"})
        status, _ = connection.answer()
        if status != 200:
            raise Slow(f"a stream was answered with {status}")
        connection.socket.settimeout(0)
        self._streams[connection.socket.fileno()] = connection
        self._poll.register(connection.socket, select.EPOLLIN)

    def drain(self, seconds: float) -> None:
        """Take in whatever comes for a moment."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            for number, _ in self._poll.poll(left):
                self._streams[number].socket.recv(_CHUNK)

    def heard(self, word: bytes, *, by: int) -> Sequence[float]:
        """When each of so many readers had the word. Raises `Slow`."""
        times: list[float] = []
        until = time.perf_counter() + PATIENCE
        while len(times) < by:
            if time.perf_counter() > until:
                raise Slow(f"{len(times)} of {by} readers had an event within {PATIENCE:.0f} s")
            for number, _ in self._poll.poll(1):
                if word in self._streams[number].socket.recv(_CHUNK):
                    times.append(time.perf_counter())
        return times

    def close(self) -> None:
        for stream in self._streams.values():
            stream.socket.close()
        self._poll.close()
