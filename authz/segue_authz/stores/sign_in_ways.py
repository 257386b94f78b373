"""How an account can be signed in to, counted in the transaction that takes one of the ways away.

So of two that would take the last two away one is refused: the account's row is locked while they are counted.
"""

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.account_event import AccountEvent
from segue_authz.domain.ways import Ways
from segue_authz.stores import account_events
from segue_authz.stores.tables import accounts, browser_sessions, passkeys, upstream_identities


class LastWay(Exception):
    """Without it nobody could sign in to the account any more."""


def ways_of(connection: sa.Connection, subject: str, *, locked: bool = False) -> Ways:
    """`locked`: until the transaction ends nobody else changes them. Raises `LookupError` if there is no account."""
    account = sa.select(accounts.c.password_hash).where(accounts.c.subject == subject)
    password_hash = connection.execute(account.with_for_update() if locked else account).scalar_one_or_none()
    if password_hash is None:
        raise LookupError(subject)
    live = passkeys.c.subject == subject, passkeys.c.removed_at.is_(None)
    number = connection.execute(sa.select(sa.func.count()).select_from(passkeys).where(*live)).scalar_one()
    known = sa.select(sa.func.count()).select_from(upstream_identities)
    elsewhere = connection.execute(known.where(upstream_identities.c.subject == subject)).scalar_one()
    return Ways(passkeys=number, password=bool(password_hash), elsewhere=elsewhere)


def require_another(connection: sa.Connection, subject: str) -> None:
    """Before one is taken away. Raises `LastWay`."""
    if ways_of(connection, subject, locked=True).number < 2:
        raise LastWay(subject)


class SignInWays:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, subject: str) -> Ways:
        """As of this moment; whoever takes one away has them counted again."""
        return await self._database.read(lambda connection: ways_of(connection, subject))

    async def set_password(self, subject: str, password_hash: str, *, was: str, event: AccountEvent) -> bool:
        """Put it in place of the one that was; False if that is no longer the one."""

        def work(connection: sa.Connection) -> bool:
            there = accounts.c.subject == subject, accounts.c.password_hash == was, accounts.c.deleted_at.is_(None)
            set_it = accounts.update().where(*there).values(password_hash=password_hash)
            if connection.execute(set_it).rowcount != 1:
                return False
            account_events.note(connection, event)
            return True

        return await self._database.write(work)

    async def remove_password(self, subject: str, *, event: AccountEvent) -> bool:
        """Whether this call removed it. Raises `LastWay`."""

        def work(connection: sa.Connection) -> bool:
            if not ways_of(connection, subject, locked=True).password:
                return False
            require_another(connection, subject)
            connection.execute(accounts.update().where(accounts.c.subject == subject).values(password_hash=""))
            account_events.note(connection, event)
            return True

        return await self._database.write(work)

    async def sign_out_others(self, subject: str, *, kept: str, event: AccountEvent, now: int) -> int:
        """End all browser sessions of the account but the one that is kept; how many there were."""

        def work(connection: sa.Connection) -> int:
            others = (
                browser_sessions.c.subject == subject,
                browser_sessions.c.session_id != kept,
                browser_sessions.c.ended_at.is_(None),
                browser_sessions.c.expires_at > now,
            )
            ended = connection.execute(browser_sessions.update().where(*others).values(ended_at=now)).rowcount
            if ended:
                account_events.note(connection, event)
            return ended

        return await self._database.write(work)
