"""Registered clients."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from segue.replay import CLOCK_STEP
from segue_storage.database import Database, Question
from segue_storage.gathered import Gathered

from segue_authz.domain.client import Client
from segue_authz.stores.actions_text import to_text
from segue_authz.stores.client_row import from_row, to_values
from segue_authz.stores.insert import insert_if_absent
from segue_authz.stores.restored import may_be_from_before
from segue_authz.stores.tables import client_assertions, clients, grants


class ClientExists(Exception):
    """The client_id is taken."""


@dataclass(frozen=True)
class Copy:
    """A client as it is kept. Of one that a document describes the copy is good `until` then, in seconds."""

    client: Client
    until: int
    ended: bool


_ENABLED = sa.select(clients).where(
    clients.c.client_id.in_(sa.bindparam("client_ids", expanding=True)), clients.c.disabled_at.is_(None)
)


class Clients:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._enabled = Gathered(self._all_enabled)

    async def add(self, client: Client) -> None:
        """Raises `ClientExists`."""
        try:
            await self._database.write(
                lambda connection: connection.execute(clients.insert(), to_values(client)).rowcount
            )
        except sa.exc.IntegrityError as taken:
            raise ClientExists(client.client_id) from taken

    async def enabled(self, client_id: str) -> Client | None:
        """The client, unless it is unknown or disabled. What can be no identifier is not looked up (RFC 6749 A.1)."""
        if not (client_id.isascii() and client_id.isprintable()):
            return None
        return await self._enabled.ask(client_id)

    async def _all_enabled(self, client_ids: list[str]) -> list[Client | None]:
        some = {"client_ids": list(set(client_ids))}
        rows = await self._database.read(Question(_ENABLED, some))
        found = {row.client_id: from_row(row) for row in rows}
        return [found.get(client_id) for client_id in client_ids]

    async def registered(self, client_id: str) -> Client | None:
        """The client, disabled or not, unless it is unknown or was removed."""
        found = await self._rows(clients.c.client_id == client_id, clients.c.deleted_at.is_(None))
        return found[0] if found else None

    async def all(self) -> list[Client]:
        """Every client that was not removed, in the order of their identifiers."""
        return await self._rows(clients.c.deleted_at.is_(None))

    async def copy(self, client_id: str) -> Copy | None:
        """The client however it stands, disabled or removed."""
        statement = sa.select(clients).where(clients.c.client_id == client_id)
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else Copy(from_row(row), row.read_until or 0, row.disabled_at is not None)

    async def keep(self, client: Client, *, until: int) -> None:
        """Write what a document says now, unless the client is somebody else's or an operator ended it."""
        values = to_values(client) | {"read_until": until}
        own = (
            clients.c.client_id == client.client_id,
            clients.c.origin == client.origin,
            clients.c.disabled_at.is_(None),
        )

        def work(connection: sa.Connection) -> None:
            if not insert_if_absent(connection, clients, values):
                connection.execute(clients.update().where(*own).values(values))

        await self._database.write(work)

    async def exists(self, client_id: str) -> bool:
        """Whether it was ever registered, disabled or not."""
        statement = sa.select(sa.exists().where(clients.c.client_id == client_id))
        return bool(await self._database.read(lambda connection: connection.execute(statement).scalar()))

    async def consuming(self) -> list[Client]:
        """The clients that can take a transfer over, in the order of their identifiers."""
        return [client for client in await self._select(sa.true()) if client.consumption_uris]

    async def first_assertion(self, client_id: str, jti: str, *, until: int, now: int) -> bool:
        """Whether the client's assertion of that `jti` is used for the first time. It is remembered `until` then.

        Not so one that may have been used before the database was put back from a backup, which nobody remembers.
        """
        values = {"client_id": client_id, "jti": sha256(jti.encode()).hexdigest(), "until": until}

        def work(connection: sa.Connection) -> bool:
            connection.execute(client_assertions.delete().where(client_assertions.c.until < now - CLOCK_STEP))
            if may_be_from_before(connection, until=until):
                return False
            return insert_if_absent(connection, client_assertions, values)

        return await self._database.write(work)

    async def disable(self, client_id: str, *, now: int) -> bool:
        """Whether this call disabled it. Nothing is minted for it from now on, and what it holds is withdrawn."""
        there = clients.c.client_id == client_id, clients.c.disabled_at.is_(None)
        return await self._switch(clients.update().where(*there).values(disabled_at=now))

    async def enable(self, client_id: str) -> bool:
        """Whether this call enabled it again. A removed one stays as it is."""
        there = clients.c.client_id == client_id, clients.c.disabled_at.is_not(None), clients.c.deleted_at.is_(None)
        return await self._switch(clients.update().where(*there).values(disabled_at=None))

    async def remove(self, client_id: str, *, now: int) -> bool:
        """Whether this call removed it: disabled for good, its grants ended, its secrets and addresses forgotten."""
        return await self._database.write(
            lambda connection: remove(connection, clients.c.client_id == client_id, now=now) == 1
        )

    async def review(self, client_id: str, *, actions: frozenset[str] | None, now: int) -> bool:
        """An operator has looked at what the client says of itself, and lets it ask for `actions`."""
        there = clients.c.client_id == client_id, clients.c.deleted_at.is_(None)
        raised = {} if actions is None else {"actions": to_text(actions)}
        return await self._switch(clients.update().where(*there).values(reviewed_at=now, **raised))

    async def _switch(self, statement: sa.Update) -> bool:
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)

    async def _select(self, condition: sa.ColumnElement[bool]) -> list[Client]:
        return await self._rows(condition, clients.c.disabled_at.is_(None))

    async def _rows(self, *conditions: sa.ColumnElement[bool]) -> list[Client]:
        statement = sa.select(clients).where(*conditions).order_by(clients.c.client_id)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [from_row(row) for row in rows]


def remove(connection: sa.Connection, condition: sa.ColumnElement[bool], *, now: int) -> int:
    """How many clients were removed. The rows stay: what they held is refused, and told as withdrawn."""
    removed = sa.select(clients.c.client_id).where(condition, clients.c.deleted_at.is_(None))
    client_ids = list(connection.execute(removed.with_for_update()).scalars())
    held = grants.c.client_id.in_(client_ids), grants.c.revoked_at.is_(None)
    connection.execute(grants.update().where(*held).values(revoked_at=now))
    forgotten: dict[str, Any] = {"redirect_uris": [], "consumption_uris": [], "jwks": [], "secret_digest": None}
    forgotten |= {"registration_digest": None, "disabled_at": sa.func.coalesce(clients.c.disabled_at, now)}
    gone = clients.update().where(clients.c.client_id.in_(client_ids)).values(deleted_at=now, **forgotten)
    return connection.execute(gone).rowcount
