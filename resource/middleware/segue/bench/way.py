"""The ways to serve one request that are compared. Each refuses what it should before it is measured."""

import asyncio
import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import MutableMapping
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from segue.bench.request import AUDIENCE, METHOD, PATH, URL, Sender, Sent, parts
from segue.bench.timing import each, each_awaited
from segue.middleware import TaskTokenMiddleware

WINDOW = 60
_CURVE = ec.SECP256R1()
_ES256 = ec.ECDSA(SHA256())


class Unavailable(Exception):
    """This way cannot be measured here; the message says why and what would help."""


class Refused(Exception):
    """The request was not accepted."""


class Way(Protocol):
    """One way."""

    @property
    def nonce(self) -> str:
        """The one that its proofs must carry."""
        ...

    def times(self, requests: list[Sent]) -> list[int]:
        """Serve each request once; nanoseconds of each. Raises `Refused`."""
        ...


class Bare:
    """The signature check of the proof with `cryptography` and nothing else: the key from its point, r and s as DER."""

    nonce = "none"

    def times(self, requests: list[Sent]) -> list[int]:
        return each(self._verify, [parts(request.proof) for request in requests])

    def _verify(self, given: tuple[bytes, bytes, bytes]) -> None:
        point, signed, signature = given
        key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        key.verify(encode_dss_signature(r, s), signed, _ES256)


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

    def times(self, requests: list[Sent]) -> list[int]:
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


class Library:
    """A library's way in an ASGI middleware of the least size, around the same app.

    It verifies token and proof anew each time; what the library leaves to its caller is done here.
    """

    nonce = "nonce-of-the-benchmark"

    def __init__(self, jwk: dict[str, Any]) -> None:
        self._seen: set[tuple[str, str]] = set()
        self._issuer = "https://id.example"
        self._load(jwk)

    def times(self, requests: list[Sent]) -> list[int]:
        scopes = [_scope(request) for request in requests]
        return asyncio.run(each_awaited(self._serve, scopes))

    def _load(self, jwk: dict[str, Any]) -> None:
        raise NotImplementedError

    def _token(self, token: str) -> dict[str, Any]:
        """The verified claims: signature, issuer, audience, times, type."""
        raise NotImplementedError

    def _proof(self, proof: str) -> tuple[str, dict[str, Any]]:
        """The thumbprint of the key in the header that signed it, and the claims."""
        raise NotImplementedError

    async def _serve(self, scope: MutableMapping[str, Any]) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        scheme, _, text = headers[b"authorization"].partition(" ")
        if scheme.lower() != "dpop":
            raise Refused("scheme")
        token = self._check(text, headers[b"dpop"])

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"dpop-nonce", self.nonce.encode()))
            await _swallow(message)

        await _answer({**scope, "token": token}, _receive, send)

    def _check(self, text: str, proof_text: str) -> dict[str, Any]:
        token = self._token(text)
        jkt, proof = self._proof(proof_text)
        ath = _b64(hashlib.sha256(text.encode()).digest())
        good = token["cnf"]["jkt"] == jkt and proof["htm"] == METHOD and proof["htu"] == URL
        good = good and abs(time.time() - proof["iat"]) <= WINDOW  # noqa: TID251
        good = good and hmac.compare_digest(proof["ath"], ath) and hmac.compare_digest(proof["nonce"], self.nonce)
        if not good or (jkt, proof["jti"]) in self._seen:
            raise Refused(type(self).__name__)
        self._seen.add((jkt, proof["jti"]))
        return token


class Joserfc(Library):
    """joserfc: `jwt.decode` for both, the claims registry for the token, `ECKey` for key and thumbprint."""

    def _load(self, jwk: dict[str, Any]) -> None:
        try:
            from joserfc import jwt
            from joserfc.jwk import ECKey, KeySet
            from joserfc.jws import JWSRegistry
        except ImportError as missing:
            raise Unavailable("joserfc is not installed: pip install 'segue[bench]'") from missing
        self._jwt, self._key_type = jwt, ECKey
        self._keys = KeySet([ECKey.import_key(jwk)])
        self._registry = JWSRegistry(algorithms=["ES256"], strict_check_header=False)
        self._claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
        )

    def _token(self, token: str) -> dict[str, Any]:
        decoded = self._jwt.decode(token, self._keys, registry=self._registry)
        if decoded.header.get("typ") != "at+jwt":
            raise Refused("typ")
        self._claims.validate(decoded.claims)
        return decoded.claims

    def _proof(self, proof: str) -> tuple[str, dict[str, Any]]:
        used = []

        def key_of(found: Any) -> Any:
            header = found.headers()
            if header.get("typ") != "dpop+jwt" or "d" in header["jwk"]:
                raise Refused("typ")
            used.append(self._key_type.import_key(header["jwk"]))
            return used[0]

        decoded = self._jwt.decode(proof, key_of, registry=self._registry)
        return used[0].thumbprint(), decoded.claims


class PyJwt(Library):
    """PyJWT: `jwt.decode` for both, `PyJWK` for the proof's key; the thumbprint by hand."""

    def _load(self, jwk: dict[str, Any]) -> None:
        try:
            import jwt
        except ImportError as missing:
            raise Unavailable("PyJWT is not installed: pip install 'segue[bench]'") from missing
        self._jwt = jwt
        self._keys = {jwk["kid"]: jwt.PyJWK(jwk)}

    def _token(self, token: str) -> dict[str, Any]:
        header = self._jwt.get_unverified_header(token)
        if header.get("typ") != "at+jwt":
            raise Refused("typ")
        claims: dict[str, Any] = self._jwt.decode(
            token,
            self._keys[header["kid"]],
            algorithms=["ES256"],
            audience=AUDIENCE,
            issuer=self._issuer,
            options={"require": ["exp", "iat", "iss", "aud"]},
        )
        return claims

    def _proof(self, proof: str) -> tuple[str, dict[str, Any]]:
        header = self._jwt.get_unverified_header(proof)
        jwk = header["jwk"]
        if header.get("typ") != "dpop+jwt" or "d" in jwk:
            raise Refused("typ")
        claims: dict[str, Any] = self._jwt.decode(proof, self._jwt.PyJWK(jwk), algorithms=["ES256"])
        canonical = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        return _b64(hashlib.sha256(canonical.encode()).digest()), claims


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


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


async def _swallow(_: MutableMapping[str, Any]) -> None:
    """The server's `send`."""


async def _answer(scope: MutableMapping[str, Any], _: Any, send: Any) -> None:
    """The app that is protected."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
