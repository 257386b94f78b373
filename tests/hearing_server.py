"""A server that hears of withdrawals: it asks for a stream, and takes what is pushed or polls."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from authz_world import ISSUER, STORE, Device, World
from segue.authority import ACTIONS
from segue.issuer_keys import IssuerKeys
from segue.security_event import SecurityEventReader
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain.client import Client, Method
from segue_authz.domain.signal_stream import SESSION_REVOKED
from segue_authz.enrolment import add_client

SECRET = "s" * 43
PUSH, POLL = "urn:ietf:rfc:8935", "urn:ietf:rfc:8936"


class Hearing(Device):
    """It authenticates with a secret; its `audience` is the resource server that it is, or none."""

    def __init__(self, world: World, client_id: str, *, audience: str | None) -> None:
        super().__init__(world, client_id, world.http())
        self.audience = audience or client_id

    async def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> httpx2.Response:
        token = token or self.tokens["access_token"]
        for _ in range(2):
            address = ISSUER + path.partition("?")[0]
            proof = self.key.proof(method, address, now=self.world.now, nonce=self.nonce, access_token=token)
            headers = {"DPoP": proof, "Authorization": f"DPoP {token}"}
            answer = await self.http.request(method, path, json=body, headers=headers)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if "use_dpop_nonce" not in answer.text:
                break
        return answer

    async def get_token(self) -> httpx2.Response:
        credentials = b64encode(f"{self.client_id}:{SECRET}".encode()).decode()
        for _ in range(2):
            proof = self.key.proof("POST", f"{ISSUER}/token", now=self.world.now, nonce=self.nonce)
            headers = {"DPoP": proof, "Authorization": f"Basic {credentials}"}
            answer = await self.http.post("/token", data={"grant_type": "client_credentials"}, headers=headers)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if answer.status_code == 200:
                self.tokens = answer.json()
                break
        return answer

    async def begin(self, delivery: dict[str, Any] | None = None) -> str:
        """A stream of withdrawals; its identifier."""
        asked = {"events_requested": [SESSION_REVOKED], "delivery": delivery or {"method": POLL}}
        answer = await self.ask("POST", "/signals/stream", asked)
        assert answer.status_code == 201, answer.text
        self.stream_id = str(answer.json()["stream_id"])
        return self.stream_id

    async def poll(self, *, at_once: bool = True, **asked: Any) -> dict[str, str]:
        """The events by their `jti`."""
        body = {"returnImmediately": at_once, **asked}
        answer = await self.ask("POST", f"/signals/poll/{self.stream_id}", body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["sets"])

    async def grant_of(self, event: str) -> str | None:
        """What the event ends, as the middleware reads it."""

        async def fetch(url: str) -> bytes:
            return (await self.http.get(url.removeprefix(ISSUER))).content

        keys = IssuerKeys(ISSUER, fetch=fetch, clock=lambda: self.world.now)
        reader = SecurityEventReader(issuer=ISSUER, audience=self.audience, keys=keys, clock=lambda: self.world.now)
        return await reader.read(event)


async def hearing(world: World, client_id: str = "hears", *, audience: str | None = STORE, **given: Any) -> Hearing:
    """Registered, and with a token of its own."""
    client = Client(
        client_id,
        "A server",
        ACTIONS,
        method=Method.CLIENT_SECRET_BASIC,
        secret_digest=digest(SECRET),
        audience=audience,
        services=given.get("services", frozenset({"signals"})),
    )
    await add_client(world.database, client)
    server = Hearing(world, client_id, audience=audience)
    await server.get_token()
    return server


class Endpoint:
    """Answers each push with the next of `statuses`, then with 202; keeps what came."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.requests: list[tuple[dict[str, str], str]] = []
        self.url = ""

    @property
    def events(self) -> list[str]:
        return [body for _, body in self.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append((headers, body.decode()))
        status = self.statuses.pop(0) if self.statuses else 202
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    """On this machine, as a developer has one."""
    here = Endpoint()
    listening = await asyncio.start_server(here.serve, "127.0.0.1", 0)
    async with listening:
        here.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/events"
        yield here
