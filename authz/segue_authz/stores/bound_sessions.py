"""Which browser sessions are bound to which key. A session is bound once, and never again."""

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.account_event import AccountEvent
from segue_authz.domain.bound_session import BoundSession
from segue_authz.stores.account_events import note
from segue_authz.stores.insert import insert_if_absent
from segue_authz.stores.tables import accounts, bound_sessions, browser_sessions, spent_challenges


class BoundSessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, session: BoundSession) -> bool:
        """Whether this call is the one that bound the session; it stays False for every later one."""
        return await self._database.write(
            lambda connection: insert_if_absent(connection, bound_sessions, vars(session))
        )

    async def current(self, session_id: str, *, now: int) -> BoundSession | None:
        """The binding, unless the session has ended or its account is disabled."""
        statement = (
            sa.select(bound_sessions)
            .join(browser_sessions, browser_sessions.c.session_id == bound_sessions.c.session_id)
            .join(accounts, accounts.c.subject == browser_sessions.c.subject)
            .where(
                bound_sessions.c.session_id == session_id,
                browser_sessions.c.ended_at.is_(None),
                browser_sessions.c.expires_at > now,
                accounts.c.disabled_at.is_(None),
            )
        )
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else BoundSession(row.session_id, row.identifier, row.jwk, row.registered_at)

    async def came_unproved(self, session_id: str, event: AccountEvent) -> bool:
        """Whether this call is the first to note that the session came without its proof; the person sees it once."""
        first = bound_sessions.c.session_id == session_id, bound_sessions.c.unproved_at.is_(None)
        statement = bound_sessions.update().where(*first).values(unproved_at=event.happened_at)

        def work(connection: sa.Connection) -> bool:
            noted = connection.execute(statement).rowcount == 1
            if noted:
                note(connection, event)
            return noted

        return await self._database.write(work)

    async def spend(self, digest: str, *, until: int) -> bool:
        """Whether this is the first use of that challenge, which nobody accepts any more after `until`."""
        values = {"digest": digest, "until": until}
        return await self._database.write(lambda connection: insert_if_absent(connection, spent_challenges, values))
