"""The code by which a person lets apps ask them (CIBA Core section 7.1, `user_code`): one for each who wants one."""

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.stores.insert import insert_if_absent
from segue_authz.stores.tables import user_codes


class UserCodes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, subject: str, code_hash: str, *, now: int) -> None:
        """From now on this one counts, and no other."""
        values = {"code_hash": code_hash, "set_at": now}

        def work(connection: sa.Connection) -> None:
            if not insert_if_absent(connection, user_codes, {"subject": subject, **values}):
                connection.execute(user_codes.update().where(user_codes.c.subject == subject).values(values))

        await self._database.write(work)

    async def forget(self, subject: str) -> bool:
        """Whether there was one."""
        statement = user_codes.delete().where(user_codes.c.subject == subject)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)

    async def hash_of(self, subject: str) -> str | None:
        statement = sa.select(user_codes.c.code_hash).where(user_codes.c.subject == subject)
        return await self._database.read(lambda connection: connection.execute(statement).scalar_one_or_none())
