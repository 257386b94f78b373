"""Admits the authorization server itself: a JWT it signed for one request (specs/protocol.md section 9)."""

import re
from hashlib import sha256

from segue import jose
from segue.clock import Clock
from segue.issuer_keys import Keys, KeysUnavailable, UnknownKey
from segue.problem import Problem
from segue.replay import CLOCK_STEP, MemoryLost, MemoryUnavailable, ReplayMemory
from starlette.requests import Request

LIFETIME = 30
"""Seconds that a service token may be good for; `CLOCK_STEP` more are the difference between two clocks."""

_BEARER = re.compile(r"bearer +([A-Za-z0-9._-]+)", re.IGNORECASE | re.ASCII)


class ServiceTokens:
    """Verifies service tokens of one issuer for one audience. Each is good for one request."""

    def __init__(self, *, issuer: str, audience: str, keys: Keys, replay: ReplayMemory, clock: Clock) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._replay = replay
        self._clock = clock
        self._incarnation: bytes | None = None

    async def person(self, request: Request) -> str:
        """`sub`: whom the authorization server asks for. Raises `Problem` 401 and 503."""
        return await self._claim(request, "sub")

    async def question(self, request: Request) -> str:
        """`asks`: the digest of the one body that this may ask, for whomever it names. Raises as `person`."""
        return await self._claim(request, "asks")

    async def _claim(self, request: Request, name: str) -> str:
        try:
            value, jti = await self._verify(_presented(request), name)
            await self._use(jti)
        except (jose.Malformed, jose.BadSignature, UnknownKey) as wrong:
            raise _unauthorized("the service token is not valid here") from wrong
        except (KeysUnavailable, MemoryUnavailable, MemoryLost) as outage:
            detail = "something that is needed to verify service tokens does not answer; nothing was done"
            raise Problem(503, "cannot-verify", "The request cannot be verified now", detail) from outage
        return value

    async def _verify(self, token: str, name: str) -> tuple[str, str]:
        jws = jose.parse(token)
        if jws.header.get("typ") != "segue-service+jwt":
            raise jose.Malformed("typ is not that of a service token")
        jose.verify(jws, await self._keys.key(_text(jws.header, "kid")))
        claims = jws.claims()
        if claims.get("iss") != self._issuer or claims.get("aud") != self._audience:
            raise jose.Malformed("iss or aud is another")
        exp = claims.get("exp")
        if type(exp) is not int or not 0 < exp - self._clock() <= LIFETIME + CLOCK_STEP:
            raise jose.Malformed("exp is past, or too far ahead")
        return _text(claims, name), _text(claims, "jti")

    async def _use(self, jti: str) -> None:
        key, lifetime = f"service-token:{jti}", LIFETIME + 2 * CLOCK_STEP
        try:
            incarnation = self._incarnation or await self._replay.incarnation()
            first = await self._replay.first_use(key, lifetime=lifetime, incarnation=incarnation)
        except MemoryLost:  # since the last token: this one names no incarnation that it rests on
            incarnation = await self._replay.incarnation()
            first = await self._replay.first_use(key, lifetime=lifetime, incarnation=incarnation)
        self._incarnation = incarnation
        if not first:
            raise jose.Malformed("the service token was used before")


def require_asked(content: bytes, digest: str) -> None:
    """Another body than the token was signed for is not answered. Raises `Problem` 401."""
    if jose.b64url_encode(sha256(content).digest()) != digest:
        raise _unauthorized("the service token is not valid here")


def _presented(request: Request) -> str:
    values = request.headers.getlist("Authorization")
    matched = _BEARER.fullmatch(values[0]) if len(values) == 1 else None
    if matched is None:
        raise _unauthorized("the request needs a service token", error=None)
    return matched[1]


def _text(members: dict[str, object], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 255:
        raise jose.Malformed(f"{name} is not 1 to 255 characters")
    return value


def _unauthorized(detail: str, *, error: str | None = "invalid_token") -> Problem:
    """RFC 6750 section 3."""
    challenge = f'Bearer error="{error}", error_description="{detail}"' if error else "Bearer"
    title = "The authorization server alone may ask this"
    return Problem(401, "service-token", title, detail, headers={"WWW-Authenticate": challenge})
