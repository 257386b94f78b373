"""ID tokens (OpenID Connect Core section 2): who the person is, for the client that asked by the backchannel.

They open nothing here. Their one use at this server is to come back as `id_token_hint` (CIBA Core section 7.1), and for
that they outlive the keys they were signed with: `jti` is a tag of this server over what the hint says, and that
counts when one comes back. Whoever gets one can check the signature as long as its key is published.
"""

from typing import Any

import jwt
from segue.jose import Malformed, parse

from segue_authz.domain.account import AMR
from segue_authz.domain.grant import Grant
from segue_authz.tokens.derivation import Derivation, same
from segue_authz.tokens.signing_keys import SigningKeys

ALGORITHM = "ES256"
TYPE = "JWT"


class NoIdToken(Exception):
    """Not an ID token of this server for this client, or one whose time is over; the message is for the log."""


class IdTokens:
    def __init__(self, *, issuer: str, keys: SigningKeys, derivation: Derivation) -> None:
        self._issuer = issuer
        self._keys = keys
        self._derivation = derivation

    def mint(self, grant: Grant, *, now: int) -> str:
        """For the grant's client and key alone. It is good as long as the grant may last, which is no secret."""
        claims = {
            "iss": self._issuer,
            "sub": grant.subject,
            "aud": grant.client_id,
            "iat": now,
            "exp": grant.expires_at,
            "auth_time": grant.authentication.auth_time,
            "acr": grant.authentication.acr,
            "cnf": {"jkt": grant.jkt},
        }
        if grant.authentication.acr in AMR:
            claims["amr"] = list(AMR[grant.authentication.acr])
        key = self._keys.current
        claims["jti"] = self._tag(claims)
        return jwt.encode(claims, key.private_key, algorithm=ALGORITHM, headers={"typ": TYPE, "kid": key.kid})

    def subject_of(self, hint: str, *, client_id: str, now: int) -> str:
        """Whom an ID token of this server for this client is about. Raises `NoIdToken`."""
        try:
            token = parse(hint)
            claims = token.claims()
        except Malformed as malformed:
            raise NoIdToken("it is no token") from malformed
        if token.header.get("typ") != TYPE or not same(self._tag(claims), str(claims.get("jti"))):
            raise NoIdToken("it was not issued here, or has been changed, or is of another kind")
        if claims["aud"] != client_id:
            raise NoIdToken("it was issued to another client")
        if now >= claims["exp"]:
            raise NoIdToken("its time is over")
        return str(claims["sub"])

    def _tag(self, claims: dict[str, Any]) -> str:
        said = [ascii(claims.get(name)) for name in ("iss", "sub", "aud", "iat", "exp")]
        return self._derivation.digest("id_token", "\0".join([self._issuer, *said]))
