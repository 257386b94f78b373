"""A Redis in a temporary folder, on a port of its own, that keeps nothing on disk unless told to."""

import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server_process import binary, end, free_port, launch, own, unprivileged


class RedisServer:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, *settings: str) -> None:
        """On the same port each time; `settings` are words of its command line."""
        command = [str(binary("redis-server")), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self._folder), "--save", "", "--appendonly", "no", *settings]
        self._process = launch(command, self._folder, lambda: self.ask("PING") == b"+PONG\r\n", **unprivileged())

    def stop(self) -> None:
        """At once: connections break, nothing is saved."""
        end(self._process, signal.SIGKILL)
        self._process = None

    def suspend(self) -> None:
        """Leave connections open and answer nothing, as a machine does that hangs."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def ask(self, *words: str) -> bytes:
        """Send one command over a connection of its own; the raw answer, empty if nobody is there."""
        lines = [f"*{len(words)}", *(line for word in words for line in (f"${len(word)}", word))]
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall("".join(f"{line}\r\n" for line in lines).encode())
                return connection.recv(65536)
        except ConnectionError:
            return b""

    def _signal(self, what: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(what)


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    """An empty Redis, running; stopped at the end."""
    binary("redis-server")
    with tempfile.TemporaryDirectory(prefix="segue-redis-") as name:
        own(Path(name))
        server = RedisServer(Path(name))
        server.start()
        try:
            yield server
        finally:
            server.resume()
            server.stop()
