"""A PostgreSQL primary whose commits wait for its standby, and the standby."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from postgresql_server import PostgreSQLServer, running_postgresql
from psycopg import sql
from server_process import PATIENCE, own

_CONFIRMED = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


class PostgreSQLPair:
    def __init__(self, primary: PostgreSQLServer, standby: PostgreSQLServer) -> None:
        self.primary = primary
        self.standby = standby

    def create_database(self) -> str:
        """A fresh, empty database; its URL, which names both servers."""
        url = self.primary.create_database()
        return url.replace(f":{self.primary.port}", f":{self.primary.port},127.0.0.1:{self.standby.port}")

    def wait_for_the_standby(self) -> None:
        """From now on what is committed is on both."""
        self.primary.administer(sql.SQL("ALTER SYSTEM SET synchronous_standby_names = '*'"))
        self.primary.administer(sql.SQL("SELECT pg_reload_conf()"))
        until = time.monotonic() + PATIENCE
        with psycopg.connect(self.primary.url, autocommit=True) as connection:
            while connection.execute(_CONFIRMED).fetchone() != (1,):
                if time.monotonic() > until:
                    pytest.fail("the standby does not follow")
                time.sleep(0.05)

    def promote(self) -> None:
        """The standby takes over."""
        self.standby.administer(sql.SQL("SELECT pg_promote()"))


@contextmanager
def running_pair() -> Iterator[PostgreSQLPair]:
    """Both running; stopped and deleted at the end."""
    with running_postgresql() as primary, tempfile.TemporaryDirectory(prefix="segue-standby-") as name:
        own(Path(name))
        standby = PostgreSQLServer(Path(name), durable=False)
        standby.copy(primary)
        standby.start()
        pair = PostgreSQLPair(primary, standby)
        try:
            pair.wait_for_the_standby()
            yield pair
        finally:
            standby.stop()
