"""A PostgreSQL cluster in a temporary folder, on a port of its own."""

import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from made_tables import empty_tables
from psycopg import sql
from server_process import binary, end, free_port, launch, own, unprivileged

_DISCONNECT_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class PostgreSQLServer:
    """Trusts every local user. Flushes to the disk where it is to be `durable` against more than a killed client."""

    CONNECTIONS = 60

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._folder = folder
        self._flushes = "on" if durable else "off"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of the database that is always there."""
        return self._url("postgres")

    def initialise(self) -> None:
        command = [str(binary("initdb")), "--pgdata", str(self._folder / "data"), "--username", "postgres"]
        command += ["--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
        subprocess.run(command, cwd=self._folder, check=True, capture_output=True, **unprivileged())

    def copy(self, primary: "PostgreSQLServer") -> None:
        """Become a standby of the running primary."""
        command = [str(binary("pg_basebackup")), "--pgdata", str(self._folder / "data"), "--dbname", primary.url]
        command += ["--write-recovery-conf", "--checkpoint", "fast", "--no-sync"]
        subprocess.run(command, cwd=self._folder, check=True, capture_output=True, **unprivileged())

    def start(self) -> None:
        """On the same port each time, so that a server started again is found again."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "fsync": self._flushes,
            "full_page_writes": self._flushes,
            "max_connections": self.CONNECTIONS,
            "max_prepared_transactions": 2,
            "shared_buffers": "32MB",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(binary("postgres")), "-D", str(self._folder / "data"), *options]
        self._process = launch(command, self._folder, self._answers, **unprivileged())

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """At once: connections break. With SIGINT they are closed, and what is under way is rolled back."""
        end(self._process, how)
        self._process = None

    def kill(self) -> None:
        """Every process of it in one moment, as when its machine loses power."""
        if self._process is not None:
            processes = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
            self._process.kill()
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
        self.stop()

    def create_database(self) -> str:
        """A fresh, empty database; its URL."""
        name = f"segue_{secrets.token_hex(6)}"
        self.administer(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._url(name)

    def drop_database(self, url: str) -> None:
        """Whoever is still connected to it."""
        self.administer(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(url.rpartition("/")[2])))

    def empty(self, url: str) -> None:
        """Make the database as good as new, whoever is still connected to it; faster than a fresh one."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_DISCONNECT_OTHERS)
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")

    def clear(self, url: str) -> None:
        """Take out every row, whoever is still connected to it; faster than making the tables anew."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_DISCONNECT_OTHERS)
        empty_tables(url)

    def administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running_postgresql(*, durable: bool = False) -> Iterator[PostgreSQLServer]:
    """A fresh cluster, running; stopped and deleted at the end."""
    binary("initdb")
    with tempfile.TemporaryDirectory(prefix="segue-postgresql-") as name:
        own(Path(name))
        server = PostgreSQLServer(Path(name), durable=durable)
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()
