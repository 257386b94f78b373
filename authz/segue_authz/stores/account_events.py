"""What has happened to accounts. An event is written by the transaction that makes it true."""

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.account_event import AccountEvent
from segue_authz.domain.account_event import Kind as Event
from segue_authz.domain.notice import Kind as Notice
from segue_authz.stores.notices import tell
from segue_authz.stores.tables import account_events

_SHOWN = 20
_TOLD_AS = {Event.PASSKEY_ADDED.value: Notice.PASSKEY_ADDED, Event.PASSKEY_REMOVED.value: Notice.PASSKEY_REMOVED}

_UNTOLD = {Event.SIGNED_OUT_ELSEWHERE.value, Event.SESSION_UNPROVED.value}
"""The others are signed out by then; and nothing has changed that a notification could say."""


def note(connection: sa.Connection, event: AccountEvent) -> None:
    """The one place at which events of an account begin; all browsers of the person are told, the acting one too."""
    connection.execute(account_events.insert(), vars(event))
    if event.kind not in _UNTOLD:
        kind = _TOLD_AS.get(event.kind, Notice.SIGN_IN_CHANGED)
        tell(connection, event.subject, kind, now=event.happened_at)


class AccountEvents:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, event: AccountEvent) -> None:
        """For what changes nothing else."""
        await self._database.write(lambda connection: note(connection, event))

    async def latest(self, subject: str) -> list[AccountEvent]:
        """The newest first."""
        statement = (
            sa.select(account_events)
            .where(account_events.c.subject == subject)
            .order_by(account_events.c.happened_at.desc(), account_events.c.event_id)
            .limit(_SHOWN)
        )
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [AccountEvent(**row._mapping) for row in rows]
