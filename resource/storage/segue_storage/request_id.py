"""What joins the lines of one request: the id that a proxy gave it, or one of ours."""

import itertools
import re
import secrets
from collections.abc import Iterable

_HEADER = b"x-request-id"
_FORM = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_-]{7,63}")
"""UUIDs, nginx's `$request_id`, and the like. Nothing that a line of log could be forged with."""
_process = secrets.token_hex(6)
_numbers = itertools.count(1)


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Of the one `X-Request-Id` if it is well-formed; a new one otherwise."""
    given = [value for name, value in headers if name == _HEADER]
    if len(given) == 1 and _FORM.fullmatch(given[0]):
        return given[0].decode("ascii")
    return f"{_process}-{next(_numbers):x}"
