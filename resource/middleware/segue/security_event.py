"""Takes the issuer's security events (RFC 8417) as they are pushed (RFC 8935): whose access is over, told at once.

Of the events of OpenID CAEP 1.0 one has a consequence here, `session-revoked`: a grant, which is what one device may do
with one task, is honoured no more. The others are taken and mean nothing. An event told twice ends nothing twice, so
none has to be remembered; one that is lost is made up for by the withdrawal endpoint, to which the middleware listens
in any case: events make it faster where a way leads from the issuer to here, and take nothing from it.
"""

import json
from typing import Any, NamedTuple

from segue import jose
from segue.clock import Clock
from segue.issuer_keys import PAUSE, Keys, KeysUnavailable, UnknownKey
from segue.task_token import ISSUED_AHEAD

SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
MEDIA_TYPE = "application/secevent+jwt"
MAX_BODY = jose.MAX_TOKEN

_TYPES = {"secevent+jwt", MEDIA_TYPE}


class NotAnEvent(Exception):
    """Not an event of this issuer for this receiver; `err` is the code of RFC 8935 section 2.4."""

    def __init__(self, err: str, description: str) -> None:
        super().__init__(description)
        self.err = err


class Taken(NamedTuple):
    """The answer to a push, and the grant that it ends, if any."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    grant_id: str | None = None


class SecurityEventReader:
    """Reads the events of one issuer that are for one audience."""

    def __init__(self, *, issuer: str, audience: str, keys: Keys, clock: Clock) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._clock = clock

    async def take(self, content_type: str, body: bytes) -> Taken:
        """RFC 8935 sections 2.2 and 2.3: 202 once it is known what the event means."""
        try:
            if content_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
                raise NotAnEvent("invalid_request", "the body is no security event token")
            grant_id = await self.read(body.decode("ascii", "replace"))
        except NotAnEvent as wrong:
            error = json.dumps({"err": wrong.err, "description": str(wrong)}).encode("ascii")
            return Taken(400, [("content-type", "application/json"), ("cache-control", "no-store")], error)
        except KeysUnavailable:
            return Taken(503, [("retry-after", str(PAUSE)), ("cache-control", "no-store")], b"")
        return Taken(202, [("cache-control", "no-store")], b"", grant_id)

    async def read(self, token: str) -> str | None:
        """The grant that is withdrawn, or None for an event without consequence.

        Raises `NotAnEvent`, and `segue.issuer_keys.KeysUnavailable`.
        """
        claims = await self._claims(token)
        if claims.get("iss") != self._issuer:
            raise NotAnEvent("invalid_issuer", "iss is another issuer")
        aud = claims.get("aud")
        if self._audience not in (aud if isinstance(aud, list) else [aud]):
            raise NotAnEvent("invalid_audience", "aud is not this receiver")
        iat, jti, events = claims.get("iat"), claims.get("jti"), claims.get("events")
        if type(iat) is not int or not 0 <= iat <= self._clock() + ISSUED_AHEAD:
            raise NotAnEvent("invalid_request", "iat is no time that has come")
        if not isinstance(jti, str) or not jti:
            raise NotAnEvent("invalid_request", "jti is missing")
        if not isinstance(events, dict) or [type(event) for event in events.values()] != [dict]:
            raise NotAnEvent("invalid_request", "events is not one event")
        return _session(claims.get("sub_id")) if SESSION_REVOKED in events else None

    async def _claims(self, token: str) -> dict[str, Any]:
        """RFC 8417 section 2.3 and 4: typed as what it is, so that no other token of the issuer is taken for one."""
        try:
            jws = jose.parse(token)
            if str(jws.header.get("typ", "")).lower() not in _TYPES:
                raise NotAnEvent("invalid_request", "typ is not that of a security event")
            jose.verify(jws, await self._keys.key(str(jws.header.get("kid", ""))))
            return jws.claims()
        except (UnknownKey, jose.BadSignature) as wrong:
            raise NotAnEvent("invalid_key", "the issuer has not signed this") from wrong
        except jose.Malformed as wrong:
            raise NotAnEvent("invalid_request", "not a signed token") from wrong


def _session(subject: object) -> str:
    """The grant in a complex subject (SSF 1.0 section 3.3). Raises `NotAnEvent`."""
    session = subject.get("session") if isinstance(subject, dict) and subject.get("format") == "complex" else None
    if isinstance(session, dict) and session.get("format") == "opaque":
        grant_id = session.get("id")
        if isinstance(grant_id, str) and 1 <= len(grant_id) <= 255:
            return grant_id
    raise NotAnEvent("invalid_request", "sub_id names no session")
