"""Which decision a sign-in has served, where each serves one alone, and who could sign in by a passkey."""

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.stores.insert import insert_if_absent
from segue_authz.stores.tables import passkeys, spent_challenges


class SignIns:
    """A sign-in is named by a digest, a decision that it serves by another; both are forgotten after `until`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def serves(self, sign_in: str, decision: str) -> bool:
        """Whether it has served no other decision so far."""
        found = await self._database.read(lambda connection: _found(connection, sign_in, decision))
        return not found or decision in found

    async def spend(self, sign_in: str, decision: str, *, until: int) -> bool:
        """Whether it serves this decision, by this call or by one before: of several decisions one gets it."""

        def work(connection: sa.Connection) -> bool:
            if insert_if_absent(connection, spent_challenges, {"digest": sign_in, "until": until}):
                return insert_if_absent(connection, spent_challenges, {"digest": decision, "until": until})
            return decision in _found(connection, sign_in, decision)

        return await self._database.write(work)

    async def has_passkey(self, subject: str) -> bool:
        theirs = sa.select(passkeys.c.passkey_id).where(passkeys.c.subject == subject, passkeys.c.removed_at.is_(None))
        return await self._database.read(lambda connection: connection.execute(theirs.limit(1)).first() is not None)


def _found(connection: sa.Connection, *digests: str) -> set[str]:
    statement = sa.select(spent_challenges.c.digest).where(spent_challenges.c.digest.in_(digests))
    return set(connection.execute(statement).scalars())
