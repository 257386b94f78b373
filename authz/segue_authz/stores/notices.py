"""What is still to be told to clients and browsers: written with what it tells of, so that no crash loses it.

A notice is taken before it is sent and stays until it has arrived: it is sent at least once, and a few times at most.
"""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.notice import A_DAY, Kind
from segue_authz.domain.policy import DAY
from segue_authz.domain.transfer import Requested
from segue_authz.stores.budgets import spend
from segue_authz.stores.insert import insert_if_absent
from segue_authz.stores.tables import (
    backchannel_requests,
    browser_sessions,
    clients,
    notices,
    push_messages,
    push_subscriptions,
    transfers,
)

PAUSES = (5, 30, 120, 300)
"""Seconds from each attempt to the next; there are as many."""
AT_ONCE = 8


@dataclass(frozen=True)
class Notice:
    """`endpoint` is the client's or the browser's, None if there is nobody to tell any more.

    `notification_token` is sealed, and comes with those for a client alone.
    """

    notice_id: str
    transfer_id: str
    jkt: str
    subscription_id: str | None
    endpoint: str | None
    notification_token: str | None


class Notices:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, *, now: int) -> list[Notice]:
        """Some that are due, now this caller's until each is due again. Those of nobody, and the late, are dropped."""
        if not await self._database.read(lambda connection: _due(connection, now=now)):
            return []
        return await self._database.write(lambda connection: _take(connection, now=now))

    async def done(self, notice: Notice) -> None:
        """It has arrived, or is not to be sent again. The client's token is forgotten."""

        def work(connection: sa.Connection) -> None:
            _drop(connection, notice.notice_id, notice.transfer_id if notice.subscription_id is None else None)

        await self._database.write(work)

    async def subscribe(self, subject: str, session_id: str, subscription_id: str, endpoint: str, *, now: int) -> None:
        """Tell this browser from now on, as long as the person is signed in there; the endpoint's latest person."""
        values = {"subject": subject, "session_id": session_id, "endpoint": endpoint, "created_at": now}

        def work(connection: sa.Connection) -> None:
            here = push_subscriptions.c.session_id == session_id
            own = push_subscriptions.c.subscription_id == subscription_id
            connection.execute(push_subscriptions.delete().where(sa.or_(here, own)))
            insert_if_absent(connection, push_subscriptions, {"subscription_id": subscription_id, **values})

        await self._database.write(work)

    async def unsubscribe(self, *, session_id: str | None = None, subscription_id: str | None = None) -> None:
        """Tell this browser no more: the person wants it so, or the push service does not know it any more."""
        gone = (
            push_subscriptions.c.session_id == session_id
            if session_id
            else push_subscriptions.c.subscription_id == subscription_id
        )
        await self._database.write(
            lambda connection: connection.execute(push_subscriptions.delete().where(gone)).rowcount
        )

    async def subscribed(self, session_id: str) -> bool:
        """Whether this browser is told."""
        statement = sa.select(sa.exists().where(push_subscriptions.c.session_id == session_id))
        return bool(await self._database.read(lambda connection: connection.execute(statement).scalar()))


def announce(connection: sa.Connection, transfer_id: str, subject: str, *, now: int) -> None:
    """A request waits: tell the browsers that the person has asked to be told in, and is signed in with."""
    for subscription_id in _listening(connection, subject, now=now):
        values = {"notice_id": f"{transfer_id} {subscription_id}", "transfer_id": transfer_id}
        connection.execute(
            notices.insert(), values | {"subscription_id": subscription_id, "due_at": now, "attempts": 0}
        )


def tell(
    connection: sa.Connection,
    subject: str,
    kind: Kind,
    *,
    now: int,
    except_in: str | None = None,
    grant_id: str | None = None,
    transfer_id: str | None = None,
) -> None:
    """Tell the person's browsers, but for the session `except_in`, in the transaction of what there is to tell.

    Withdrawn, if it is about a grant that has ended or a transfer that has been decided by then. Of several of one kind
    in one second a browser hears once, and a person hears no more than `A_DAY` of it.
    """
    listening = _listening(connection, subject, now=now, except_in=except_in)
    if not listening or not spend(connection, f"told {kind} {subject}", most=A_DAY, window=DAY, now=now):
        return
    about = {"subject": subject, "kind": kind.value, "grant_id": grant_id, "transfer_id": transfer_id}
    for subscription_id in listening:
        values = {"message_id": f"{kind}.{now}.{subscription_id}", "subscription_id": subscription_id}
        insert_if_absent(connection, push_messages, values | about | {"created_at": now, "due_at": now, "attempts": 0})


