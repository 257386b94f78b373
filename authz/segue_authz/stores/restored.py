"""After a backup was put back: what was open or granted when it was made may have been used or withdrawn since."""

from dataclasses import dataclass

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.stores.authorization_codes import ENDED
from segue_authz.stores.tables import (
    authorization_codes,
    browser_sessions,
    budgets,
    grants,
    push_messages,
    pushed_requests,
    task_epochs,
    upstream_requests,
)
from segue_authz.stores.transfers import end_unfinished

AHEAD = 1_000_000
"""By how much a task's epoch rises: more than it can have risen since the backup, which task stores remember."""
ASSERTIONS = 330
"""Seconds for which a client's assertion that was made before may still be remembered, had nothing been restored."""
_RESTORED = "restored"
"""The row among the budgets that says when that was; after two days, with those, it is forgotten."""


@dataclass(frozen=True)
class Voided:
    """How many of each were ended."""

    grants: int
    codes: int
    sessions: int


async def void_everything(database: Database, *, now: int) -> Voided:
    """End all grants, sign-ins, codes and transfers under way, and raise all epochs: one transaction.

    Nobody is told of what happened before, or asked about a device that reaches nothing any more. Assertions of clients
    that may have been used since the backup are not taken.
    """

    def work(connection: sa.Connection) -> Voided:
        end_unfinished(connection, sa.true())
        unspent = authorization_codes.c.grant_id.is_(None), authorization_codes.c.expires_at > ENDED
        codes = connection.execute(authorization_codes.update().where(*unspent).values(expires_at=ENDED)).rowcount
        connection.execute(pushed_requests.update().values(expires_at=ENDED))
        connection.execute(upstream_requests.update().values(expires_at=ENDED))
        signed_in = browser_sessions.update().where(browser_sessions.c.ended_at.is_(None)).values(ended_at=now)
        sessions = connection.execute(signed_in).rowcount
        ended = grants.update().where(grants.c.revoked_at.is_(None)).values(revoked_at=now)
        withdrawn = connection.execute(ended).rowcount
        connection.execute(push_messages.delete())
        connection.execute(task_epochs.update().values(epoch=task_epochs.c.epoch + AHEAD))
        connection.execute(budgets.delete().where(budgets.c.key == _RESTORED))
        connection.execute(budgets.insert().values(key=_RESTORED, began_at=now, used=0))
        return Voided(withdrawn, codes, sessions)

    return await database.write(work)


def may_be_from_before(connection: sa.Connection, *, until: int) -> bool:
    """Whether what is remembered `until` then may have been used between a backup and its restore, and forgotten."""
    restored_at = sa.select(budgets.c.began_at).where(budgets.c.key == _RESTORED)
    at = connection.execute(restored_at).scalar_one_or_none()
    return at is not None and until <= at + ASSERTIONS
