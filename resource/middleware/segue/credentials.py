"""Finds the task token in a request: one Authorization header field of the DPoP scheme (RFC 9449 section 7.1)."""

import string
from urllib.parse import parse_qsl

from segue.refusal import Refused
from segue.request import ProtectedRequest
from segue.task_token import InvalidToken

_TOKEN68 = f"{string.ascii_letters}{string.digits}-._~+/".encode("ascii")
"""What a token is made of, before any `=` at its end (RFC 9110 section 11.2)."""


class TokenMissing(Refused):
    """The request shows no token at all; the answer then has no error code (RFC 6750 section 3.1)."""

    error = ""


class InvalidRequest(Refused):
    """The token is shown in a way that is not to be read (RFC 6750 section 3.1)."""

    error = "invalid_request"


def presented_token(request: ProtectedRequest) -> str:
    """The request's token. Raises `TokenMissing`, `InvalidRequest` and `InvalidToken`."""
    if request.query and any(name == "access_token" for name, _ in _parameters(request.query)):
        raise InvalidRequest("a token does not belong in an address")
    if not request.authorization:
        raise TokenMissing("the request needs a task token")
    if len(request.authorization) > 1:
        raise InvalidRequest("the request has more than one Authorization header")
    return _token_of(request.authorization[0])


def _parameters(query: bytes) -> list[tuple[str, str]]:
    return parse_qsl(query.decode("latin-1"), keep_blank_values=True)


def _token_of(credentials: bytes) -> str:
    scheme, _, rest = credentials.partition(b" ")
    match scheme.lower():
        case b"dpop":
            token = rest.lstrip(b" ")
            made_of = token.rstrip(b"=")
            if not made_of or made_of.translate(None, _TOKEN68):
                raise InvalidRequest("the Authorization header is malformed")
            return token.decode("ascii")
        case b"bearer":  # RFC 9449 section 7.2: a bound token must not pass for a bearer token
            raise InvalidToken("a task token is bound to a key and needs the DPoP scheme")
        case _:
            raise TokenMissing("the request needs a task token", because="another authentication scheme")
