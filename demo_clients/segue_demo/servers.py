"""Several HTTP servers in one process and one event loop, stopped together."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

GRACE = 2
"""Seconds that open streams get to end when the servers stop."""


class PortTaken(Exception):
    """Says which address is in use, and what to do."""


@dataclass(frozen=True)
class Certificate:
    """PEM files for https."""

    certificate: Path
    key: Path


class _Server(uvicorn.Server):
    """A server that leaves the signals of the process to whoever runs several of them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, ports: Sequence[int]) -> list[socket.socket]:
    """Take the ports, all or none; 0 takes a free one. Raises `PortTaken`."""
    taken: list[socket.socket] = []
    for port in ports:
        # asyncio sends small answers at once, and not 40 ms later, only where the socket names its protocol
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        taken.append(listener)
        if os.name == "posix":  # elsewhere this would share the port with whoever has it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as failure:
            for other in taken:
                other.close()
            reason = failure.strerror or str(failure)
            raise PortTaken(f"cannot listen on {host} port {port}: {reason}; choose others with --port") from failure
    return taken


@asynccontextmanager
async def serving(
    apps: Sequence[ASGIApp], listeners: Sequence[socket.socket], *, certificate: Certificate | None = None
) -> AsyncIterator[None]:
    """Serve each app on its listener; inside, all of them answer. Raises what a server fails with."""
    options: dict[str, Any] = {"log_config": None, "access_log": False, "proxy_headers": False}
    if certificate is not None:
        options |= {"ssl_certfile": certificate.certificate, "ssl_keyfile": certificate.key}
    servers = [
        _Server(uvicorn.Config(app, server_header=False, timeout_graceful_shutdown=GRACE, **options)) for app in apps
    ]
    running = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, listeners, strict=True)
    ]
    try:
        await _started(servers, running)
        yield
    finally:
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*running)


async def _started(servers: Sequence[uvicorn.Server], running: Sequence[asyncio.Task[None]]) -> None:
    while not all(server.started for server in servers):
        for task in running:
            if task.done():
                task.result()
                raise RuntimeError("a server stopped while it was starting")
        await asyncio.sleep(0.01)


def stop_signal() -> asyncio.Event:
    """Set at SIGINT or SIGTERM; a second one ends the process the hard way.

    To be asked for before the servers start: one that wants to hear of the signal too puts itself in front.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        stopped.set()
        loop.remove_signal_handler(number)

    with contextlib.suppress(NotImplementedError):  # where the loop has no signals, Ctrl-C cancels us
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
    return stopped
