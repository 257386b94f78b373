"""Grants, the devices that hold them, and the epoch of each task."""

from dataclasses import replace

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.domain.grant import Authentication, Grant, Reused, Standing, Withdrawn, mintable_actions, rotate
from segue_authz.stores.actions_text import from_text, to_text
from segue_authz.stores.insert import insert_if_absent
from segue_authz.stores.port import Issued, NewDevice
from segue_authz.stores.tables import accounts, clients, devices, grants, task_epochs

standing_epoch = sa.case(
    (sa.and_(task_epochs.c.moved_by.is_not(None), task_epochs.c.moved_by != grants.c.subject), task_epochs.c.epoch),
    else_=grants.c.epoch,
)
"""The epoch of a grant. Who moves a task moves it between their own devices: others stay where they are, at each."""


class Grants:
    """`GrantStore` in SQL: every answer is read in the transaction that decides."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def standing(self, grant_id: str) -> Standing | None:
        return await self._database.read(lambda connection: read_standing(connection, grant_id))

    async def issued(self, grant_id: str, *, now: int) -> Issued:
        """The grant as it stands. Raises `Withdrawn`."""
        return await self._database.read(lambda connection: issued(connection, grant_id, now=now))

    async def refresh(self, grant_id: str, *, generation: int, now: int) -> Issued | None:
        """Advance the grant by one generation, or answer a repeat; None if there is no such grant.

        One compare-and-set decides. Raises `Withdrawn`, and `Reused` once that has revoked the grant: one transaction.
        """
        answer = await self._database.write(
            lambda connection: _refresh_or_end(connection, grant_id, generation=generation, now=now)
        )
        if isinstance(answer, Reused):
            raise answer
        return answer

    async def knows_device(self, subject: str, client_id: str, jkt: str) -> bool:
        """Whether the key has held a grant of this person before, and has not been revoked."""
        known = sa.exists().where(
            devices.c.subject == subject,
            devices.c.client_id == client_id,
            devices.c.jkt == jkt,
            devices.c.revoked_at.is_(None),
        )
        return bool(await self._database.read(lambda connection: connection.execute(sa.select(known)).scalar()))

    async def revoke(self, grant_id: str, *, now: int) -> bool:
        """Whether this call revoked it."""
        return await self._database.write(lambda connection: _revoke(connection, grant_id, now=now))

    async def revoke_device(self, device_id: str, *, now: int) -> bool:
        """Whether this call revoked it. Its grants mint nothing any more."""
        statement = (
            devices.update()
            .where(devices.c.device_id == device_id, devices.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)


def _revoke(connection: sa.Connection, grant_id: str, *, now: int) -> bool:
    live = grants.c.grant_id == grant_id, grants.c.revoked_at.is_(None)
    return connection.execute(grants.update().where(*live).values(revoked_at=now)).rowcount == 1


def _refresh_or_end(connection: sa.Connection, grant_id: str, *, generation: int, now: int) -> Issued | Reused | None:
    """A reuse is returned, because raising it here would undo the revocation that it brings."""
    try:
        return _refresh(connection, grant_id, generation=generation, now=now)
    except Reused as reused:
        if _revoke(connection, grant_id, now=now):
            return reused
        raise Withdrawn("the grant is revoked") from reused


def _refresh(connection: sa.Connection, grant_id: str, *, generation: int, now: int) -> Issued | None:
    standing = read_standing(connection, grant_id)
    if standing is None:
        return None
    actions = mintable_actions(standing, now=now)
    rotated = rotate(standing.grant, generation=generation, now=now)
    if rotated is standing.grant:
        return Issued(rotated, actions)
    won = connection.execute(
        grants.update()
        .where(grants.c.grant_id == grant_id, grants.c.generation == generation, grants.c.revoked_at.is_(None))
        .values(generation=rotated.generation, rotated_at=rotated.rotated_at)
    ).rowcount
    if not won:  # a concurrent use of the same token won; look again, as a repeat
        return _refresh(connection, grant_id, generation=generation, now=now)
    return Issued(rotated, actions)


def insert_grant(connection: sa.Connection, grant: Grant, *, device: NewDevice, now: int) -> Issued:
    """Write the grant, at the task's epoch, with its device. Raises `Withdrawn`, which undoes the transaction."""
    insert_if_absent(
        connection,
        devices,
        {
            "device_id": grant.device_id,
            "subject": grant.subject,
            "client_id": grant.client_id,
            "jkt": grant.jkt,
            "name": device.name,
            "network": device.network,
            "created_at": now,
            "revoked_at": None,
        },
    )
    device_id = connection.execute(
        sa.select(devices.c.device_id).where(
            devices.c.subject == grant.subject, devices.c.client_id == grant.client_id, devices.c.jkt == grant.jkt
        )
    ).scalar_one()
    _begin_epoch(connection, grant.task_id)
    epoch = connection.execute(
        sa.select(task_epochs.c.epoch).where(task_epochs.c.task_id == grant.task_id)
    ).scalar_one()
    written = replace(grant, device_id=device_id, epoch=epoch)
    values = {name: value for name, value in vars(written).items() if name != "authentication"}
    values |= vars(written.authentication) | {"actions": to_text(written.actions)}
    connection.execute(grants.insert(), values)
    return issued(connection, written.grant_id, now=now)


