"""What has outlived its use and may go: nothing here decides anything any more, nor is it shown to anybody.

Grants stay, and what they came of: a code that is used again long after must still be found (RFC 6749 section 4.1.2),
and a person sees on `/devices` what was.
"""

from collections.abc import Iterator
from functools import partial

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.policy import DAY
from segue_authz.stores import budgets
from segue_authz.stores.tables import (
    account_events,
    arrivals,
    authorization_codes,
    backchannel_requests,
    bound_sessions,
    browser_sessions,
    notices,
    passkeys,
    push_messages,
    push_subscriptions,
    pushed_requests,
    recovery_codes,
    spent_challenges,
    transfers,
    upstream_logouts,
    upstream_requests,
    upstream_sessions,
)

AT_ONCE = 500
"""Rows in one transaction, so that nobody waits for it."""
SOON = DAY
LATE = 90 * DAY
"""Longer than reports of persons count, and than a client is muted for."""
VERY_LATE = 365 * DAY
"""How long a person sees what has happened to the ways in which they sign in."""


async def drop_leftovers(database: Database, *, now: int) -> int:
    """Batch by batch, each in a transaction of its own; how many rows. Raises what the database raises."""
    dropped = 0
    for table, key, leftover in _leftovers(now):
        batch = AT_ONCE
        while batch == AT_ONCE:
            batch = await database.write(partial(_drop, table=table, key=key, leftover=leftover))
            dropped += batch
    return dropped + await budgets.forget_lapsed(database, now=now)


def _leftovers(now: int) -> Iterator[tuple[sa.Table, sa.Column[str], sa.ColumnElement[bool]]]:
    """In the order in which they refer to each other."""
    yield pushed_requests, pushed_requests.c.digest, pushed_requests.c.expires_at < now - SOON
    codes = authorization_codes
    yield codes, codes.c.code_digest, sa.and_(codes.c.expires_at < now - LATE, codes.c.grant_id.is_(None))
    yield push_messages, push_messages.c.message_id, push_messages.c.created_at < now - SOON
    yield arrivals, arrivals.c.grant_id, arrivals.c.joined_at < now - LATE
    over = browser_sessions.c.expires_at < now - SOON
    told = push_subscriptions.c.session_id.in_(sa.select(browser_sessions.c.session_id).where(over))
    yield push_subscriptions, push_subscriptions.c.subscription_id, told
    bound = bound_sessions.c.session_id.in_(sa.select(browser_sessions.c.session_id).where(over))
    yield bound_sessions, bound_sessions.c.session_id, bound
    yield spent_challenges, spent_challenges.c.digest, spent_challenges.c.until < now - SOON
    yield passkeys, passkeys.c.passkey_id, passkeys.c.removed_at < now - LATE
    codes_over = sa.func.coalesce(recovery_codes.c.used_at, recovery_codes.c.replaced_at, recovery_codes.c.expires_at)
    yield recovery_codes, recovery_codes.c.code_digest, codes_over < now - LATE
    yield account_events, account_events.c.event_id, account_events.c.happened_at < now - VERY_LATE
    upstream = upstream_sessions.c.session_id.in_(sa.select(browser_sessions.c.session_id).where(over))
    yield upstream_sessions, upstream_sessions.c.session_id, upstream
    yield browser_sessions, browser_sessions.c.session_id, over
    yield upstream_requests, upstream_requests.c.digest, upstream_requests.c.expires_at < now - SOON
    yield upstream_logouts, upstream_logouts.c.digest, upstream_logouts.c.happened_at < now - SOON
    nothing_came = sa.and_(transfers.c.expires_at < now - LATE, transfers.c.grant_id.is_(None))
    without = sa.select(transfers.c.transfer_id).where(nothing_came)
    for table, key in ((notices, notices.c.notice_id), (backchannel_requests, backchannel_requests.c.transfer_id)):
        yield table, key, table.c.transfer_id.in_(without)
    yield transfers, transfers.c.transfer_id, nothing_came


def _drop(connection: sa.Connection, *, table: sa.Table, key: sa.Column[str], leftover: sa.ColumnElement[bool]) -> int:
    some = sa.select(key).where(leftover).limit(AT_ONCE).with_for_update(of=table, skip_locked=True)
    return connection.execute(table.delete().where(key.in_(some))).rowcount
