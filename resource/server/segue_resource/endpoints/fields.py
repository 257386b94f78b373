"""Reads the structured header fields (RFC 9651) of uploads and digests, as far as they are of the simple form we need.

`Upload-Complete`, `Upload-Offset` and `Upload-Length` are those of draft-ietf-httpbis-resumable-upload; `Repr-Digest`
and `Content-Digest` are those of RFC 9530.
"""

import base64
import binascii
import re

from segue.problem import Problem
from starlette.requests import Request

from segue_resource.endpoints.header import header

_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)
_SHA256 = re.compile(r"(?:^|,)[ \t]*sha-256=:([A-Za-z0-9+/]{43}=):[ \t]*(?=$|,)", re.ASCII)
_DIGESTS = re.compile(
    r"[ \t]*[a-z0-9*._-]+=:[A-Za-z0-9+/=]*:[ \t]*(,[ \t]*[a-z0-9*._-]+=:[A-Za-z0-9+/=]*:[ \t]*)*", re.ASCII
)


def boolean(request: Request, name: str) -> bool | None:
    """`?1` or `?0`; None without the field."""
    value = header(request, name)
    if value is None:
        return None
    if value not in ("?0", "?1"):
        raise _invalid(f"{name} is neither ?0 nor ?1")
    return value == "?1"


def integer(request: Request, name: str) -> int | None:
    """A number of bytes; None without the field."""
    value = header(request, name)
    if value is None:
        return None
    if not _NUMBER.fullmatch(value):
        raise _invalid(f"{name} is not a number of bytes")
    return int(value)


def sha256(request: Request, name: str) -> str | None:
    """The SHA-256 that a digest field says, in hexadecimal; None if it says none, in another algorithm at most."""
    value = header(request, name)
    if value is None:
        return None
    if not _DIGESTS.fullmatch(value):
        raise _invalid(f"{name} is not of the form sha-256=:…:")
    found = _SHA256.findall(value)
    try:
        return base64.b64decode(found[-1], validate=True).hex() if found else None  # the last counts (RFC 9651 3.2)
    except binascii.Error as wrong:
        raise _invalid(f"{name} is not base64") from wrong


def digest_field(sha256: str) -> str:
    """The value of a digest field."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode('ascii')}:"


def _invalid(detail: str) -> Problem:
    return Problem(400, "invalid-request", "The request is not of the documented form", detail)
