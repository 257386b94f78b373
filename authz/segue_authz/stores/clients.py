"""Registered clients."""

from hashlib import sha256

import sqlalchemy as sa
from segue.replay import CLOCK_STEP
from segue_storage.database import Database

from segue_authz.domain.client import Client, Method
from segue_authz.stores.actions_text import from_text, to_text
from segue_authz.stores.insert import insert_if_absent
from segue_authz.stores.tables import client_assertions, clients


class ClientExists(Exception):
    """The client_id is taken."""


class Clients:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, client: Client) -> None:
        """Raises `ClientExists`."""
        values = vars(client) | {
            "actions": to_text(client.actions),
            "redirect_uris": list(client.redirect_uris),
            "consumption_uris": list(client.consumption_uris),
            "jwks": list(client.jwks),
        }
        try:
            await self._database.write(lambda connection: connection.execute(clients.insert(), values).rowcount)
        except sa.exc.IntegrityError as taken:
            raise ClientExists(client.client_id) from taken

    async def enabled(self, client_id: str) -> Client | None:
        """The client, unless it is unknown or disabled."""
        found = await self._select(clients.c.client_id == client_id)
        return found[0] if found else None

    async def exists(self, client_id: str) -> bool:
        """Whether it was ever registered, disabled or not."""
        statement = sa.select(sa.exists().where(clients.c.client_id == client_id))
        return bool(await self._database.read(lambda connection: connection.execute(statement).scalar()))

    async def consuming(self) -> list[Client]:
        """The clients that can take a transfer over, in the order of their identifiers."""
        return [client for client in await self._select(sa.true()) if client.consumption_uris]

    async def first_assertion(self, client_id: str, jti: str, *, until: int, now: int) -> bool:
        """Whether the client's assertion of that `jti` is used for the first time. It is remembered `until` then."""
        values = {"client_id": client_id, "jti": sha256(jti.encode()).hexdigest(), "until": until}

        def work(connection: sa.Connection) -> bool:
            connection.execute(client_assertions.delete().where(client_assertions.c.until < now - CLOCK_STEP))
            return insert_if_absent(connection, client_assertions, values)

        return await self._database.write(work)

    async def disable(self, client_id: str, *, now: int) -> bool:
        """Whether this call disabled it. Nothing is minted for it from now on, and what it holds is withdrawn."""
        there = clients.c.client_id == client_id, clients.c.disabled_at.is_(None)
        return await self._switch(clients.update().where(*there).values(disabled_at=now))

    async def enable(self, client_id: str) -> bool:
        """Whether this call enabled it again."""
        there = clients.c.client_id == client_id, clients.c.disabled_at.is_not(None)
        return await self._switch(clients.update().where(*there).values(disabled_at=None))

    async def _switch(self, statement: sa.Update) -> bool:
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)

    async def _select(self, condition: sa.ColumnElement[bool]) -> list[Client]:
        statement = sa.select(clients).where(condition, clients.c.disabled_at.is_(None)).order_by(clients.c.client_id)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [
            Client(
                row.client_id,
                row.name,
                from_text(row.actions),
                tuple(row.redirect_uris),
                tuple(row.consumption_uris),
                method=Method(row.method),
                secret_digest=row.secret_digest,
                jwks=tuple(row.jwks),
                audience=row.audience,
            )
            for row in rows
        ]
