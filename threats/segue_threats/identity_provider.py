"""An OpenID Connect provider of the suite's own: it says of people whatever an attack has it say."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from segue.clock import now

from segue_threats.attack import PreconditionFailed
from segue_threats.forge import Key, compact

CLIENT_ID = "threat-suite"
SUB = "person-there"
_KID = "k1"


@dataclass
class Asked:
    """With what a browser was sent to a provider, and which one it is here."""

    state: str
    nonce: str
    provider: str


class IdentityProvider:
    """At a loopback address, under the name that the server under test knows it by."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.issuer = ""
        self.key = Key()
        self._id_token = ""

    def claims(self, asked: Asked, **changes: Any) -> dict[str, Any]:
        """Those of an honest ID token, changed; None leaves one out."""
        at = now()
        honest = {"iss": self.issuer, "sub": SUB, "aud": CLIENT_ID, "iat": at, "exp": at + 300, "auth_time": at}
        said = {**honest, "nonce": asked.nonce, **changes}
        return {name: value for name, value in said.items() if value is not None}

    def signed(self, claims: Mapping[str, Any], *, key: Key | None = None, **header: Any) -> str:
        return compact({"alg": "ES256", "kid": _KID, "typ": "JWT", **header}, claims, key or self.key)

    def says(self, id_token: str) -> None:
        """What its token endpoint gives from now on."""
        self._id_token = id_token

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        await reader.readexactly(int(length[1]) if length else 0)
        body = json.dumps(self._document(head.split(" ")[1])).encode()
        told = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close"
        writer.write(f"{told}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        writer.close()
        await writer.wait_closed()

    def _document(self, path: str) -> dict[str, Any]:
        if path == "/jwks":
            return {"keys": [{**self.key.jwk, "kid": _KID, "use": "sig"}]}
        if path == "/token":
            return {"access_token": "at", "token_type": "Bearer", "id_token": self._id_token}
        endpoints = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
        return {
            "issuer": self.issuer,
            "authorization_response_iss_parameter_supported": True,
            **{member: f"{self.issuer}/{path}" for member, path in endpoints.items()},
        }


@asynccontextmanager
async def identity_provider(name: str) -> AsyncIterator[IdentityProvider]:
    """Up for as long as the context lasts."""
    provider = IdentityProvider(name)
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield provider


class Visit:
    """A browser that is sent to providers and comes back."""

    def __init__(self, http: httpx2.AsyncClient, issuer: str) -> None:
        self.http = http
        self._issuer = issuer

    async def begin(self, provider: IdentityProvider, *, anew: bool = False) -> Asked:
        """Press the provider's button on the sign-in page."""
        page = await self.http.get(f"{self._issuer}/sign-in?{'anew=yes' if anew else ''}")
        return await self._go(page, f"/sign-in/upstream/{provider.name}", provider)

    async def begin_linking(self, provider: IdentityProvider) -> Asked:
        """Press its button on the page where the person, who is signed in, sees how they sign in."""
        page = await self.http.get(f"{self._issuer}/account/security")
        return await self._go(page, "/account/upstream", provider, link=provider.name)

    async def come_back(self, asked: Asked, *, at: str = "", **changes: str) -> httpx2.Response:
        """With a code; `at` is the address of a provider, by name, instead of the one that was asked."""
        told = urlencode({"code": "c", "state": asked.state, **changes})
        return await self.http.get(f"{self._issuer}/sign-in/upstream/{at or asked.provider}/callback?{told}")

    async def signed_in(self) -> bool:
        return (await self.http.get(f"{self._issuer}/devices")).status_code == httpx2.codes.OK

    async def _go(self, page: httpx2.Response, action: str, provider: IdentityProvider, **fields: str) -> Asked:
        form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page.text, re.DOTALL)
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form[0] if form else ""))
        data = {name: unescape(value) for name, value in hidden.items()} | fields
        answer = await self.http.post(f"{self._issuer}{action}", data=data)
        there = re.search(r'content="0; url=([^"]*)"', answer.text)
        if there is None:
            raise PreconditionFailed(f"nobody is sent to a provider: {answer.status_code}")
        sent = dict(parse_qsl(urlsplit(unescape(there[1])).query))
        return Asked(sent["state"], sent["nonce"], provider.name)
