"""Accounts and the browsers they are signed in with."""

import sqlalchemy as sa
from segue_storage.database import Database, Question
from segue_storage.gathered import Gathered

from segue_authz.domain.account import Account, BrowserSession
from segue_authz.stores.reservations import hand_over
from segue_authz.stores.tables import (
    account_events,
    accounts,
    arrivals,
    bound_sessions,
    browser_sessions,
    passkeys,
    push_messages,
    push_subscriptions,
    recovery_codes,
    upstream_identities,
)

_SIGN_IN = (upstream_identities, passkeys, recovery_codes, account_events)
"""What an account is signed in to with, and what has happened to that."""


class AccountExists(Exception):
    """The username is taken."""


_THESE = sa.select(accounts).where(accounts.c.subject.in_(sa.bindparam("subjects", expanding=True)))


class Accounts:
    """Who may sign in."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found = Gathered(self._all_found)

    async def add(self, account: Account) -> None:
        """Raises `AccountExists`."""

        def work(connection: sa.Connection) -> None:
            connection.execute(accounts.insert(), vars(account))

        try:
            await self._database.write(work)
        except sa.exc.IntegrityError as taken:
            raise AccountExists(account.username) from taken

    async def by_username(self, username: str) -> Account | None:
        return await self._one(accounts.c.username == username)

    async def by_subject(self, subject: str) -> Account | None:
        return await self._found.ask(subject)

    async def _all_found(self, subjects: list[str]) -> list[Account | None]:
        some = {"subjects": list(set(subjects))}
        rows = await self._database.read(Question(_THESE, some))
        found = {row.subject: Account(**row._mapping) for row in rows}
        return [found.get(subject) for subject in subjects]

    async def disable(self, subject: str, *, now: int) -> bool:
        """Whether this call disabled it. Nothing is minted for it from now on, and what it holds is withdrawn."""
        there = accounts.c.subject == subject, accounts.c.disabled_at.is_(None)
        return await self._switch(accounts.update().where(*there).values(disabled_at=now))

    async def enable(self, subject: str) -> bool:
        """Whether this call enabled it again. A deleted one stays as it is."""
        there = accounts.c.subject == subject, accounts.c.disabled_at.is_not(None), accounts.c.deleted_at.is_(None)
        return await self._switch(accounts.update().where(*there).values(disabled_at=None))

    async def delete(self, subject: str, *, now: int) -> bool:
        """Whether this call deleted it: disabled for good, signed out everywhere, its names and password forgotten.

        The row stays, so that what it held is refused and told as withdrawn; the user name is free again.
        """

        def work(connection: sa.Connection) -> bool:
            there = accounts.c.subject == subject, accounts.c.deleted_at.is_(None)
            disabled_at = sa.func.coalesce(accounts.c.disabled_at, now)
            forgotten = {"username": f"deleted {subject}", "name": "", "password_hash": ""}
            gone = accounts.update().where(*there).values(disabled_at=disabled_at, deleted_at=now, **forgotten)
            signed_in = browser_sessions.c.subject == subject, browser_sessions.c.ended_at.is_(None)
            connection.execute(browser_sessions.update().where(*signed_in).values(ended_at=now))
            for gone_too in (*_SIGN_IN, push_messages, push_subscriptions, arrivals):
                connection.execute(gone_too.delete().where(gone_too.c.subject == subject))
            return connection.execute(gone).rowcount == 1

        return await self._database.write(work)

    async def _switch(self, statement: sa.Update) -> bool:
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)

    async def _one(self, condition: sa.ColumnElement[bool]) -> Account | None:
        statement = sa.select(accounts).where(condition)
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else Account(**row._mapping)


def insert_session(connection: sa.Connection, session: BrowserSession) -> None:
    """By whatever way somebody has signed in."""
    kept = {name: value for name, value in vars(session).items() if name != "bound_at"}
    connection.execute(browser_sessions.insert().values(**kept, ended_at=None))


class BrowserSessions:
    """Signed-in browsers, found by the digest of their cookie."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, session: BrowserSession) -> None:
        await self._database.write(lambda connection: insert_session(connection, session))

    async def current(self, session_id: str, *, now: int) -> tuple[BrowserSession, Account] | None:
        """The session with its account, unless it has ended or the account is disabled."""
        statement = (
            sa.select(browser_sessions, accounts, bound_sessions.c.registered_at.label("bound_at"))
            .join(accounts, accounts.c.subject == browser_sessions.c.subject)
            .outerjoin(bound_sessions, bound_sessions.c.session_id == browser_sessions.c.session_id)
            .where(
                browser_sessions.c.session_id == session_id,
                browser_sessions.c.ended_at.is_(None),
                browser_sessions.c.expires_at > now,
                accounts.c.disabled_at.is_(None),
            )
        )
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        if row is None:
            return None
        how = row.acr, row.expires_at, row.amr or "", row.passkey_id, row.bound_at
        session = BrowserSession(row.session_id, row.subject, row.auth_time, *how)
        return session, Account(row.subject, row.username, row.name, row.password_hash)

    async def end(self, session_id: str, *, now: int, heir: BrowserSession | None = None) -> bool:
        """Whether this call ended it.

        `heir` is the session that the same browser goes on with: if it is of the same person, the decisions that were
        reserved for the one that ends are reserved for it, in this transaction.
        """
        there = browser_sessions.c.session_id == session_id, browser_sessions.c.ended_at.is_(None)
        statement = browser_sessions.update().where(*there).values(ended_at=now)
        theirs = sa.select(browser_sessions.c.subject).where(*there)

        def work(connection: sa.Connection) -> bool:
            subject = connection.execute(theirs).scalar_one_or_none()
            ended = connection.execute(statement).rowcount == 1
            if ended and heir is not None and heir.subject == subject:
                hand_over(connection, session_id, heir.session_id, subject=subject)
            return ended

        return await self._database.write(work)
