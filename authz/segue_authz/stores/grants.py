"""Grants, and the devices that hold them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from segue_storage.database import Database
from segue_storage.gathered import Gathered

from segue_authz.domain.grant import Authentication, Grant, Reused, Standing, Withdrawn, mintable_actions, rotate
from segue_authz.stores.actions_text import from_text, to_text
from segue_authz.stores.arrivals import arrival, arrive
from segue_authz.stores.epochs import epoch_of, epochs_of
from segue_authz.stores.insert import insert_if_absent, insert_rows, insert_those_absent
from segue_authz.stores.port import Issued, NewDevice
from segue_authz.stores.tables import accounts, arrivals, clients, devices, grants, status_entries, task_epochs

standing_epoch = sa.case(
    (sa.and_(task_epochs.c.moved_by.is_not(None), task_epochs.c.moved_by != grants.c.subject), task_epochs.c.epoch),
    else_=grants.c.epoch,
)
"""The epoch of a grant. Who moves a task moves it between their own devices: others stay where they are, at each."""


@dataclass(frozen=True)
class _Refresh:
    grant_id: str
    generation: int
    now: int


class Grants:
    """`GrantStore` in SQL: every answer is read in the transaction that decides."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._standing = Gathered(self._all_standing)
        self._refreshed = Gathered(self._all_refreshed)

    async def standing(self, grant_id: str) -> Standing | None:
        return await self._standing.ask(grant_id)

    async def _all_standing(self, grant_ids: list[str]) -> list[Standing | None]:
        found = await self._database.read(lambda connection: read_standings(connection, set(grant_ids)))
        return [found.get(grant_id) for grant_id in grant_ids]

    async def issued(self, grant_id: str, *, now: int) -> Issued:
        """The grant as it stands. Raises `Withdrawn`."""
        return await self._database.read(lambda connection: issued(connection, grant_id, now=now))

    async def refresh(self, grant_id: str, *, generation: int, now: int) -> Issued | None:
        """Advance the grant by one generation, or answer a repeat; None if there is no such grant.

        One compare-and-set decides. Raises `Withdrawn`, and `Reused` once that has revoked the grant: one transaction.
        """
        issued = await self._refreshed.ask(_Refresh(grant_id, generation, now))
        if issued is not None:
            return issued
        answer = await self._database.write(
            lambda connection: _refresh_or_end(connection, grant_id, generation=generation, now=now)
        )
        if isinstance(answer, Reused):
            raise answer
        return answer

    async def _all_refreshed(self, refreshes: list[_Refresh]) -> list[Issued | None]:
        """As `refresh`; None for those that are to be done by themselves."""
        return await self._database.write(lambda connection: _refresh_all(connection, refreshes))

    async def delegate(self, proposed: Grant, *, device: NewDevice, now: int) -> Issued:
        """Give a client a grant of its own that lives and dies with its parent. Raises `Withdrawn`: one transaction."""
        return await self._database.write(lambda connection: _delegate(connection, proposed, device, now=now))

    async def knows_device(self, subject: str, client_id: str, jkt: str) -> bool:
        """Whether the key has held a grant of this person before, and has not been revoked."""
        known = sa.exists().where(
            devices.c.subject == subject,
            devices.c.client_id == client_id,
            devices.c.jkt == jkt,
            devices.c.revoked_at.is_(None),
            sa.exists().where(grants.c.device_id == devices.c.device_id, grants.c.parent_grant_id.is_(None)),
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


def _refresh_all(connection: sa.Connection, refreshes: list[_Refresh]) -> list[Issued | None]:
    """Advance those that are good, of grants that nobody else is at. The others are None: they go by themselves."""
    free = read_standings(connection, {asked.grant_id for asked in refreshes}, held=True)
    answers: list[Issued | None] = []
    for asked in refreshes:
        standing = free.pop(asked.grant_id, None)  # of two uses of one grant the second is by itself
        answers.append(None if standing is None else _advanced(standing, asked))
    advanced = [answer.grant for answer in answers if answer is not None]
    if advanced:
        connection.execute(
            _ADVANCED, [{"id": grant.grant_id, "to": grant.generation, "at": grant.rotated_at} for grant in advanced]
        )
    return answers


def _advanced(standing: Standing, asked: _Refresh) -> Issued | None:
    if asked.generation != standing.grant.generation:
        return None
    try:
        actions = mintable_actions(standing, now=asked.now)
    except Withdrawn:
        return None
    return Issued(rotate(standing.grant, generation=asked.generation, now=asked.now), actions)


_ADVANCED = (
    grants.update()
    .where(grants.c.grant_id == sa.bindparam("id"))
    .values(generation=sa.bindparam("to"), rotated_at=sa.bindparam("at"))
)


def insert_grant(
    connection: sa.Connection, grant: Grant, *, device: NewDevice, now: int, decided_in: str | None = None
) -> Issued:
    """Write the grant, at the task's epoch, with its device, and tell the person, but for the browser that decided.

    Raises `Withdrawn`, which undoes the transaction.
    """
    device_id = _device_of(connection, grant, device, now=now)
    new_device = not _has_held(connection, device_id)
    written = replace(grant, device_id=device_id, epoch=epoch_of(connection, grant.task_id))
    connection.execute(grants.insert(), _values(written))
    _number(connection, written.grant_id)
    arrive(connection, written, new_device=new_device, decided_in=decided_in, now=now)
    return issued(connection, written.grant_id, now=now)


@dataclass(frozen=True)
class NewGrant:
    """A grant that is to be written, and what `insert_grant` is told beside it."""

    grant: Grant
    device: NewDevice
    decided_in: str | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes a device."""
        return self.grant.subject, self.grant.client_id, self.grant.jkt


def insert_grants(connection: sa.Connection, new: Mapping[str, NewGrant], *, now: int) -> dict[str, Issued]:
    """`insert_grant` for several by their ids, of different devices, whose tasks are held and persons not told.

    Raises `Withdrawn` if that holds of one of them.
    """
    asked = {one.key: one for one in new.values()}
    device_ids = _devices_of(connection, asked, now=now)
    older = {"device_ids": list(set(device_ids.values()) - {one.grant.device_id for one in new.values()})}
    held = set(connection.execute(_HAS_HELD, older).scalars()) if older["device_ids"] else set()
    epochs = epochs_of(connection, [one.grant.task_id for one in new.values()])
    written = [
        replace(one.grant, device_id=device_ids[key], epoch=epochs[one.grant.task_id]) for key, one in asked.items()
    ]
    insert_rows(connection, grants, [_values(grant) for grant in written])
    insert_rows(connection, status_entries, [{"grant_id": grant.grant_id} for grant in written])
    insert_rows(
        connection,
        arrivals,
        [
            arrival(grant, new_device=grant.device_id not in held, decided_in=new[grant.grant_id].decided_in, now=now)
            for grant in written
        ],
    )
    standings = read_standings(connection, new)
    return {
        grant_id: Issued(standing.grant, mintable_actions(standing, now=now))
        for grant_id, standing in standings.items()
    }


def _devices_of(
    connection: sa.Connection, asked: Mapping[tuple[str, str, str], NewGrant], *, now: int
) -> dict[tuple[str, str, str], str]:
    """The devices that the keys are; new ones of those that are none yet, in one order for all who do so at once."""
    rows = [_device_row(asked[key].grant, asked[key].device, now=now) for key in sorted(asked)]
    written = insert_those_absent(connection, devices, rows, devices.c.device_id)
    found = {key: one.grant.device_id for key, one in asked.items() if one.grant.device_id in written}
    if older := [key for key in asked if key not in found]:
        for row in connection.execute(_DEVICES, {"keys": older}).all():
            found[row.subject, row.client_id, row.jkt] = row.device_id
    return found


_DEVICES = sa.select(devices.c.subject, devices.c.client_id, devices.c.jkt, devices.c.device_id).where(
    sa.tuple_(devices.c.subject, devices.c.client_id, devices.c.jkt).in_(sa.bindparam("keys", expanding=True))
)
_HAS_HELD = (
    sa.select(grants.c.device_id)
    .where(grants.c.device_id.in_(sa.bindparam("device_ids", expanding=True)), grants.c.parent_grant_id.is_(None))
    .distinct()
)


def _has_held(connection: sa.Connection, device_id: str) -> bool:
    """Whether the device has had a grant before that no other device gave it."""
    earlier = sa.exists().where(grants.c.device_id == device_id, grants.c.parent_grant_id.is_(None))
    return bool(connection.execute(sa.select(earlier)).scalar())


def _number(connection: sa.Connection, grant_id: str) -> None:
    """The next free place of the status lists is the grant's."""
    connection.execute(status_entries.insert().values(grant_id=grant_id))


def _values(grant: Grant) -> dict[str, Any]:
    values = {name: value for name, value in vars(grant).items() if name not in ("authentication", "status_index")}
    return values | vars(grant.authentication) | {"actions": to_text(grant.actions), "actors": list(grant.actors)}


def _device_of(connection: sa.Connection, grant: Grant, device: NewDevice, *, now: int) -> str:
    """The device that the key is, with the person and the client; a new one if it is none yet."""
    insert_if_absent(connection, devices, _device_row(grant, device, now=now))
    found = sa.select(devices.c.device_id).where(
        devices.c.subject == grant.subject, devices.c.client_id == grant.client_id, devices.c.jkt == grant.jkt
    )
    return str(connection.execute(found).scalar_one())


def _device_row(grant: Grant, device: NewDevice, *, now: int) -> dict[str, Any]:
    return {
        "device_id": grant.device_id,
        "subject": grant.subject,
        "client_id": grant.client_id,
        "jkt": grant.jkt,
        "name": device.name,
        "network": device.network,
        "created_at": now,
        "revoked_at": None,
    }


def _delegate(connection: sa.Connection, proposed: Grant, device: NewDevice, *, now: int) -> Issued:
    """Write the grant, or widen and lengthen what the same parent has given to the same client and key."""
    parent = read_standing(connection, proposed.parent_grant_id or "")
    if parent is None:
        raise Withdrawn("the grant that it would come of is not known")
    mintable_actions(parent, now=now)
    epoch = connection.execute(sa.select(grants.c.epoch).where(grants.c.grant_id == parent.grant.grant_id)).scalar_one()
    device_id = _device_of(connection, proposed, device, now=now)
    if insert_if_absent(connection, grants, _values(replace(proposed, device_id=device_id, epoch=epoch))):
        _number(connection, proposed.grant_id)
    else:
        _extend(connection, proposed)
    return issued(connection, _delegated(connection, proposed).grant_id, now=now)


def _extend(connection: sa.Connection, proposed: Grant) -> None:
    """What the client may hold at most, until when: never more than its tokens were given. One that was ended stays.

    One compare-and-set; who loses it to another exchange looks again.
    """
    row = _delegated(connection, proposed)
    actions = to_text(from_text(row.actions) | proposed.actions)
    unchanged = (
        grants.c.grant_id == row.grant_id,
        grants.c.actions == row.actions,
        grants.c.expires_at == row.expires_at,
    )
    longer = {"actions": actions, "expires_at": max(row.expires_at, proposed.expires_at)}
    if not connection.execute(grants.update().where(*unchanged).values(**longer)).rowcount:
        _extend(connection, proposed)


def _delegated(connection: sa.Connection, proposed: Grant) -> sa.Row[Any]:
    own = (
        grants.c.parent_grant_id == proposed.parent_grant_id,
        grants.c.client_id == proposed.client_id,
        grants.c.jkt == proposed.jkt,
    )
    return connection.execute(sa.select(grants).where(*own)).one()


def issued(connection: sa.Connection, grant_id: str, *, now: int) -> Issued:
    """The grant as it stands in this transaction. Raises `Withdrawn`."""
    standing = read_standing(connection, grant_id)
    if standing is None:
        raise LookupError(grant_id)
    return Issued(standing.grant, mintable_actions(standing, now=now))


_STANDING = (
    sa.select(
        grants,
        accounts.c.disabled_at.label("account_disabled_at"),
        clients.c.disabled_at.label("client_disabled_at"),
        clients.c.actions.label("client_actions"),
        devices.c.revoked_at.label("device_revoked_at"),
        task_epochs.c.epoch.label("task_epoch"),
        standing_epoch.label("standing_epoch"),
        status_entries.c.status_index,
    )
    .join(accounts, accounts.c.subject == grants.c.subject)
    .join(clients, clients.c.client_id == grants.c.client_id)
    .join(devices, devices.c.device_id == grants.c.device_id)
    .join(task_epochs, task_epochs.c.task_id == grants.c.task_id)
    .join(status_entries, status_entries.c.grant_id == grants.c.grant_id)
    .where(grants.c.grant_id.in_(sa.bindparam("grant_ids", expanding=True)))
)
_HELD = _STANDING.with_for_update(of=grants, key_share=True, skip_locked=True)
"""Who would have to wait for another's lock waits alone, and nobody for two: so nobody waits for one another."""


def read_standing(connection: sa.Connection, grant_id: str) -> Standing | None:
    """The grant and everything that decides whether it still mints."""
    return read_standings(connection, {grant_id}).get(grant_id)


def read_standings(connection: sa.Connection, grant_ids: Collection[str], *, held: bool = False) -> dict[str, Standing]:
    """The same of several. `held`: they stay as they are until the transaction ends, those of others are left out."""
    rows = connection.execute(_HELD if held else _STANDING, {"grant_ids": list(grant_ids)}).all()
    parent_ids = {row.parent_grant_id for row in rows if row.parent_grant_id}
    parents = read_standings(connection, parent_ids) if parent_ids else {}
    return {
        row.grant_id: Standing(
            grant=_grant(row),
            account_enabled=row.account_disabled_at is None,
            client_enabled=row.client_disabled_at is None,
            device_enabled=row.device_revoked_at is None,
            client_actions=from_text(row.client_actions),
            task_epoch=row.task_epoch,
            parent=parents.get(row.parent_grant_id),
        )
        for row in rows
    }


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
        parent_grant_id=row.parent_grant_id,
        resource=row.resource,
        actors=tuple(row.actors),
        status_index=row.status_index,
    )
