"""A device as the attacker uses it: sends honest requests, and any others."""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx2
from segue.clock import Clock, now

from segue_threats.attack import PreconditionFailed
from segue_threats.forge import Key, Proof
from segue_threats.target import Client, Target

LONGEST_WAIT = 65
"""Seconds that a device waits when it is told to come back later (429)."""
Twist = Callable[[Proof], object]
"""Changes a proof before it is signed."""


class Device:
    """One key of one client. Proves each request, with the server's latest nonce."""

    def __init__(
        self,
        target: Target,
        client: Client,
        http: httpx2.AsyncClient,
        *,
        key: Key | None = None,
        clock: Clock = now,
    ) -> None:
        self.target = target
        self.client = client
        self.http = http
        self.key = key or Key()
        self.clock = clock
        self.nonces: dict[str, str] = {}
        self.patient = True
        """Whether a 429 is waited out; off where the limit itself is under attack."""

    def like(self, *, key: Key | None = None, client: Client | None = None) -> "Device":
        """Another device, with a key of its own unless one is given; it knows the nonces this one knows."""
        other = Device(self.target, client or self.client, self.http, key=key, clock=self.clock)
        other.nonces = dict(self.nonces)
        return other

    def proof(self, method: str, url: str, *, token: str | None = None, twist: Twist | None = None) -> str:
        """A proof for one request."""
        nonce = self.nonces.get(_origin(url))
        proof = Proof.honest(self.key, method, url.partition("?")[0], nonce=nonce, access_token=token, clock=self.clock)
        if twist is not None:
            twist(proof)
        return proof.text()

    async def send(
        self,
        method: str,
        url: str,
        *,
        token: str | None = None,
        scheme: str = "DPoP",
        twist: Twist | None = None,
        proofs: Sequence[str] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        again: bool = True,
        **request: Any,
    ) -> httpx2.Response:
        """One request. `proofs` replace the one it would make; `again`: once more with the nonce that is asked for."""

        async def attempt() -> httpx2.Response:
            made = [self.proof(method, url, token=token, twist=twist)] if proofs is None else proofs
            sent = [*headers, *(("DPoP", each) for each in made)]
            if token is not None:
                sent.append(("Authorization", f"{scheme} {token}"))
            answer = await self.http.request(method, url, headers=sent, **request)
            if nonce := answer.headers.get("DPoP-Nonce"):
                self.nonces[_origin(url)] = nonce
            return answer

        answer = await self._in_time(attempt)
        if again and proofs is None and error_of(answer) == "use_dpop_nonce":
            answer = await self._in_time(attempt)
        return answer

    async def _in_time(self, attempt: Callable[[], Awaitable[httpx2.Response]]) -> httpx2.Response:
        """Come back once, when told to, after being too quick for the server."""
        answer = await attempt()
        pause = answer.headers.get("Retry-After", "")
        if self.patient and answer.status_code == 429 and pause.isdigit() and int(pause) <= LONGEST_WAIT:
            await asyncio.sleep(int(pause))
            answer = await attempt()
        return answer

    async def form(self, endpoint: str, fields: Mapping[str, str], **how: Any) -> httpx2.Response:
        """POST a form as this client to an endpoint of the metadata; `how` as in `send`."""
        data = {"client_id": self.client.client_id, **fields}
        if self.client.secret:
            how.setdefault("headers", [("Authorization", basic(self.client.client_id, self.client.secret))])
        return await self.send("POST", self.target.endpoint(endpoint), data=data, **how)


def basic(client_id: str, secret: str) -> str:
    """RFC 6749 section 2.3.1."""
    return f"Basic {b64encode(f'{quote_plus(client_id)}:{quote_plus(secret)}'.encode()).decode()}"


def error_of(answer: httpx2.Response) -> str:
    """The error code of an answer: of OAuth, of a DPoP challenge, or the slug of a problem type; empty without one."""
    challenge = answer.headers.get("WWW-Authenticate", "")
    if 'error="' in challenge:
        return challenge.partition('error="')[2].partition('"')[0]
    body = members_of(answer)
    return str(body.get("error") or str(body.get("type", "")).rpartition(":")[2])


def members_of(answer: httpx2.Response) -> Mapping[str, Any]:
    """The JSON object of an answer; empty if it is none."""
    try:
        body = answer.json()
    except (ValueError, RecursionError, httpx2.ResponseNotRead):
        return {}
    return body if isinstance(body, dict) else {}


def need(answer: httpx2.Response, *names: str) -> list[str]:
    """Members that an honest answer has. Raises `PreconditionFailed`."""
    body = members_of(answer)
    if answer.is_error or any(name not in body for name in names):
        raise PreconditionFailed(f"{answer.request.url.path} answered {answer.status_code} {error_of(answer)}".strip())
    return [str(body[name]) for name in names]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
