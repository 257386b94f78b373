"""Authorization requests that clients pushed: read as often as the person's browser asks, answered once (RFC 9126)."""

from dataclasses import dataclass

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.stores.tables import pushed_requests as table


@dataclass(frozen=True)
class PushedRequest:
    """`parameters` is the form that was pushed, its `authorization_details` sealed.

    `expires_at` in seconds since the epoch.
    """

    digest: str
    client_id: str
    parameters: dict[str, str]
    expires_at: int


class PushedRequests:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, request: PushedRequest) -> None:
        await self._database.write(lambda connection: connection.execute(table.insert(), vars(request)).rowcount)

    async def find(self, digest: str, *, now: int) -> PushedRequest | None:
        """The request, while it has neither lapsed nor been answered."""
        statement = sa.select(table).where(*_open(digest, now))
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else PushedRequest(row.digest, row.client_id, row.parameters, row.expires_at)

    async def answer(self, digest: str, *, now: int) -> bool:
        """Whether this call is the one that answers it. What it asked for is forgotten."""
        statement = table.update().where(*_open(digest, now)).values(answered_at=now, parameters={})
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)


def _open(digest: str, now: int) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.digest == digest, table.c.answered_at.is_(None), table.c.expires_at > now
