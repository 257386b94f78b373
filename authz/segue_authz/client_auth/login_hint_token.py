"""`login_hint_token`: a client names the person in a token that it signed, for this server, once (CIBA Core 7.1).

The standard leaves its form open. Ours is a JWT of type `login-hint+jwt` by a registered key of the client, with `iss`
(the client), `aud` (this server), `exp`, `jti`, and `sub_id`: a subject identifier (RFC 9493) of format `iss_sub`, by
our own `sub`, or `opaque`, by the user name. It is a pointer to a person, and proves nothing about them.
"""

from dataclasses import dataclass
from typing import Any

import jwt

from segue_authz.client_auth.assertion import ALGORITHMS, LEEWAY, LONGEST, read, registered_key
from segue_authz.domain.client import Client
from segue_authz.domain.refusal import ExpiredLoginHintToken, InvalidRequest

TYPE = "login-hint+jwt"
"""RFC 8725 section 3.11: no other token of the client can be taken for one."""


@dataclass(frozen=True)
class LoginHint:
    """One of the two names the person. The token's `jti` can be forgotten at `until`."""

    subject: str | None
    username: str | None
    jti: str
    until: int


def verify(text: str, client: Client, *, issuer: str, now: int) -> LoginHint:
    """Raises `InvalidRequest` and `ExpiredLoginHintToken`."""
    try:
        header, claims = read(text)
        jwt.PyJWS().decode(text, registered_key(header, client), algorithms=list(ALGORITHMS))
    except (jwt.PyJWTError, ValueError) as invalid:
        raise _invalid(str(invalid)) from invalid
    fault = _fault(header, claims, client, issuer=issuer, now=now)
    if fault:
        raise _invalid(fault)
    if claims["exp"] <= now - LEEWAY:
        raise ExpiredLoginHintToken("login_hint_token has expired")
    subject, username = _named(claims.get("sub_id"), issuer=issuer)
    return LoginHint(subject, username, claims["jti"], claims["exp"] + LEEWAY)


def _fault(header: dict[str, Any], claims: dict[str, Any], client: Client, *, issuer: str, now: int) -> str | None:
    expires, begins, jti = claims.get("exp"), claims.get("nbf", claims.get("iat", now)), claims.get("jti")
    if header.get("typ") != TYPE:
        return "typ is another"
    if claims.get("iss") != client.client_id:
        return "it is not the client's own"
    if claims.get("aud") not in (issuer, [issuer]):
        return "it is meant for another server"
    if type(expires) is not int or type(begins) is not int:
        return "it does not say when it ends, or not in whole seconds"
    if expires > now + LONGEST + LEEWAY or begins > now + LEEWAY:
        return "it has not begun, or lives too long"
    if not isinstance(jti, str) or not 0 < len(jti) <= 200:
        return "it has no jti"
    return None


def _named(identifier: Any, *, issuer: str) -> tuple[str | None, str | None]:
    match identifier:
        case {"format": "iss_sub", "iss": iss, "sub": str() as subject} if iss == issuer:
            return subject, None
        case {"format": "opaque", "id": str() as username}:
            return None, username
        case _:
            raise _invalid("sub_id names nobody in a way that is known here")


def _invalid(because: str) -> InvalidRequest:
    return InvalidRequest("login_hint_token is not valid", because=because)
