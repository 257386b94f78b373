"""Devices that have got a task: written with the grant, told at once, new on the pages until the person has seen it.

Shown are those that still reach what they got: whatever ends that, ends this too.
"""

from typing import Any

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.arrival import NEW_FOR, Arrival
from segue_authz.domain.client import Origin
from segue_authz.domain.grant import Grant
from segue_authz.domain.notice import Kind
from segue_authz.stores.notices import tell
from segue_authz.stores.tables import arrivals, clients, devices, grants

SHOWN = 20


def arrive(connection: sa.Connection, grant: Grant, *, new_device: bool, decided_in: str | None, now: int) -> None:
    """Write down that the device has the task, and tell the browsers that did not decide it: one transaction."""
    connection.execute(arrivals.insert(), arrival(grant, new_device=new_device, decided_in=decided_in, now=now))
    tell(connection, grant.subject, Kind.JOINED, now=now, except_in=decided_in, grant_id=grant.grant_id)


def arrival(grant: Grant, *, new_device: bool, decided_in: str | None, now: int) -> dict[str, Any]:
    """What is written down of it."""
    values = {"grant_id": grant.grant_id, "subject": grant.subject, "device_id": grant.device_id, "joined_at": now}
    return values | {"new_device": new_device, "decided_in": decided_in, "seen_at": None, "asked": 0}


class Arrivals:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def unseen(self, subject: str, *, but_not_from: str, now: int) -> list[Arrival]:
        """Those that joined lately and nobody has said to have seen, without what that browser session approved."""
        elsewhere = sa.or_(arrivals.c.decided_in.is_(None), arrivals.c.decided_in != but_not_from)
        lately = arrivals.c.joined_at > now - NEW_FOR, arrivals.c.seen_at.is_(None), _lives(now=now)
        some = selected(arrivals.c.subject == subject, elsewhere, *lately, order=arrivals.c.joined_at.desc())
        return await self._database.read(lambda connection: found(connection, some))

    async def see(self, subject: str, grant_ids: list[str], *, now: int) -> int:
        """The person has seen these; how many were new until then."""
        own = arrivals.c.subject == subject, arrivals.c.grant_id.in_(grant_ids[:SHOWN]), arrivals.c.seen_at.is_(None)
        seen = arrivals.update().where(*own).values(seen_at=now)
        return await self._database.write(lambda connection: connection.execute(seen).rowcount)


def selected(*conditions: sa.ColumnElement[bool], order: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Arrivals with what a page says of them."""
    verified = sa.or_(clients.c.origin == Origin.OPERATOR, clients.c.reviewed_at.is_not(None))
    return (
        sa.select(
            arrivals.c.grant_id,
            arrivals.c.device_id,
            grants.c.task_id,
            grants.c.transfer_id,
            arrivals.c.joined_at,
            devices.c.name.label("device_name"),
            devices.c.network,
            clients.c.name.label("client_name"),
            verified.label("client_verified"),
        )
        .join(grants, grants.c.grant_id == arrivals.c.grant_id)
        .join(devices, devices.c.device_id == arrivals.c.device_id)
        .join(clients, clients.c.client_id == grants.c.client_id)
        .where(*conditions)
        .order_by(order, arrivals.c.grant_id)
        .limit(SHOWN)
    )


def found(connection: sa.Connection, statement: sa.Select[Any]) -> list[Arrival]:
    return [Arrival(**row._mapping) for row in connection.execute(statement).all()]


def _lives(*, now: int) -> sa.ColumnElement[bool]:
    """Whether the grant of the arrival itself mints."""
    own = grants.c.grant_id == arrivals.c.grant_id, devices.c.device_id == arrivals.c.device_id
    lives = grants.c.revoked_at.is_(None), grants.c.expires_at > now, devices.c.revoked_at.is_(None)
    return sa.exists().where(*own, *lives).correlate(arrivals)