def _listening(connection: sa.Connection, subject: str, *, now: int, except_in: str | None = None) -> list[str]:
    """The subscriptions of browsers in which the person is signed in."""
    signed_in = browser_sessions.c.ended_at.is_(None), browser_sessions.c.expires_at > now
    own = push_subscriptions.c.subject == subject, push_subscriptions.c.session_id != (except_in or "")
    there = sa.select(push_subscriptions.c.subscription_id).join(
        browser_sessions, browser_sessions.c.session_id == push_subscriptions.c.session_id
    )
    return list(connection.execute(there.where(*own, *signed_in)).scalars())


def told(connection: sa.Connection, subjects: Collection[str], *, now: int) -> set[str]:
    """Those of the persons who have asked to be told, in whatever browser."""
    return set(connection.execute(_TOLD, {"subjects": list(set(subjects)), "now": now}).scalars())


_TOLD = (
    sa.select(push_subscriptions.c.subject)
    .join(browser_sessions, browser_sessions.c.session_id == push_subscriptions.c.session_id)
    .where(push_subscriptions.c.subject.in_(sa.bindparam("subjects", expanding=True)))
    .where(browser_sessions.c.ended_at.is_(None), browser_sessions.c.expires_at > sa.bindparam("now"))
    .distinct()
)


def decided(connection: sa.Connection, transfer_id: str) -> None:
    """A request has been decided: tell the client, if it asked by the backchannel and wants to be told."""
    wants = sa.select(
        backchannel_requests.c.transfer_id, backchannel_requests.c.transfer_id, sa.literal(0), sa.literal(0)
    ).where(backchannel_requests.c.transfer_id == transfer_id, backchannel_requests.c.notification_token.is_not(None))
    connection.execute(notices.insert().from_select(["notice_id", "transfer_id", "due_at", "attempts"], wants))


def _due(connection: sa.Connection, *, now: int) -> bool:
    return bool(connection.execute(sa.select(sa.exists().where(notices.c.due_at <= now))).scalar())


def _take(connection: sa.Connection, *, now: int) -> list[Notice]:
    due = sa.select(notices).where(notices.c.due_at <= now).order_by(notices.c.due_at, notices.c.notice_id)
    taken = []
    for row in connection.execute(due.limit(AT_ONCE).with_for_update(skip_locked=True)).all():
        found = _found(connection, row, now=now)
        if row.attempts >= len(PAUSES) or found.endpoint is None:
            _drop(connection, row.notice_id, row.transfer_id if row.subscription_id is None else None)
            continue
        again = {"attempts": row.attempts + 1, "due_at": now + PAUSES[row.attempts]}
        connection.execute(notices.update().where(notices.c.notice_id == row.notice_id).values(again))
        taken.append(found)
    return taken


def _found(connection: sa.Connection, row: sa.Row[tuple[object, ...]], *, now: int) -> Notice:
    """The notice with where it goes, as of now."""
    asked = sa.select(
        transfers.c.state,
        transfers.c.expires_at,
        transfers.c.claim_jkt,
        backchannel_requests.c.notification_token,
        clients.c.disabled_at,
        clients.c.backchannel_client_notification_endpoint,
    ).where(transfers.c.transfer_id == row.transfer_id)
    told = connection.execute(
        asked.join(backchannel_requests, backchannel_requests.c.transfer_id == transfers.c.transfer_id).join(
            clients, clients.c.client_id == backchannel_requests.c.client_id
        )
    ).one()
    if row.subscription_id is None:
        endpoint = told.backchannel_client_notification_endpoint if told.disabled_at is None else None
        token = told.notification_token
        where = endpoint if token else None
        return Notice(row.notice_id, row.transfer_id, told.claim_jkt, None, where, token)
    own = push_subscriptions.c.subscription_id == row.subscription_id
    browser = connection.execute(sa.select(push_subscriptions.c.endpoint).where(own)).scalar_one_or_none()
    waits = told.state == Requested.__name__ and told.expires_at > now
    return Notice(row.notice_id, row.transfer_id, told.claim_jkt, row.subscription_id, browser if waits else None, None)


def _drop(connection: sa.Connection, notice_id: str, of_client: str | None) -> None:
    connection.execute(notices.delete().where(notices.c.notice_id == notice_id))
    if of_client is not None:
        own = backchannel_requests.c.transfer_id == of_client
        connection.execute(backchannel_requests.update().where(own).values(notification_token=None))
