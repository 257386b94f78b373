"""Taking back what was given: one grant, a device, everything, or all that came of one transfer (A10).

Every call is one transaction and says how many grants it ended. What is withdrawn stays in the table: that is how
resource servers hear of it, and how its tokens are refused wherever they turn up again.
"""

import sqlalchemy as sa
from segue_storage.database import Database
from segue_storage.gathered import Gathered

from segue_authz.stores.authorization_codes import ENDED
from segue_authz.stores.tables import accounts, authorization_codes, clients, devices, grants, transfers
from segue_authz.stores.transfers import end_unfinished, take_turns


class Withdrawals:
    """`WithdrawalStore` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reports = Gathered(self._all_reports)

    async def grant(self, subject: str, grant_id: str, *, now: int) -> int:
        """End one grant of the person."""
        condition = sa.and_(grants.c.subject == subject, grants.c.grant_id == grant_id)
        return await self._database.write(lambda connection: _revoke(connection, condition, now=now))

    async def device(self, subject: str, device_id: str, *, now: int) -> int:
        """End all grants of one device of the person, and keep it from getting others."""
        return await self._database.write(lambda connection: end_device(connection, subject, device_id, now=now))

    async def everything(self, subject: str, *, now: int) -> int:
        """End all grants of the person, the transfers that are under way and the codes that are unspent.

        The codes before the grants, so that one that is being spent is seen as a grant (RFC 6749 section 4.1.2).
        """

        def work(connection: sa.Connection) -> int:
            take_turns(connection, subject)
            end_unfinished(connection, transfers.c.subject == subject)
            unspent = authorization_codes.c.subject == subject, authorization_codes.c.grant_id.is_(None)
            connection.execute(authorization_codes.update().where(*unspent).values(expires_at=ENDED))
            return _revoke(connection, grants.c.subject == subject, now=now)

        return await self._database.write(work)

    async def report(self, subject: str, transfer_id: str, *, now: int) -> int | None:
        """The person did not start this transfer: end it and all that came of it, and remember which client it was.

        None if the person has no such transfer, or has reported it before.
        """

        def work(connection: sa.Connection) -> int | None:
            take_turns(connection, subject)
            own = transfers.c.subject == subject, transfers.c.transfer_id == transfer_id
            unreported = transfers.update().where(*own, transfers.c.reported_at.is_(None)).values(reported_at=now)
            if connection.execute(unreported).rowcount == 0:
                return None
            end_unfinished(connection, transfers.c.transfer_id == transfer_id)
            return _revoke_descendants(connection, transfer_id, now=now)

        return await self._database.write(work)

    async def reports(self, client_id: str, *, since: int) -> int:
        """How many transfers of this client persons have reported after `since`."""
        return await self._reports.ask((client_id, since))

    async def _all_reports(self, asked: list[tuple[str, int]]) -> list[int]:
        def work(connection: sa.Connection) -> dict[tuple[str, int], int]:
            return {one: _reports(connection, *one) for one in set(asked)}

        found = await self._database.read(work)
        return [found[one] for one in asked]

    async def since(self, since: int, *, now: int) -> list[str]:
        """The grants withdrawn after `since`, by whatever way, that would live else, with all that came of them."""
        ended = ended_since(since, now=now)
        statement = sa.select(ended.c.grant_id).distinct().order_by(ended.c.grant_id)
        return await self._database.read(lambda connection: list(connection.execute(statement).scalars()))


def _reports(connection: sa.Connection, client_id: str, since: int) -> int:
    return int(connection.execute(_REPORTS, {"client_id": client_id, "since": since}).scalar_one())


_REPORTS = (
    sa.select(sa.func.count())
    .select_from(transfers)
    .where(transfers.c.claim_client_id == sa.bindparam("client_id"), transfers.c.reported_at > sa.bindparam("since"))
)


def end_device(connection: sa.Connection, subject: str, device_id: str, *, now: int) -> int:
    """End all grants of one device, inside a transaction, and keep it from getting others."""
    own = devices.c.subject == subject, devices.c.device_id == device_id, devices.c.revoked_at.is_(None)
    connection.execute(devices.update().where(*own).values(revoked_at=now))
    return _revoke(connection, sa.and_(grants.c.subject == subject, grants.c.device_id == device_id), now=now)


def ended_since(since: int, *, now: int) -> sa.FromClause:
    """`grant_id`, `subject`, `resource` and `ended_at` of every grant withdrawn after `since` that would live else."""
    first = (grants.c.revoked_at, devices.c.revoked_at, clients.c.disabled_at, accounts.c.disabled_at)
    named = grants.c.grant_id, grants.c.subject, grants.c.resource
    ended = (
        sa.select(*named, sa.func.coalesce(*first).label("ended_at"))
        .join(accounts, accounts.c.subject == grants.c.subject)
        .join(clients, clients.c.client_id == grants.c.client_id)
        .join(devices, devices.c.device_id == grants.c.device_id)
        .where(grants.c.expires_at > now, sa.or_(*(at > since for at in first)))
        .cte("ended", recursive=True)
    )
    came = sa.select(*named, ended.c.ended_at).where(
        grants.c.parent_grant_id == ended.c.grant_id, grants.c.expires_at > now
    )
    return ended.union(came)


def _revoke(connection: sa.Connection, condition: sa.ColumnElement[bool], *, now: int) -> int:
    return connection.execute(
        grants.update().where(condition, grants.c.revoked_at.is_(None)).values(revoked_at=now)
    ).rowcount


def _revoke_descendants(connection: sa.Connection, transfer_id: str, *, now: int) -> int:
    """The grant of the transfer, those of transfers that started from it, and so on."""
    ended, generation = 0, [transfer_id]
    while generation:
        came = grants.c.transfer_id.in_(generation)
        grant_ids = list(connection.execute(sa.select(grants.c.grant_id).where(came)).scalars())
        ended += _revoke(connection, came, now=now)
        further = transfers.c.source_grant_id.in_(grant_ids)
        end_unfinished(connection, further)
        generation = list(connection.execute(sa.select(transfers.c.transfer_id).where(further)).scalars())
    return ended
