"""An internet of a few names, with one TLS server behind all public addresses, for what the server asks outside.

The guard of `segue_authz.outbound` stays as it is: only where names lead, and how connections are made, is ours.
"""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpcore2
from segue_authz.outbound import Outbound
from segue_demo.certificate import self_made

PUBLIC = "93.184.215.14"
Speak = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Internet:
    """`names` lead to addresses; `pages` are what the server says by path; `asked` and `connected` are its log."""

    names: dict[str, list[str]]
    pages: dict[str, bytes | Speak] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    outbound: Outbound = field(init=False)

    def says(
        self, path: str, content: Any, *, status: int = 200, media_type: str = "application/json", **headers: str
    ) -> None:
        """What stands at a path, as JSON unless it is bytes."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        told = {"Content-Type": media_type, "Content-Length": str(len(body)), "Connection": "close"}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in told.items())]
        self.pages[path] = "\r\n".join([*lines, "", ""]).encode() + body

    async def resolve(self, host: str, _: int) -> list[str]:
        self.resolved.append(host)
        if host not in self.names:
            raise OSError("no such name")
        return self.names[host]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lengths = [line for line in head.lower().splitlines() if line.startswith("content-length:")]
            self.bodies.append(await reader.readexactly(int(lengths[0].partition(":")[2])) if lengths else b"")
            self.asked.append(head)
            page = self.pages.get(head.split(" ")[1], b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            if isinstance(page, bytes):
                writer.write(page)
                await writer.drain()
            else:
                await page(writer)
        except (OSError, EOFError):
            pass  # the caller had enough
        finally:
            writer.close()


class _Wires(httpcore2.AnyIOBackend):
    def __init__(self, internet: Internet, port: int) -> None:
        self._internet = internet
        self._port = port

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self._internet.connected.append(host)
        return await super().connect_tcp("127.0.0.1", self._port, timeout)


@asynccontextmanager
async def small_internet(folder: Path, *, host: str = "client.example") -> AsyncIterator[Internet]:
    """Up with one name; its certificate is for that name alone."""
    certificate = self_made(folder, host=host, now=int(time.time()))
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    serving.load_cert_chain(certificate.certificate, certificate.key)
    trusting.load_verify_locations(certificate.certificate)
    internet = Internet({host: [PUBLIC]})
    server = await asyncio.start_server(internet._serve, "127.0.0.1", 0, ssl=serving)
    port = server.sockets[0].getsockname()[1]
    internet.outbound = Outbound(resolve=internet.resolve, network=_Wires(internet, port), tls=trusting)
    try:
        yield internet
    finally:
        server.close()
