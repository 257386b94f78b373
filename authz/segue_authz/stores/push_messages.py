"""What browsers are told by their push service: taken by one process, sent at least once, looked up by the browser.

A push message has no content. The browser asks what it was about, with its own cookie, and gets what is still true; a
message stays until the browser has shown it or it is out of date.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.notice import LIFETIME, Kind
from segue_authz.domain.transfer import Claimed, Requested
from segue_authz.stores.notices import AT_ONCE, PAUSES
from segue_authz.stores.tables import (
    arrivals,
    browser_sessions,
    devices,
    grants,
    push_messages,
    push_subscriptions,
    transfers,
)


@dataclass(frozen=True)
class PushMessage:
    """`endpoint` is the browser's, at its push service."""

    message_id: str
    subscription_id: str
    kind: Kind
    endpoint: str


@dataclass(frozen=True)
class Told:
    """What a message was about."""

    message_id: str
    kind: Kind
    transfer_id: str | None


class PushMessages:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, *, now: int) -> list[PushMessage]:
        """Some that are due, now this caller's until each is due again. What is not so any more is dropped."""
        due = push_messages.c.due_at <= now
        if not await self._database.read(
            lambda connection: connection.execute(sa.select(sa.exists().where(due))).scalar()
        ):
            return []

        def work(connection: sa.Connection) -> list[PushMessage]:
            some = sa.select(push_messages).where(due).order_by(push_messages.c.due_at, push_messages.c.message_id)
            rows = connection.execute(some.limit(AT_ONCE).with_for_update(skip_locked=True)).all()
            return [message for row in rows if (message := _taken(connection, row, now=now))]

        return await self._database.write(work)

    async def sent(self, message_id: str) -> None:
        """The push service has it."""
        own = push_messages.c.message_id == message_id
        over = push_messages.update().where(own).values(due_at=None)
        await self._database.write(lambda connection: connection.execute(over).rowcount)

    async def latest(self, session_id: str, *, now: int) -> list[Told]:
        """What this browser was told, has not shown, and is still so; the latest first."""
        own = push_subscriptions.c.session_id == session_id, push_messages.c.created_at > now - LIFETIME
        statement = (
            sa.select(push_messages.c.message_id, push_messages.c.kind, push_messages.c.transfer_id)
            .join(push_subscriptions, push_subscriptions.c.subscription_id == push_messages.c.subscription_id)
            .where(*own, push_messages.c.attempts > 0, _still_so(now=now))
            .order_by(push_messages.c.created_at.desc(), push_messages.c.message_id)
            .limit(AT_ONCE)
        )
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [Told(row.message_id, Kind(row.kind), row.transfer_id) for row in rows]

    async def shown(self, session_id: str, message_ids: list[str]) -> int:
        """The browser has shown these; how many of them were its own."""
        its = sa.select(push_subscriptions.c.subscription_id).where(push_subscriptions.c.session_id == session_id)
        named = push_messages.c.message_id.in_(message_ids[:AT_ONCE])
        gone = push_messages.delete().where(named, push_messages.c.subscription_id.in_(its))
        return await self._database.write(lambda connection: connection.execute(gone).rowcount)


def _taken(connection: sa.Connection, row: sa.Row[Any], *, now: int) -> PushMessage | None:
    """The message with where it goes, counted as tried; None if there is nobody to tell, or nothing, or no try left."""
    own = push_messages.c.message_id == row.message_id
    signed_in = browser_sessions.c.ended_at.is_(None), browser_sessions.c.expires_at > now
    there = (
        sa.select(push_subscriptions.c.endpoint)
        .join(browser_sessions, browser_sessions.c.session_id == push_subscriptions.c.session_id)
        .where(push_subscriptions.c.subscription_id == row.subscription_id, *signed_in)
    )
    endpoint = connection.execute(there).scalar_one_or_none()
    so = connection.execute(sa.select(push_messages.c.message_id).where(own, _still_so(now=now))).one_or_none()
    if endpoint is None or so is None or row.created_at <= now - LIFETIME:
        connection.execute(push_messages.delete().where(own))
        return None
    if row.attempts >= len(PAUSES):
        connection.execute(push_messages.update().where(own).values(due_at=None))
        return None
    again = {"attempts": row.attempts + 1, "due_at": now + PAUSES[row.attempts]}
    connection.execute(push_messages.update().where(own).values(again))
    return PushMessage(row.message_id, row.subscription_id, Kind(row.kind), str(endpoint))


def _still_so(*, now: int) -> sa.ColumnElement[bool]:
    """Whether the grant it is about lives, the transfer waits, and the question is not answered."""
    its_grant = grants.c.grant_id == push_messages.c.grant_id, devices.c.device_id == grants.c.device_id
    lives = grants.c.revoked_at.is_(None), grants.c.expires_at > now, devices.c.revoked_at.is_(None)
    its_transfer = transfers.c.transfer_id == push_messages.c.transfer_id
    waits = transfers.c.state.in_((Claimed.__name__, Requested.__name__)), transfers.c.expires_at > now
    its_arrival = arrivals.c.grant_id == push_messages.c.grant_id
    answered = sa.exists().where(its_arrival, arrivals.c.answered_at.is_not(None)).correlate(push_messages)
    return sa.and_(
        sa.or_(push_messages.c.grant_id.is_(None), sa.exists().where(*its_grant, *lives).correlate(push_messages)),
        sa.or_(push_messages.c.transfer_id.is_(None), sa.exists().where(its_transfer, *waits).correlate(push_messages)),
        sa.or_(push_messages.c.kind != Kind.CHECK_IN.value, sa.not_(answered)),
    )
