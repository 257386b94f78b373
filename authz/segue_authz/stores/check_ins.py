"""Is this device still yours? Asked some hours after a device got its first task of a person, and answered once.

Asked about are devices that still reach something: whatever ends that, ends the question too.
"""

from typing import Any

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.arrival import ASK_AGAIN_AFTER, ASKED_AT_MOST, ASKED_WITHIN, Answer, Answered, Arrival
from segue_authz.domain.notice import Kind
from segue_authz.stores.arrivals import found, selected
from segue_authz.stores.notices import tell
from segue_authz.stores.tables import accounts, arrivals, devices, grants
from segue_authz.stores.withdrawals import end_device

AT_ONCE = 50


class CheckIns:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, *, after: int, now: int) -> int:
        """Ask about the new devices that joined `after` seconds ago, and once more about those left unanswered.

        Every process does this: of each question one compare-and-set decides who asks it. How many were asked.
        """
        due = _due(after=after, now=now)
        if not await self._database.read(lambda connection: connection.execute(sa.select(due.exists())).scalar()):
            return 0

        def work(connection: sa.Connection) -> int:
            some = due.order_by(arrivals.c.joined_at).limit(AT_ONCE).with_for_update(of=arrivals, skip_locked=True)
            return sum(_ask(connection, row, now=now) for row in connection.execute(some).all())

        return await self._database.write(work)

    async def questions(self, subject: str, *, now: int) -> list[Arrival]:
        """The devices that the person has been asked about and has not answered for, the oldest first."""
        open_ones = arrivals.c.asked > 0, arrivals.c.answered_at.is_(None), _reaches_something(now=now)
        some = selected(arrivals.c.subject == subject, *open_ones, order=arrivals.c.joined_at)
        return await self._database.read(lambda connection: found(connection, some))

    async def answer(self, subject: str, grant_id: str, answer: Answer, *, session_id: str, now: int) -> Answered:
        """One compare-and-set. The first yes counts, and a no always does: it ends the device's access with itself."""
        own = arrivals.c.subject == subject, arrivals.c.grant_id == grant_id
        seen_at = sa.func.coalesce(arrivals.c.seen_at, now)
        given = arrivals.update().values(answer=answer.value, answered_at=now, answered_in=session_id, seen_at=seen_at)

        def keep(connection: sa.Connection) -> Answered:
            open_one = arrivals.c.asked > 0, arrivals.c.answered_at.is_(None), _reaches_something(now=now)
            won = connection.execute(given.where(*own, *open_one)).rowcount
            return Answered.KEPT if won else Answered.LATE

        def end(connection: sa.Connection) -> Answered:
            no = sa.or_(arrivals.c.answer.is_(None), arrivals.c.answer != Answer.NOT_MINE.value)
            if not connection.execute(given.where(*own, no)).rowcount:
                return Answered.LATE
            device_id = connection.execute(sa.select(arrivals.c.device_id).where(*own)).scalar_one()
            end_device(connection, subject, device_id, now=now)
            return Answered.ENDED

        return await self._database.write(keep if answer is Answer.MINE else end)

    async def kept(self, subject: str) -> dict[str, int]:
        """When the person said of which devices that they are theirs."""
        mine = arrivals.c.subject == subject, arrivals.c.answer == Answer.MINE.value
        statement = sa.select(arrivals.c.device_id, arrivals.c.answered_at).where(*mine)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return {row.device_id: row.answered_at for row in rows}


def _due(*, after: int, now: int) -> sa.Select[Any]:
    first = sa.and_(arrivals.c.asked == 0, arrivals.c.joined_at <= now - after)
    again = sa.and_(
        arrivals.c.asked > 0, arrivals.c.asked < ASKED_AT_MOST, arrivals.c.asked_at <= now - ASK_AGAIN_AFTER
    )
    enabled = sa.exists().where(accounts.c.subject == arrivals.c.subject, accounts.c.disabled_at.is_(None))
    lately = arrivals.c.joined_at > now - ASKED_WITHIN - after
    undecided = arrivals.c.new_device, arrivals.c.answered_at.is_(None), sa.or_(first, again)
    return sa.select(arrivals).where(*undecided, lately, enabled, _reaches_something(now=now))


def _ask(connection: sa.Connection, row: sa.Row[Any], *, now: int) -> bool:
    unasked = arrivals.c.grant_id == row.grant_id, arrivals.c.asked == row.asked, arrivals.c.answered_at.is_(None)
    won = connection.execute(arrivals.update().where(*unasked).values(asked=row.asked + 1, asked_at=now)).rowcount == 1
    if won:
        tell(connection, row.subject, Kind.CHECK_IN, now=now, grant_id=row.grant_id)
    return won


def _reaches_something(*, now: int) -> sa.ColumnElement[bool]:
    """Whether the device of the arrival has a grant that mints."""
    own = grants.c.device_id == arrivals.c.device_id, devices.c.device_id == arrivals.c.device_id
    lives = (
        grants.c.parent_grant_id.is_(None),
        grants.c.revoked_at.is_(None),
        grants.c.expires_at > now,
        devices.c.revoked_at.is_(None),
    )
    return sa.exists().where(*own, *lives).correlate(arrivals)
