"""Security event tokens (RFC 8417) in the form of the Shared Signals Framework (SSF 1.0 sections 3 and 4)."""

from typing import Any

import jwt
from segue.clock import Clock

from segue_authz.domain.signal_stream import SESSION_REVOKED, Signal, Stream
from segue_authz.tokens.signing_keys import SigningKeys

TYPE = "secevent+jwt"


class SecurityEvents:
    """Signs signals. One that is told again is signed again, under the same `jti`."""

    def __init__(self, *, issuer: str, keys: SigningKeys, clock: Clock) -> None:
        self._issuer = issuer
        self._keys = keys
        self._clock = clock

    def token(self, stream: Stream, signal: Signal) -> str:
        """No `exp` and no `sub`: what happened stays true, and it is no access token (RFC 8417 section 2.2, 4.5)."""
        claims = {
            "iss": self._issuer,
            "aud": stream.audience,
            "iat": self._clock(),
            "jti": signal.jti,
            "sub_id": self._subject(stream, signal),
            "events": {signal.event: _content(signal)},
        }
        key = self._keys.current
        return jwt.encode(claims, key.private_key, algorithm="ES256", headers={"typ": TYPE, "kid": key.kid})

    def _subject(self, stream: Stream, signal: Signal) -> dict[str, Any]:
        """The stream itself, or the session that a grant is: what one device may do with one task (RFC 9493)."""
        if signal.event != SESSION_REVOKED:
            return {"format": "opaque", "id": stream.stream_id}
        return {
            "format": "complex",
            "session": {"format": "opaque", "id": signal.grant_id},
            "user": {"format": "iss_sub", "iss": self._issuer, "sub": signal.subject},
        }


def _content(signal: Signal) -> dict[str, Any]:
    """CAEP section 2 has the time; SSF section 8.1.4.1 the state of a verification."""
    if signal.event == SESSION_REVOKED:
        return {"event_timestamp": signal.happened_at}
    return {} if signal.state is None else {"state": signal.state}
