"""Reading one setting from the environment, or from the file that it names, and telling it without its password."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from segue.target_uri import require_identifier

from .database_url import parse_database_url
from .redis_url import require_redis_url


class BadSetting(Exception):
    """Names the variable, what it holds and what would be accepted. Never repeats a password."""


Check = Callable[[str, str], str]
"""Given the variable's name and value, the value. Raises `BadSetting`."""


def setting(environ: Mapping[str, str], name: str, check: Check, *, default: str) -> str:
    """The value of `NAME`, or of the file that `NAME_FILE` names; the default if neither says anything.

    A secret belongs in a file: the environment of a process is shown by its tools. Raises `BadSetting`, also for both.
    """
    file = environ.get(f"{name}_FILE")
    if not file:
        return check(name, environ.get(name) or default)
    if environ.get(name):
        raise BadSetting(f"{name} and {name}_FILE are both set; it must be one of them")
    return check(f"{name}_FILE", _content(f"{name}_FILE", Path(file)) or default)


def _content(name: str, file: Path) -> str:
    """What the file says, without the newline at its end. Raises `BadSetting`."""
    try:
        return file.read_text("utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise BadSetting(f"{name} is {file}, which cannot be read; it must name a text file") from unreadable


def seconds(environ: Mapping[str, str], name: str, *, default: int, least: int, most: int) -> int:
    """A duration with bounds. Raises `BadSetting`."""
    text = environ.get(name)
    if not text:
        return default
    if text.isascii() and text.isdigit() and least <= int(text) <= most:
        return int(text)
    raise BadSetting(f"{name} is {text!r}; it must be a number of seconds from {least} to {most}")


def address(name: str, value: str) -> str:
    """A public address that can be an issuer or an audience: https, or http on a loopback name."""
    try:
        require_identifier(value, what=name)
    except ValueError as wrong:
        raise BadSetting(str(wrong)) from wrong
    return value


def database(name: str, value: str) -> str:
    try:
        parse_database_url(value)
    except ValueError as wrong:
        raise BadSetting(f"{name} cannot be used (it is not shown, it may hold a password): {wrong}") from wrong
    return value


def redis(name: str, value: str) -> str:
    """Empty for the memory of the process."""
    try:
        return require_redis_url(value) if value else value
    except ValueError as wrong:
        raise BadSetting(f"{name} cannot be used (it is not shown, it may hold a password): {wrong}") from wrong


def without_password(url: str) -> str:
    """`postgresql://user:***@host/name`; one among the parameters is not shown either."""
    scheme, mark, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    place = re.sub(r"(?i)([?&][a-z_]*password=)[^&]*", r"\1***", place)
    return f"{scheme}{mark}{user}{':***' if colon else ''}{at}{place}"
