"""The header fields of device-bound sessions as they arrive (DBSC, "DBSC Formats"; RFC 9651).

The draft says that the identifier and the proof are strings; Chromium 156 sends them bare. Both are read.
"""

import re
from collections.abc import Sequence

from starlette.requests import Request

from segue_authz.domain.refusal import InvalidRequest

_STRING = re.compile(r'"([ !#-\[\]-~]*)"(?: *;.*)?')
"""RFC 9651 section 3.3.3, without what has to be escaped: neither an identifier nor a proof has that. Parameters are
ignored, as the draft wants."""
_BARE = re.compile(r"[A-Za-z0-9._~+/=-]+")
_SKIPPED = re.compile(r"(?:^|,)[ \t]*(unreachable|server_error|quota_exceeded)\b")


def response_of(request: Request) -> str | None:
    """`Secure-Session-Response`, the proof. Raises `InvalidRequest`."""
    return one_string(request.headers.getlist("secure-session-response"))


def identifier_of(request: Request) -> str | None:
    """`Sec-Secure-Session-Id`, which no page can set. Raises `InvalidRequest`."""
    return one_string(request.headers.getlist("sec-secure-session-id"))


def skipped_because(request: Request) -> str:
    """What `Secure-Session-Skipped` says, in the draft's words; empty if it says nothing that the draft knows."""
    said = _SKIPPED.findall(",".join(request.headers.getlist("secure-session-skipped")))
    return " ".join(dict.fromkeys(said))


def one_string(values: Sequence[str]) -> str | None:
    """The one value, without its quotes; None if there is none. Raises `InvalidRequest`."""
    if not values:
        return None
    text = values[0].strip(" \t")
    quoted = _STRING.fullmatch(text)
    if len(values) > 1 or not (quoted or _BARE.fullmatch(text)):
        raise InvalidRequest("a header of a device-bound session cannot be read")
    return quoted[1] if quoted else text
