"""Which database a URL names, decided in one place and refused without repeating it: it may hold a password."""

from urllib.parse import urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_NO_FILE = (None, "", ":memory:")


def parse_database_url(url: str) -> URL:
    """Parse `sqlite:////absolute/path` or `postgresql://user@host/name`. Raises ValueError for anything else.

    A primary and its standbys have a comma between them: `postgresql://user@a:5432,b:5432/name`.
    """
    try:
        parsed = _several_hosts(url) or make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("the database URL cannot be read") from None  # SQLAlchemy's words repeat it
    match parsed.get_backend_name():
        case "sqlite" if parsed.drivername == "sqlite" and not parsed.query and parsed.database not in _NO_FILE:
            return parsed
        case "postgresql" if parsed.drivername in ("postgresql", "postgresql+psycopg"):
            return parsed.set(drivername="postgresql+psycopg")
    raise ValueError("a database URL is sqlite:////absolute/path or postgresql://user@host/name")


def _several_hosts(url: str) -> URL | None:
    """A URL with several hosts, which libpq wants apart; nothing if it has not."""
    parts = urlsplit(url)
    credentials, at, named = parts.netloc.rpartition("@")
    if not parts.scheme.startswith("postgresql") or "," not in named:
        return None
    hosts = [urlsplit(f"//{host}") for host in named.split(",")]
    if not all(host.hostname for host in hosts):
        raise ValueError("a host has no name")
    parsed = make_url(parts._replace(netloc=credentials + at).geturl())
    places = {
        "host": ",".join(str(host.hostname) for host in hosts),
        "port": ",".join(str(host.port or "") for host in hosts),
    }
    return parsed.update_query_dict(places)