def issued(connection: sa.Connection, grant_id: str, *, now: int) -> Issued:
    """The grant as it stands in this transaction. Raises `Withdrawn`."""
    standing = read_standing(connection, grant_id)
    if standing is None:
        raise LookupError(grant_id)
    return Issued(standing.grant, mintable_actions(standing, now=now))


def _begin_epoch(connection: sa.Connection, task_id: str) -> None:
    insert_if_absent(connection, task_epochs, {"task_id": task_id, "epoch": 1})


def hold_epoch(connection: sa.Connection, task_id: str) -> None:
    """Keep everybody else from moving the task until this transaction ends."""
    _begin_epoch(connection, task_id)
    own = sa.select(task_epochs.c.epoch).where(task_epochs.c.task_id == task_id)
    connection.execute(own.with_for_update(key_share=True))


def raise_epoch(connection: sa.Connection, task_id: str, subject: str) -> int:
    """The person has moved the task between their devices: one more (specs/protocol.md section 7)."""
    statement = (
        task_epochs.update()
        .where(task_epochs.c.task_id == task_id)
        .values(epoch=task_epochs.c.epoch + 1, moved_by=subject)
        .returning(task_epochs.c.epoch)
    )
    return int(connection.execute(statement).scalar_one())


def read_standing(connection: sa.Connection, grant_id: str) -> Standing | None:
    """The grant and everything that decides whether it still mints."""
    statement = (
        sa.select(
            grants,
            accounts.c.disabled_at.label("account_disabled_at"),
            clients.c.disabled_at.label("client_disabled_at"),
            clients.c.actions.label("client_actions"),
            devices.c.revoked_at.label("device_revoked_at"),
            task_epochs.c.epoch.label("task_epoch"),
            standing_epoch.label("standing_epoch"),
        )
        .join(accounts, accounts.c.subject == grants.c.subject)
        .join(clients, clients.c.client_id == grants.c.client_id)
        .join(devices, devices.c.device_id == grants.c.device_id)
        .join(task_epochs, task_epochs.c.task_id == grants.c.task_id)
        .where(grants.c.grant_id == grant_id)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    return Standing(
        grant=_grant(row),
        account_enabled=row.account_disabled_at is None,
        client_enabled=row.client_disabled_at is None,
        device_enabled=row.device_revoked_at is None,
        client_actions=from_text(row.client_actions),
        task_epoch=row.task_epoch,
    )


def _grant(row: sa.Row[tuple[object, ...]]) -> Grant:
    return Grant(
        grant_id=row.grant_id,
        subject=row.subject,
        client_id=row.client_id,
        device_id=row.device_id,
        jkt=row.jkt,
        task_id=row.task_id,
        actions=from_text(row.actions),
        epoch=row.standing_epoch,
        authentication=Authentication(row.auth_time, row.acr),
        created_at=row.created_at,
        expires_at=row.expires_at,
        transfer_id=row.transfer_id,
        token_lifetime=row.token_lifetime,
        generation=row.generation,
        rotated_at=row.rotated_at,
        revoked_at=row.revoked_at,
    )
