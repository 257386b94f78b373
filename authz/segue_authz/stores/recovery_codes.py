"""Codes that let a person in who has lost every other way: each by its keyed digest, each good once."""

from collections.abc import Sequence
from enum import StrEnum

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.account_event import AccountEvent
from segue_authz.stores import account_events
from segue_authz.stores.tables import recovery_codes


class MadeBy(StrEnum):
    PERSON = "person"
    OPERATOR = "operator"


class RecoveryCodes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def replace(self, subject: str, digests: Sequence[str], *, event: AccountEvent, now: int) -> None:
        """From now on these count, and none of before."""

        def work(connection: sa.Connection) -> None:
            before = recovery_codes.c.subject == subject, recovery_codes.c.replaced_at.is_(None)
            connection.execute(recovery_codes.update().where(*before).values(replaced_at=now))
            rows = [_row(digest, subject, MadeBy.PERSON, now, None) for digest in digests]
            connection.execute(recovery_codes.insert(), rows)
            account_events.note(connection, event)

        await self._database.write(work)

    async def add(self, subject: str, digest: str, *, expires_at: int, event: AccountEvent, now: int) -> None:
        """One from the operator, beside those that the person has."""

        def work(connection: sa.Connection) -> None:
            connection.execute(recovery_codes.insert(), [_row(digest, subject, MadeBy.OPERATOR, now, expires_at)])
            account_events.note(connection, event)

        await self._database.write(work)

    async def use(self, subject: str, digest: str, *, event: AccountEvent, now: int) -> bool:
        """Whether this call used it: it was good, and nobody had used it before."""

        def work(connection: sa.Connection) -> bool:
            good = recovery_codes.c.code_digest == digest, *_good(subject, now)
            if connection.execute(recovery_codes.update().where(*good).values(used_at=now)).rowcount != 1:
                return False
            account_events.note(connection, event)
            return True

        return await self._database.write(work)

    async def left(self, subject: str, *, now: int) -> int:
        """How many of the person's own are still good."""
        own = recovery_codes.c.made_by == MadeBy.PERSON.value
        statement = sa.select(sa.func.count()).select_from(recovery_codes).where(own, *_good(subject, now))
        return await self._database.read(lambda connection: connection.execute(statement).scalar_one())


def _good(subject: str, now: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        recovery_codes.c.subject == subject,
        recovery_codes.c.used_at.is_(None),
        recovery_codes.c.replaced_at.is_(None),
        sa.or_(recovery_codes.c.expires_at.is_(None), recovery_codes.c.expires_at > now),
    )


def _row(digest: str, subject: str, made_by: MadeBy, now: int, expires_at: int | None) -> dict[str, str | int | None]:
    return {
        "code_digest": digest,
        "subject": subject,
        "made_by": made_by.value,
        "created_at": now,
        "expires_at": expires_at,
    }
