"""Reading one setting from the environment: what it must be, and how it is told without its password."""

from collections.abc import Callable, Mapping

from segue.target_uri import require_identifier

from .database_url import parse_database_url


class BadSetting(Exception):
    """Names the variable, what it holds and what would be accepted. Never repeats a password."""


Check = Callable[[str, str], str]
"""Given the variable's name and value, the value. Raises `BadSetting`."""


def setting(environ: Mapping[str, str], name: str, check: Check, *, default: str) -> str:
    """The variable's value, or the default if it is not set or empty. Raises `BadSetting`."""
    return check(name, environ.get(name) or default)


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
    if value and not value.startswith(("redis://", "rediss://", "unix://")):
        raise BadSetting(
            f"{name} cannot be used (it is not shown, it may hold a password): it must start with"
            " redis://, rediss:// or unix://"
        )
    return value


def without_password(url: str) -> str:
    """`postgresql://user:***@host/name`."""
    scheme, mark, rest = url.partition("://")
    credentials, at, place = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    return f"{scheme}{mark}{user}{':***' if colon else ''}{at}{place}"
