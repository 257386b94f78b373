"""What a person's devices and transfers are, for the page that shows them (A10)."""

from dataclasses import dataclass, replace

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.client import Origin
from segue_authz.stores.grants import standing_epoch
from segue_authz.stores.port import Stored
from segue_authz.stores.tables import authorization_codes, clients, devices, grants, task_epochs, transfers
from segue_authz.stores.transfer_row import from_row

TRANSFERS_SHOWN = 50
_verified = sa.or_(clients.c.origin == Origin.OPERATOR, clients.c.reviewed_at.is_not(None))


@dataclass(frozen=True)
class LiveGrant:
    """A grant that still mints. `writes`: it is not behind the task's epoch. Times in seconds since the epoch.

    `browser` is the session in which the person allowed it by a redirect, so in the browser where the client runs.
    """

    grant_id: str
    task_id: str
    transfer_id: str | None
    mode: str | None
    writes: bool
    since: int
    last_used_at: int
    device_id: str
    device_name: str
    device_network: str
    device_since: int
    client_name: str
    client_verified: bool
    browser: str | None
    parent_grant_id: str | None


@dataclass(frozen=True)
class PastTransfer:
    stored: Stored
    client_name: str | None
    reported_at: int | None


def _standing(live: list[LiveGrant]) -> list[LiveGrant]:
    """Without those whose parent, or its parent, has ended; a grant that came of another writes while that one does."""
    found = {grant.grant_id: grant for grant in live}

    def ancestors(grant: LiveGrant) -> list[LiveGrant | None]:
        if grant.parent_grant_id is None:
            return []
        parent = found.get(grant.parent_grant_id)
        return [parent, *(ancestors(parent) if parent else ())]

    return [
        replace(grant, writes=grant.writes and all(each and each.writes for each in ancestors(grant)))
        for grant in live
        if all(ancestors(grant))
    ]


class Overview:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def grants(self, subject: str, *, now: int) -> list[LiveGrant]:
        """The person's live grants, by device, the newest device first."""
        last_used_at = sa.func.coalesce(grants.c.rotated_at, grants.c.created_at)
        statement = (
            sa.select(
                grants.c.grant_id,
                grants.c.task_id,
                grants.c.transfer_id,
                transfers.c.mode,
                (standing_epoch >= task_epochs.c.epoch).label("writes"),
                grants.c.created_at.label("since"),
                last_used_at.label("last_used_at"),
                devices.c.device_id,
                devices.c.name.label("device_name"),
                devices.c.network.label("device_network"),
                devices.c.created_at.label("device_since"),
                clients.c.name.label("client_name"),
                _verified.label("client_verified"),
                authorization_codes.c.browser,
                grants.c.parent_grant_id,
            )
            .join(devices, devices.c.device_id == grants.c.device_id)
            .join(clients, clients.c.client_id == grants.c.client_id)
            .join(task_epochs, task_epochs.c.task_id == grants.c.task_id)
            .outerjoin(transfers, transfers.c.transfer_id == grants.c.transfer_id)
            .outerjoin(authorization_codes, authorization_codes.c.grant_id == grants.c.grant_id)
            .where(
                grants.c.subject == subject,
                grants.c.revoked_at.is_(None),
                grants.c.expires_at > now,
                devices.c.revoked_at.is_(None),
            )
            .order_by(devices.c.created_at.desc(), devices.c.device_id, grants.c.created_at.desc())
        )
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return _standing([LiveGrant(**row._mapping) for row in rows])

    async def transfers(self, subject: str) -> list[PastTransfer]:
        """The person's latest transfers, finished or not, the newest first."""
        statement = (
            sa.select(transfers, clients.c.name.label("client_name"))
            .outerjoin(
                clients,
                clients.c.client_id == sa.func.coalesce(transfers.c.claim_client_id, transfers.c.consumption_client_id),
            )
            .where(transfers.c.subject == subject)
            .order_by(transfers.c.created_at.desc(), transfers.c.transfer_id)
            .limit(TRANSFERS_SHOWN)
        )
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [
            PastTransfer(Stored(from_row(row), row.version, row.contested_at), row.client_name, row.reported_at)
            for row in rows
        ]
