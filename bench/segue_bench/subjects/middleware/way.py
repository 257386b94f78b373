"""The ways to serve one request that run in this process: the floor, and the middleware whole."""

import asyncio
from collections.abc import MutableMapping
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from segue import jose
from segue.middleware import TaskTokenMiddleware

from segue_bench.peers import Refused
from segue_bench.subjects.middleware.request import AUDIENCE, METHOD, PATH, Parts, Sender, Sent, parts
from segue_bench.timing import each, each_awaited

_CURVE = ec.SECP256R1()
_ES256 = ec.ECDSA(SHA256())


class Way(Protocol):
    """One way."""

    @property
    def nonce(self) -> str:
        """The one that its proofs must carry."""
        ...

    def times(self, requests: list[Sent]) -> list[float]:
        """Serve each request once; microseconds of each. Raises `Refused`."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class Bare:
    """The signature check of the proof with `cryptography` and nothing else: the key from its point, r and s as DER."""

    nonce = "none"

    def times(self, requests: list[Sent]) -> list[float]:
        return each(self._verify, [parts(request.proof) for request in requests])

    def close(self) -> None:
        pass

    def _verify(self, proof: Parts) -> None:
        key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, proof.point)
        _verify(key, proof.signed, proof.signature)


class BareTwice(Bare):
    """The same, and before it the signature check of the token by the issuer's key."""

    def __init__(self, issuer: ec.EllipticCurvePublicKey) -> None:
        self._issuer = issuer

    def times(self, requests: list[Sent]) -> list[float]:
        return each(self._verify_both, [(jose.parse(sent.token), parts(sent.proof)) for sent in requests])

    def _verify_both(self, given: tuple[jose.Jws, Parts]) -> None:
        token, proof = given
        _verify(self._issuer, token.signing_input, token.signature)
        self._verify(proof)


class Middleware:
    """The whole of `TaskTokenMiddleware` around an app that answers 200: from the scope to the last message sent."""

    def __init__(self, sender: Sender) -> None:
        self._loop = asyncio.new_event_loop()
        self._app = TaskTokenMiddleware(
            _answer, issuer=sender.issuer.issuer, audience=AUDIENCE, fetch=sender.issuer.fetch
        )
        self._statuses: set[int] = set()
        self._headers: dict[bytes, bytes] = {}
        self._loop.run_until_complete(self._serve(_scope()))

    @property
    def nonce(self) -> str:
        return self._headers[b"dpop-nonce"].decode("ascii")

    def times(self, requests: list[Sent]) -> list[float]:
        scopes = [_scope(request) for request in requests]
        self._statuses.clear()
        times = self._loop.run_until_complete(each_awaited(self._serve, scopes))
        if self._statuses != {200}:
            raise Refused(f"the middleware answered {self._statuses}")
        return times

    def close(self) -> None:
        """Let the app end."""

        async def end() -> None:
            await self._app({"type": "lifespan"}, _receive, self._send)

        self._loop.run_until_complete(end())
        self._loop.close()

    async def _serve(self, scope: MutableMapping[str, Any]) -> None:
        await self._app(scope, _receive, self._send)

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._statuses.add(message["status"])
            self._headers = dict(message["headers"])


def _verify(key: ec.EllipticCurvePublicKey, signed: bytes, signature: bytes) -> None:
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key.verify(encode_dss_signature(r, s), signed, _ES256)


def _scope(request: Sent | None = None) -> MutableMapping[str, Any]:
    headers = [(b"host", b"agent.example"), (b"user-agent", b"bench"), (b"accept", b"*/*"), (b"content-length", b"0")]
    if request is not None:
        headers += [(b"authorization", b"DPoP " + request.token.encode()), (b"dpop", request.proof.encode())]
    return {
        "type": "http",
        "method": METHOD,
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "headers": headers,
    }


async def _receive() -> MutableMapping[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _answer(scope: MutableMapping[str, Any], _: Any, send: Any) -> None:
    """The app that is protected."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
