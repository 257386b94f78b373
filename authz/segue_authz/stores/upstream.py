"""Who is known to other providers, who was sent there, and which sessions were begun and ended by their word."""

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.account import Account, BrowserSession
from segue_authz.domain.account_event import AccountEvent
from segue_authz.domain.upstream import UpstreamIdentity, UpstreamRequest, UpstreamSession
from segue_authz.stores import account_events
from segue_authz.stores.accounts import insert_session
from segue_authz.stores.insert import insert_if_absent
from segue_authz.stores.sign_in_ways import require_another
from segue_authz.stores.tables import (
    accounts,
    browser_sessions,
    upstream_identities,
    upstream_logouts,
    upstream_requests,
    upstream_sessions,
)


class UpstreamRequests:
    """Finished ones too: what is spent stays known until it would have expired long ago."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, asked: UpstreamRequest) -> None:
        statement = upstream_requests.insert().values(vars(asked))
        await self._database.write(lambda connection: connection.execute(statement).rowcount)

    async def find(self, digest: str) -> UpstreamRequest | None:
        statement = sa.select(upstream_requests).where(upstream_requests.c.digest == digest)
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else UpstreamRequest(**row._mapping)

    async def answer(self, digest: str, *, provider: str, browser: str, now: int) -> bool:
        """Compare and set: whether this call was the one answer, in that browser, from that provider, in time."""
        waiting = (
            upstream_requests.c.digest == digest,
            upstream_requests.c.provider == provider,
            upstream_requests.c.browser == browser,
            upstream_requests.c.answered_at.is_(None),
            upstream_requests.c.expires_at > now,
        )
        statement = upstream_requests.update().where(*waiting).values(answered_at=now)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)


class UpstreamIdentities:
    """An identity belongs to one account at most: that is a constraint of the table, and decides races."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def account(self, issuer: str, sub: str) -> Account | None:
        """Whose it is. The two together are the name, and nothing else is."""
        statement = (
            sa.select(accounts)
            .join(upstream_identities, upstream_identities.c.subject == accounts.c.subject)
            .where(upstream_identities.c.issuer == issuer, upstream_identities.c.sub == sub)
        )
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else Account(**row._mapping)

    async def of(self, subject: str) -> list[UpstreamIdentity]:
        """The oldest first."""
        theirs = sa.select(upstream_identities).where(upstream_identities.c.subject == subject)
        statement = theirs.order_by(upstream_identities.c.linked_at, upstream_identities.c.identity_id)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [UpstreamIdentity(**row._mapping) for row in rows]

    async def link(self, identity: UpstreamIdentity, *, event: AccountEvent) -> bool:
        """Whether this call linked it: not if it is somebody's already, or the account is closed."""

        def work(connection: sa.Connection) -> bool:
            there = accounts.c.subject == identity.subject, accounts.c.disabled_at.is_(None)
            locked = sa.select(accounts.c.subject).where(*there).with_for_update()
            if connection.execute(locked).one_or_none() is None:
                return False
            if not insert_if_absent(connection, upstream_identities, vars(identity)):
                return False
            account_events.note(connection, event)
            return True

        return await self._database.write(work)

    async def admit(self, account: Account, identity: UpstreamIdentity, *, event: AccountEvent) -> bool:
        """Make an account with the identity as its one way in: both, or none of them.

        False if the identity is somebody's by now, or the user name or subject is taken.
        """

        def work(connection: sa.Connection) -> bool:
            if not insert_if_absent(connection, accounts, vars(account)):
                return False
            if insert_if_absent(connection, upstream_identities, vars(identity)):
                account_events.note(connection, event)
                return True
            connection.execute(accounts.delete().where(accounts.c.subject == account.subject))
            return False

        return await self._database.write(work)

    async def unlink(self, subject: str, identity_id: str, *, kept: str, event: AccountEvent, now: int) -> bool:
        """Whether this call did, and ended the sessions that were begun by it, but for the one that is kept.

        Raises `LastWay`.
        """

        def work(connection: sa.Connection) -> bool:
            theirs = upstream_identities.c.identity_id == identity_id, upstream_identities.c.subject == subject
            row = connection.execute(sa.select(upstream_identities).where(*theirs)).one_or_none()
            if row is None:
                return False
            _alone(connection, row.issuer)
            require_another(connection, subject)
            if connection.execute(upstream_identities.delete().where(*theirs)).rowcount != 1:
                return False
            begun = upstream_sessions.c.issuer == row.issuer, upstream_sessions.c.sub == row.sub
            _end(connection, sa.and_(*begun, upstream_sessions.c.session_id != kept), now=now)
            account_events.note(connection, event)
            return True

        return await self._database.write(work)


class UpstreamSessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, session: BrowserSession, by: UpstreamSession) -> bool:
        """Whether it has begun: not if the identity is no longer that account's, or its session there is over."""

        def work(connection: sa.Connection) -> bool:
            _alone(connection, by.issuer)
            linked = sa.select(upstream_identities.c.identity_id).where(
                upstream_identities.c.issuer == by.issuer,
                upstream_identities.c.sub == by.sub,
                upstream_identities.c.subject == session.subject,
            )
            over = sa.select(upstream_logouts.c.digest).where(
                upstream_logouts.c.issuer == by.issuer,
                upstream_logouts.c.happened_at >= by.iat,
                _meant(upstream_logouts.c.sub, upstream_logouts.c.sid, by),
            )
            if connection.execute(linked).first() is None or connection.execute(over).first() is not None:
                return False
            insert_session(connection, session)
            begun = {"session_id": session.session_id, "issuer": by.issuer, "sub": by.sub, "sid": by.sid}
            connection.execute(upstream_sessions.insert().values(begun))
            return True

        return await self._database.write(work)

    async def issuer_of(self, session_id: str) -> str | None:
        """By whose word the session was begun, if it was."""
        statement = sa.select(upstream_sessions.c.issuer).where(upstream_sessions.c.session_id == session_id)
        return await self._database.read(lambda connection: connection.execute(statement).scalar_one_or_none())

    async def end(
        self, issuer: str, *, sub: str | None, sid: str | None, digest: str, happened_at: int, now: int
    ) -> int | None:
        """End what was begun there by that person or session; how many. None if that was told before.

        A session of which the provider gave no `sid` ends with any of the person's.
        """
        told = {"digest": digest, "issuer": issuer, "sub": sub, "sid": sid, "happened_at": happened_at}
        begun = upstream_sessions.c
        meant = [begun.issuer == issuer]
        if sub is not None:
            meant.append(begun.sub == sub)
        if sid is not None:
            meant.append(sa.or_(begun.sid == sid, begun.sid.is_(None)) if sub is not None else begun.sid == sid)

        def work(connection: sa.Connection) -> int | None:
            _alone(connection, issuer)
            if not insert_if_absent(connection, upstream_logouts, told):
                return None
            return _end(connection, sa.and_(*meant), now=now)

        return await self._database.write(work)


def _meant(sub: sa.Column[str], sid: sa.Column[str], by: UpstreamSession) -> sa.ColumnElement[bool]:
    """Whether a logout is of that session: what it names has to be the same, and it names one of the two at least."""
    same_session = sa.or_(sid.is_(None), sub.is_not(None) if by.sid is None else sid == by.sid)
    return sa.and_(sa.or_(sub.is_(None), sub == by.sub), same_session)


def _end(connection: sa.Connection, which: sa.ColumnElement[bool], *, now: int) -> int:
    chosen = sa.select(upstream_sessions.c.session_id).where(which)
    there = browser_sessions.c.session_id.in_(chosen), browser_sessions.c.ended_at.is_(None)
    return connection.execute(browser_sessions.update().where(*there).values(ended_at=now)).rowcount


def _alone(connection: sa.Connection, issuer: str) -> None:
    """One at a time begins or ends by a provider's word: who ends sees what has begun, or who begins sees the end.

    Always the first lock that is taken. SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(issuer, 0))))
