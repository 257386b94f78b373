"""Compares HTTP target URIs, and says which of them a server may be configured with."""

import re

_URI = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>(?:/[!\"$->@-~]*)?)(?:[?#][!-~]*)?",
    re.IGNORECASE | re.ASCII,
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


def normalise(uri: str) -> str | None:
    """The form in which two URIs are compared as `htu` (RFC 9449 section 4.3); None if it is no http(s) URI.

    Scheme and host lose their case, the default port and the query and fragment go; the path stays as it is spelled.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        return None
    scheme, host, port = match["scheme"].lower(), match["host"].lower(), match["port"]
    authority = host if port in (None, _DEFAULT_PORTS[scheme]) else f"{host}:{port}"
    return f"{scheme}://{authority}{match['path']}"


def is_protected(uri: str) -> bool:
    """Whether what is sent there stays private: https, or plain http to this machine itself."""
    match = _URI.fullmatch(uri)
    return match is not None and (match["scheme"].lower() == "https" or is_loopback(uri))


def is_loopback(uri: str) -> bool:
    """Whether its host is this machine by name or by address."""
    match = _URI.fullmatch(uri)
    return match is not None and match["host"].lower() in _LOOPBACK


def require_identifier(uri: str, *, what: str) -> None:
    """Raise `ValueError` unless it can name a server: protected, in normal form, no query, quotes or trailing slash."""
    if not is_protected(uri) or normalise(uri) != uri or uri.endswith("/") or set(uri) & set('"\\'):
        raise ValueError(
            f"{what} is {uri!r}; it must be a URL in lower case of scheme https (http for this machine alone),"
            " without default port, query, fragment or trailing slash"
        )


def well_known(uri: str, suffix: str) -> str:
    """Where the server named `uri` publishes metadata: the suffix goes between host and path (RFC 8414 section 3.1)."""
    scheme, _, rest = uri.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}/.well-known/{suffix}{slash}{path}"
