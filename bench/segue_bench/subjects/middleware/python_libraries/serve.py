"""Libraries that know JWTs, in an ASGI middleware of the least size: `python serve.py joserfc` or `... pyjwt`.

First line in: {audience, issuer, url, method, nonce, jwk}; then a line with a list of {token, proof} for each round.
Out: {"ready"}, then a line with the microseconds of each request, or {"error"}.

Token and proof are verified anew each time; what a library leaves to its caller is done here.
"""

import asyncio
import hashlib
import hmac
import json
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import MutableMapping
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

WINDOW = 60
Message = MutableMapping[str, Any]


class Refused(Exception):
    """The request is not accepted."""


class Library:
    """What is left to do around every library."""

    def __init__(self, setting: dict[str, Any]) -> None:
        self._setting = setting
        self._seen: set[tuple[str, str]] = set()
        self._nonce = setting["nonce"].encode()
        self._load(setting["jwk"])

    def scope(self, request: dict[str, str]) -> Message:
        """As a server makes it."""
        headers = [(b"host", b"agent.example"), (b"user-agent", b"bench"), (b"accept", b"*/*")]
        headers += [(b"content-length", b"0"), (b"authorization", b"DPoP " + request["token"].encode())]
        headers.append((b"dpop", request["proof"].encode()))
        path = urlsplit(self._setting["url"]).path
        return {"type": "http", "method": self._setting["method"], "path": path, "headers": headers}

    async def serve(self, scope: Message) -> None:
        """From the scope to the last message sent. Raises `Refused`, or what the library raises."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        scheme, _, text = headers[b"authorization"].partition(" ")
        if scheme.lower() != "dpop":
            raise Refused("scheme")
        token = self._check(text, headers[b"dpop"])

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"dpop-nonce", self._nonce))

        await _app({**scope, "token": token}, send)

    def _load(self, jwk: dict[str, Any]) -> None:
        raise NotImplementedError

    def _token(self, token: str) -> dict[str, Any]:
        """The verified claims: signature, issuer, audience, times, type."""
        raise NotImplementedError

    def _proof(self, proof: str) -> tuple[str, dict[str, Any]]:
        """The thumbprint of the key in the header that signed it, and the claims."""
        raise NotImplementedError

    def _check(self, text: str, proof_text: str) -> dict[str, Any]:
        token = self._token(text)
        jkt, proof = self._proof(proof_text)
        ath = _b64(hashlib.sha256(text.encode()).digest())
        wanted = self._setting
        good = token["cnf"]["jkt"] == jkt and proof["htm"] == wanted["method"] and proof["htu"] == wanted["url"]
        good = good and abs(time.time() - proof["iat"]) <= WINDOW  # noqa: TID251  a program of its own
        good = good and hmac.compare_digest(proof["ath"], ath) and hmac.compare_digest(proof["nonce"], wanted["nonce"])
        if not good or (jkt, proof["jti"]) in self._seen:
            raise Refused(type(self).__name__)
        self._seen.add((jkt, proof["jti"]))
        return token


class Joserfc(Library):
    """joserfc: `jwt.decode` for both, the claims registry for the token, `ECKey` for key and thumbprint."""

    def _load(self, jwk: dict[str, Any]) -> None:
        from joserfc import jwt
        from joserfc.jwk import ECKey, KeySet
        from joserfc.jws import JWSRegistry

        self._jwt, self._key_type = jwt, ECKey
        self._keys = KeySet([ECKey.import_key(jwk)])
        self._registry = JWSRegistry(algorithms=["ES256"], strict_check_header=False)
        self._claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self._setting["issuer"]},
            aud={"essential": True, "value": self._setting["audience"]},
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
        import jwt

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
            audience=self._setting["audience"],
            issuer=self._setting["issuer"],
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


LIBRARIES: dict[str, type[Library]] = {"joserfc": Joserfc, "pyjwt": PyJwt}


async def _app(scope: Message, send: Any) -> None:
    """The app that is protected."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


async def _times(library: Library, requests: list[dict[str, str]]) -> list[float]:
    times = []
    for scope in [library.scope(request) for request in requests]:
        began = time.perf_counter_ns()
        await library.serve(scope)
        times.append((time.perf_counter_ns() - began) / 1000)
    return times


def main(name: str) -> None:
    """Answer every line."""
    library = LIBRARIES[name](json.loads(sys.stdin.readline()))
    print(json.dumps({"ready": version(name)}), flush=True)
    for line in sys.stdin:
        try:
            answer: object = asyncio.run(_times(library, json.loads(line)))
        except Exception as refused:  # whatever the library raises
            answer = {"error": f"{type(refused).__name__}: {refused}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
