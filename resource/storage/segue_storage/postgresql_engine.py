"""Connections to PostgreSQL that are durable and cannot wait for ever, neither for a lock nor for a dead server."""

from functools import partial
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import NullPool

_WAITS = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
_CONNECT = {**_WAITS, "application_name": "segue", "client_encoding": "UTF8", "target_session_attrs": "read-write"}
"""libpq's settings; a URL may say otherwise."""
UNCONFIRMED = "segue_unconfirmed"
"""What a connection's `info` has once a standby did not confirm a commit: the wait for it was cut short."""
_WAIT_FOR_THE_DISKS = """
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""
"""Whatever the server was told: with `off` an acknowledged write is lost in a crash, with `local` in a failover."""


def postgresql_engine(url: URL) -> Engine:
    """An engine without a pool, in autocommit mode: its holder says BEGIN and COMMIT itself."""
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,  # work.py relies on it
        hide_parameters=True,  # what is stored has no place in the text of an error
        poolclass=NullPool,
        use_native_hstore=False,  # saves a query for each connection
        connect_args={name: value for name, value in _CONNECT.items() if name not in url.query},
    )
    event.listen(engine, "connect", _bound)
    return engine


def read_only_by_default(engine: Engine) -> None:
    """What is said outside of a transaction that may write cannot write."""
    event.listen(engine, "connect", _read_only)


def _read_only(connection: Any, _: Any) -> None:
    connection.execute("SET default_transaction_read_only = on").close()


def _bound(connection: Any, record: Any) -> None:
    for setting in (
        "SET statement_timeout = '10s'",
        "SET lock_timeout = '5s'",  # shorter, so that the error names the lock
        "SET idle_in_transaction_session_timeout = '15s'",
        _WAIT_FOR_THE_DISKS,
    ):
        connection.execute(setting).close()
    connection.add_notice_handler(partial(_note, record.info))


def _note(info: dict[Any, Any], notice: Any) -> None:
    """Keep that a commit has not waited for the standby. It is no error to PostgreSQL: here the commit is durable."""
    if notice.severity_nonlocalized == "WARNING" and notice.sqlstate == "01000":
        info[UNCONFIRMED] = notice.message_primary
