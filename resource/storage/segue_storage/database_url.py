"""Which database a URL names, decided in one place and refused without repeating it: it may hold a password."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_NO_FILE = (None, "", ":memory:")


def parse_database_url(url: str) -> URL:
    """Parse `sqlite:////absolute/path` or `postgresql://user@host/name`. Raises ValueError for anything else."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("the database URL cannot be read") from None  # SQLAlchemy's words repeat it
    match parsed.get_backend_name():
        case "sqlite" if parsed.drivername == "sqlite" and not parsed.query and parsed.database not in _NO_FILE:
            return parsed
        case "postgresql" if parsed.drivername in ("postgresql", "postgresql+psycopg"):
            return parsed.set(drivername="postgresql+psycopg")
    raise ValueError("a database URL is sqlite:////absolute/path or postgresql://user@host/name")
