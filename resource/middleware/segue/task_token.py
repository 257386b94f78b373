"""Verifies task tokens: JWT access tokens (RFC 9068) for one audience, bound to one key, for one task."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from segue import jose
from segue.authority import InvalidAuthorizationDetails, TaskAuthority, parse_granted
from segue.bounded import Recent
from segue.clock import Clock
from segue.issuer_keys import Keys, UnknownKey
from segue.refusal import Refused
from segue.target_uri import require_identifier

MAX_LIFETIME = 300
MAX_ACTORS = 3
"""How many clients may act one for the other (RFC 8693 section 4.1)."""
ISSUED_AHEAD = 5
"""Seconds that the issuer's clock may be ahead of ours."""
REMEMBERED_TOKENS = 4096
"""With the longest names a token may hold, one takes less than 8 KiB."""

_TYPES = {"at+jwt", "application/at+jwt"}
_JKT = re.compile(r"[A-Za-z0-9_-]{43}")


class InvalidToken(Refused):
    """Not a token that this resource server honours (RFC 6750 section 3.1)."""

    error = "invalid_token"


@dataclass(frozen=True, slots=True)
class TaskToken:
    """A verified task token. Times in seconds since the epoch; `jkt` is the key that must prove itself.

    `actors` are the clients that act for the person, the present one first, when the token came of an exchange: of the
    others nothing follows but that they are on record (RFC 8693 section 4.1).
    """

    iss: str
    sub: str
    aud: str
    client_id: str
    jti: str
    iat: int
    exp: int
    jkt: str
    auth_time: int | None
    acr: str | None
    device_id: str
    grant_id: str
    authority: TaskAuthority
    actors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Verified:
    token: TaskToken
    kid: str
    key: EllipticCurvePublicKey
    good_from: int


class TaskTokenVerifier:
    """Verifies the tokens of one issuer for one audience, and remembers the latest 4096 that were good.

    A remembered token is found by the SHA-256 of its whole text: who can ask for it has it. Its times and its key are
    looked at each time; what else can end it (its grant, its task's epoch) is none of this class's business.
    """

    def __init__(
        self, *, issuer: str, audience: str, keys: Keys, clock: Clock, remembered: int = REMEMBERED_TOKENS
    ) -> None:
        require_identifier(issuer, what="issuer")
        require_identifier(audience, what="audience")
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._clock = clock
        self._remembered: Recent[bytes, _Verified] = Recent(remembered)
        self._header: tuple[str, dict[str, Any]] = ("", {})
        """Of the latest good token, as text and as read: an issuer writes one header until it changes its key."""

    async def verify(self, token: str, *, digest: bytes | None = None) -> TaskToken:
        """The token's content. Raises `InvalidToken`, and `segue.issuer_keys.KeysUnavailable`.

        `digest` is the token's SHA-256, if the caller has it. Does not prove that the caller holds the key `jkt`: that
        is `segue.dpop`'s part.
        """
        digest = digest or hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._remembered.get(digest)
        if known is not None:
            try:
                same_key = await self._keys.key(known.kid) is known.key
            except UnknownKey:
                same_key = False
            if same_key and known.good_from <= self._clock() < known.token.exp:
                return known.token
            self._remembered.drop(digest)
        verified = await self._verify(token)
        self._remembered.put(digest, verified)
        return verified.token

    async def _verify(self, token: str) -> _Verified:
        try:
            jws = self._parsed(token)
            kid = _text(jws.header, "kid")
            key = await self._key(kid)
            jose.verify(jws, key)
            claims = jws.claims()
        except (jose.Malformed, jose.BadSignature) as wrong:
            raise _invalid(str(wrong)) from wrong
        if _text(jws.header, "typ").lower() not in _TYPES:
            raise _invalid("typ is not that of an access token")
        content = self._read(claims)
        self._header = (token.partition(".")[0], jws.header)
        return _Verified(content, kid, key, good_from=max(content.iat - ISSUED_AHEAD, claims.get("nbf", 0)))

    def _parsed(self, token: str) -> jose.Jws:
        text, header = self._header
        return jose.parse_under(header, token) if token.partition(".")[0] == text else jose.parse(token)

    async def _key(self, kid: str) -> EllipticCurvePublicKey:
        try:
            return await self._keys.key(kid)
        except UnknownKey as unknown:
            raise _invalid("the issuer has no such key") from unknown

    def _read(self, claims: dict[str, Any]) -> TaskToken:
        """RFC 9068 section 4, and what the profile adds to it."""
        if claims.get("iss") != self._issuer:
            raise _invalid("iss is another issuer")
        if claims.get("aud") != self._audience:
            raise _invalid("aud is not this resource server alone")
        iat, exp, nbf = _time(claims, "iat"), _time(claims, "exp"), _time(claims, "nbf", absent=0)
        if nbf > (now := self._clock()):
            raise _invalid("nbf is in the future")
        _check_times(iat, exp, now=now)
        try:
            authority = parse_granted(claims.get("authorization_details"))
        except InvalidAuthorizationDetails as wrong:
            raise _invalid(f"authorization_details: {wrong.because}") from wrong
        return TaskToken(
            iss=self._issuer,
            sub=_text(claims, "sub"),
            aud=self._audience,
            client_id=_text(claims, "client_id"),
            jti=_text(claims, "jti"),
            iat=iat,
            exp=exp,
            jkt=_confirmed_key(claims.get("cnf")),
            auth_time=_time(claims, "auth_time") if "auth_time" in claims else None,
            acr=_text(claims, "acr") if "acr" in claims else None,
            device_id=_text(claims, "device_id"),
            grant_id=_text(claims, "grant_id"),
            authority=authority,
            actors=_actors(claims),
        )


def _actors(claims: dict[str, Any]) -> tuple[str, ...]:
    """Who acts is the client that the token was issued to."""
    actors: list[str] = []
    act = claims.get("act")
    while act is not None:
        if not isinstance(act, dict) or not act.keys() <= {"sub", "act"} or len(actors) == MAX_ACTORS:
            raise _invalid("act is no chain of a few clients")
        actors.append(_text(act, "sub"))
        act = act.get("act")
    if "act" in claims and actors[:1] != [claims["client_id"]]:
        raise _invalid("act is another client")
    return tuple(actors)


def _check_times(iat: int, exp: int, *, now: int) -> None:
    if now >= exp:
        raise InvalidToken("the task token has expired")
    if iat > now + ISSUED_AHEAD:
        raise _invalid("iat is in the future")
    if exp - iat > MAX_LIFETIME:
        raise _invalid("the lifetime is longer than 300 seconds")


def _confirmed_key(cnf: object) -> str:
    """Exactly `jkt` (RFC 9449 section 6.1): another confirmation would be one that nobody checks."""
    if not isinstance(cnf, dict) or cnf.keys() != {"jkt"}:
        raise _invalid("cnf is not a jkt")
    jkt = cnf["jkt"]
    if not isinstance(jkt, str) or not _JKT.fullmatch(jkt):
        raise _invalid("jkt is no thumbprint")
    return jkt


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 255:
        raise _invalid(f"{name} is not 1 to 255 characters")
    return value


def _time(claims: dict[str, Any], name: str, *, absent: int | None = None) -> int:
    value = claims.get(name, absent)
    if type(value) is not int or value < 0:
        raise _invalid(f"{name} is no time in seconds")
    return value


def _invalid(because: str) -> InvalidToken:
    return InvalidToken("the task token is not valid here", because=because)
