"""Which grants of a status list were withdrawn, by whatever way and whenever."""

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.stores.tables import status_entries
from segue_authz.stores.withdrawals import ended_since

_ALWAYS, _LIVING = -1, 0
"""Also those of long ago, and those that have expired since: what was withdrawn stays so."""


class StatusListStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def highest(self) -> int:
        """The highest number that a grant has; -1 while there is none."""
        statement = sa.select(sa.func.coalesce(sa.func.max(status_entries.c.status_index), -1))
        return await self._database.read(lambda connection: int(connection.execute(statement).scalar_one()))

    async def withdrawn(self, first: int, last: int) -> list[int]:
        """The numbers of those from `first` to `last`."""
        ended = ended_since(_ALWAYS, now=_LIVING)
        numbers = (
            sa.select(status_entries.c.status_index)
            .join(ended, ended.c.grant_id == status_entries.c.grant_id)
            .where(status_entries.c.status_index.between(first, last))
            .distinct()
        )
        return await self._database.read(lambda connection: list(connection.execute(numbers).scalars()))
