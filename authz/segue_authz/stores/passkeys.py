"""Passkeys, and the challenges that have been answered.

Every change is one transaction: a challenge is spent by the insert of its digest, so of two answers to it one counts.
"""

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.account_event import AccountEvent
from segue_authz.domain.passkey import Challenge, Passkey
from segue_authz.stores import account_events
from segue_authz.stores.insert import insert_if_absent
from segue_authz.stores.sign_in_ways import require_another
from segue_authz.stores.tables import browser_sessions, passkeys, spent_challenges

_COLUMNS = tuple(column for column in passkeys.columns if column.name != "removed_at")


class Passkeys:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, passkey: Passkey, *, challenge: Challenge, event: AccountEvent) -> bool:
        """Whether this call added it: not if the challenge was answered before, or the credential is known."""

        def work(connection: sa.Connection) -> bool:
            if not _spend(connection, challenge) or not insert_if_absent(connection, passkeys, vars(passkey)):
                return False
            account_events.note(connection, event)
            return True

        return await self._database.write(work)

    async def use(self, passkey: Passkey, *, challenge: Challenge, sign_count: int, backed_up: bool, now: int) -> bool:
        """Whether this call used it: not if the challenge was answered before, or the passkey has been used meanwhile
        with another count, or is removed."""

        def work(connection: sa.Connection) -> bool:
            if not _spend(connection, challenge):
                return False
            as_read = (
                passkeys.c.passkey_id == passkey.passkey_id,
                passkeys.c.sign_count == passkey.sign_count,
                passkeys.c.removed_at.is_(None),
            )
            used = {"sign_count": sign_count, "backed_up": backed_up, "used_at": now}
            return connection.execute(passkeys.update().where(*as_read).values(used)).rowcount == 1

        return await self._database.write(work)

    async def spend(self, challenge: Challenge) -> bool:
        """Whether this call did, for an answer that was right and yet is refused."""
        return await self._database.write(lambda connection: _spend(connection, challenge))

    async def by_credential(self, credential_id: str) -> Passkey | None:
        statement = sa.select(*_COLUMNS).where(
            passkeys.c.credential_id == credential_id, passkeys.c.removed_at.is_(None)
        )
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else Passkey(**row._mapping)

    async def of(self, subject: str) -> list[Passkey]:
        """The oldest first."""
        live = passkeys.c.subject == subject, passkeys.c.removed_at.is_(None)
        statement = sa.select(*_COLUMNS).where(*live).order_by(passkeys.c.created_at, passkeys.c.passkey_id)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [Passkey(**row._mapping) for row in rows]

    async def rename(self, subject: str, passkey_id: str, name: str) -> bool:
        """Whether the person has such a passkey."""
        theirs = passkeys.c.passkey_id == passkey_id, passkeys.c.subject == subject, passkeys.c.removed_at.is_(None)
        statement = passkeys.update().where(*theirs).values(name=name)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)

    async def remove(self, subject: str, passkey_id: str, *, kept: str, event: AccountEvent, now: int) -> bool:
        """Whether this call removed it, and ended the sessions that were begun with it, but for the one that is kept.

        Raises `LastWay`.
        """

        def work(connection: sa.Connection) -> bool:
            theirs = passkeys.c.passkey_id == passkey_id, passkeys.c.subject == subject, passkeys.c.removed_at.is_(None)
            if connection.execute(sa.select(passkeys.c.passkey_id).where(*theirs)).one_or_none() is None:
                return False
            require_another(connection, subject)
            if connection.execute(passkeys.update().where(*theirs).values(removed_at=now)).rowcount != 1:
                return False
            begun = browser_sessions.c.passkey_id == passkey_id, browser_sessions.c.ended_at.is_(None)
            others = browser_sessions.c.session_id != kept
            connection.execute(browser_sessions.update().where(*begun, others).values(ended_at=now))
            account_events.note(connection, event)
            return True

        return await self._database.write(work)


def _spend(connection: sa.Connection, challenge: Challenge) -> bool:
    return insert_if_absent(connection, spent_challenges, vars(challenge))
