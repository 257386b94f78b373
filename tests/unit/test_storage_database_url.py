"""Which URLs name a database."""

import pytest
from segue_storage.database import open_database
from segue_storage.database_url import parse_database_url


@pytest.mark.parametrize(
    ("url", "dialect"),
    [
        ("sqlite:////var/lib/segue/authz.db", "sqlite"),
        ("postgresql://segue@db.example/segue", "postgresql"),
        ("postgresql+psycopg://segue@db.example:5433/segue?sslmode=verify-full", "postgresql"),
        ("postgresql:///segue?host=/run/postgresql", "postgresql"),
        ("postgresql://segue:secret@a.example:5432,b.example/segue?target_session_attrs=read-write", "postgresql"),
        ("postgresql://segue@[::1]:5432,[::1]:5433/segue", "postgresql"),
    ],
)
def test_sqlite_files_and_postgresql_are_accepted(url: str, dialect: str) -> None:
    assert parse_database_url(url).get_backend_name() == dialect


@pytest.mark.parametrize(
    "url",
    [
        "",
        "secret",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////tmp/x.db?mode=memory",
        "sqlite+aiosqlite:////tmp/x.db",
        "mysql://segue:secret@db.example/segue",
        "postgresql+asyncpg://segue:secret@db.example/segue",
        "postgresql://segue:secret@db.example:port/segue",
        "postgresql://segue:secret@a.example:5432,b.example:port/segue",
        "postgresql://segue:secret@a.example:5432,/segue",
    ],
)
def test_anything_else_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="database URL") as refused:
        open_database(url)
    assert "secret" not in str(refused.value)
