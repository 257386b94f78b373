"""Signed request objects (RFC 9101): what a client asks for, signed with its registered key, so that nobody between it
and this server can change any of it.

Only what the object says counts; what stands beside it is not heard (section 6.3).
"""

import json
from dataclasses import dataclass
from typing import Any

import jwt

from segue_authz.client_auth.assertion import ALGORITHMS, LEEWAY, begins_at, read, registered_key
from segue_authz.domain.client import Client
from segue_authz.domain.refusal import InvalidRequestObject

TYPE = "oauth-authz-req+jwt"
"""Section 10.8.1: so that no other JWT of the client can be taken for a request object."""
LONGEST = 600
"""Seconds ahead of now at which an object may expire: the person must have decided by then."""
_OF_THE_JWT = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "sub"})


@dataclass(frozen=True)
class RequestObject:
    """`parameters` as they would stand in a query. One with a `jti` is answered once, and forgotten at `until`."""

    parameters: dict[str, str]
    jti: str | None
    until: int


def verify(text: str, client: Client, *, issuer: str, now: int) -> RequestObject:
    """Raises `InvalidRequestObject`."""
    try:
        header, claims = read(text)
        jwt.PyJWS().decode(text, registered_key(header, client), algorithms=list(ALGORITHMS))
    except (jwt.PyJWTError, ValueError) as invalid:
        raise _invalid(str(invalid)) from invalid
    fault = _fault(header, claims, client, issuer=issuer, now=now)
    if fault:
        raise _invalid(fault)
    parameters = {name: _text(name, value) for name, value in claims.items() if name not in _OF_THE_JWT}
    return RequestObject(parameters, claims.get("jti"), claims["exp"] + LEEWAY)


def _fault(header: dict[str, Any], claims: dict[str, Any], client: Client, *, issuer: str, now: int) -> str | None:
    """Why the object is none of this client's for this server now (sections 4, 5 and 10.8)."""
    expires, begins = claims.get("exp"), begins_at(claims, now=now)
    jti = claims.get("jti", "-")
    if str(header.get("typ", "")).lower().removeprefix("application/") != TYPE:
        return "typ is another"
    if claims.get("iss") != client.client_id or claims.get("client_id") != client.client_id:
        return "it is not the client's own"
    if claims.get("aud") not in (issuer, [issuer]):
        return "it is meant for another server"
    if claims.get("sub") == client.client_id:
        return "it could be taken for a client assertion"
    if "request" in claims or "request_uri" in claims:
        return "it names a further request"
    if type(expires) is not int or type(begins) is not int:
        return "it does not say when it ends, or not in whole seconds"
    if not now - LEEWAY < expires <= now + LONGEST + LEEWAY or begins > now + LEEWAY:
        return "it has lapsed, has not begun, or lives too long"
    if not isinstance(jti, str) or not 0 < len(jti) <= 200:
        return "jti is no identifier"
    return None


def _text(name: str, value: Any) -> str:
    """Numbers and `authorization_details` are JSON in an object, and text in a query (RFC 9101 section 4)."""
    match value:
        case str() if "\0" not in value:
            return value
        case int() if not isinstance(value, bool):
            return str(value)
        case [str() as only] if name == "resource":
            return only
        case list() if name == "authorization_details":
            return json.dumps(value)
        case _:
            raise _invalid("a parameter has another form")


def _invalid(because: str) -> InvalidRequestObject:
    return InvalidRequestObject("the request object is not valid", because=because)
