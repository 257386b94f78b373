"""Transfers. Each change is one compare-and-set on the row's version; no row is ever deleted."""

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from segue_storage.database import Database, Question
from segue_storage.gathered import Gathered

from segue_authz.domain.grant import Grant, Standing, Withdrawn, mintable_actions
from segue_authz.domain.notice import Kind
from segue_authz.domain.transfer import Approved, Claimed, Offered, Redeemed, Requested, Transfer, cancel, void
from segue_authz.stores.epochs import hold_epoch, hold_epochs, raise_epoch, raise_epochs
from segue_authz.stores.grants import NewGrant, insert_grant, insert_grants, read_standing, read_standings
from segue_authz.stores.insert import insert_if_absent, insert_those_absent
from segue_authz.stores.notices import decided, tell, told
from segue_authz.stores.port import INTERVAL, MAX_INTERVAL, SLOWER, CodeTaken, Issued, NewDevice, Stored
from segue_authz.stores.tables import accounts, transfers
from segue_authz.stores.transfer_row import from_row, to_values

_UNFINISHED = ("Requested", "Offered", "Claimed", "Approved")

_THOSE = transfers.c.transfer_id.in_(sa.bindparam("transfer_ids", expanding=True))
_THESE = sa.select(transfers).where(_THOSE)
_FREE = (
    sa.select(transfers.c.transfer_id, transfers.c.polled_at, transfers.c.poll_interval)
    .where(_THOSE)
    .with_for_update(key_share=True, skip_locked=True)
)
"""Who would have to wait for another's lock waits alone, and nobody for two: so nobody waits for one another."""
_UNCHANGED = (
    sa.select(transfers.c.transfer_id, transfers.c.version)
    .where(_THOSE)
    .with_for_update(key_share=True, skip_locked=True)
)
_POLLED = transfers.update().where(_THOSE).values(polled_at=sa.bindparam("now"))


@dataclass(frozen=True)
class Redemption:
    """What is asked of `Transfers.redeem`."""

    stored: Stored
    redeemed: Redeemed
    grant: Grant
    now: int

    @property
    def approved(self) -> Approved:
        if not isinstance(self.stored.transfer, Approved):
            raise TypeError("only an approved transfer is redeemed")
        return self.stored.transfer

    @property
    def transfer_id(self) -> str:
        return self.stored.transfer.offer.transfer_id

    @property
    def device(self) -> NewDevice:
        return NewDevice(self.redeemed.claim.device_name, self.redeemed.claim.network)


class Transfers:
    """`TransferStore` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found = Gathered(self._all_found)
        self._polled = Gathered(self._all_polled)
        self._begun = Gathered(self._all_begun)
        self._redeemed = Gathered(self._all_redeemed)

    async def add(self, offered: Offered, *, handle_digest: str, code_digest: str) -> None:
        """Offer the task, and cancel what the same grant offered before, in one transaction.

        Of two offers at once the second waits for the first, and finds it.
        """
        values = to_values(offered) | _first(code_digest=code_digest, handle_digest=handle_digest)

        def work(connection: sa.Connection) -> None:
            take_turns(connection, offered.offer.subject)
            end_unfinished(connection, transfers.c.source_grant_id == offered.offer.source_grant_id)
            _insert(connection, values)

        await self._database.write(work)

    async def request(self, requested: Requested, *, code_digest: str) -> None:
        """Begin a pull. If it is known whom it asks, they are told."""
        offer, claim, subject = requested.offer, requested.claim, requested.subject
        if subject is None:
            if not await self._begun.ask(to_values(requested) | _first(code_digest=code_digest)):
                raise _taken()
            return

        def work(connection: sa.Connection) -> None:
            insert_request(connection, requested, code_digest=code_digest)
            tell(connection, subject, Kind.ASKED, now=claim.claimed_at, transfer_id=offer.transfer_id)

        await self._database.write(work)

    async def _all_begun(self, rows: list[dict[str, Any]]) -> list[bool]:
        """Whether each was written: none of its codes was taken."""
        written = await self._database.write(
            lambda connection: insert_those_absent(connection, transfers, rows, transfers.c.transfer_id)
        )
        return [row["transfer_id"] in written for row in rows]

    async def poll(self, transfer_id: str, *, now: int) -> bool:
        """Note a poll; False, and a longer interval from now on, if it came too early (RFC 8628 section 3.5).

        Poll times are columns of their own: noting one never touches the state (XD-RACE-05). A second is forgiven,
        because times are whole seconds; the first poll is never too early.
        """
        noted = await self._polled.ask((transfer_id, now))
        if noted is None:
            return await self._database.write(lambda connection: _poll(connection, transfer_id, now=now))
        return noted

    async def _all_polled(self, polls: list[tuple[str, int]]) -> list[bool | None]:
        """As `poll`; None for those that are to be noted by themselves."""
        return await self._database.write(lambda connection: _poll_all(connection, polls))

    async def by_id(self, transfer_id: str) -> Stored | None:
        return await self._found.ask(transfer_id)

    async def _all_found(self, transfer_ids: list[str]) -> list[Stored | None]:
        some = {"transfer_ids": list(set(transfer_ids))}
        rows = await self._database.read(Question(_THESE, some))
        found = {row.transfer_id: _stored(row) for row in rows}
        return [found.get(transfer_id) for transfer_id in transfer_ids]

    async def by_code(self, digest: str) -> Stored | None:
        """The transfer whose handle or typed code has this digest."""
        return await self._find(sa.or_(transfers.c.handle_digest == digest, transfers.c.code_digest == digest))

    async def replace(self, stored: Stored, new: Transfer) -> Stored | None:
        """Compare and set: the row as it now is, or None, and no change, if it is no longer what was read."""
        won = await self._database.write(lambda connection: replace_in(connection, stored, new))
        return replace(stored, transfer=new, version=stored.version + 1) if won else None

    async def contest(self, transfer_id: str, *, now: int) -> bool:
        """Mark that a second key tried the code. Whether this call was the first to say so."""
        statement = (
            transfers.update()
            .where(transfers.c.transfer_id == transfer_id, transfers.c.contested_at.is_(None))
            .values(contested_at=now)
        )
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)

    async def redeem(self, stored: Stored, redeemed: Redeemed, grant: Grant, *, now: int) -> Issued | None:
        """Redeem, raise the epoch on *move*, and write the grant: one transaction.

        None, and no change, if the row is no longer what was read. Raises `Withdrawn`, and then nothing has happened.
        """

        redemption = Redemption(stored, redeemed, grant, now)
        issued = await self._redeemed.ask(redemption)
        if issued is not None:
            return issued
        return await self._database.write(lambda connection: _redeem(connection, redemption))

    async def _all_redeemed(self, redemptions: list[Redemption]) -> list[Issued | None]:
        """As `redeem`; None for those that are to be done by themselves."""
        return await self._database.write(lambda connection: _redeem_all(connection, redemptions))

    async def _find(self, condition: sa.ColumnElement[bool]) -> Stored | None:
        statement = sa.select(transfers).where(condition)
        rows = await self._database.read(Question(statement))
        if not rows:
            return None
        (row,) = rows
        return _stored(row)


def _stored(row: sa.Row[Any]) -> Stored:
    return Stored(from_row(row), row.version, row.contested_at)


def _redeem(connection: sa.Connection, redemption: Redemption) -> Issued | None:
    stored, redeemed, grant, now = redemption.stored, redemption.redeemed, redemption.grant, redemption.now
    approved = redemption.approved
    if not replace_in(connection, stored, redeemed):
        return None
    hold_epoch(connection, grant.task_id)  # so that the source cannot lose the task between here and the commit
    source_id = approved.offer.source_grant_id
    source = read_standing(connection, source_id) if source_id is not None else None
    actions = grant.actions & _passed_on(approved, source, now=now)
    if redeemed.offer.mode == "move":
        raise_epoch(connection, grant.task_id, grant.subject)
    given = replace(grant, actions=actions)
    return insert_grant(connection, given, device=redemption.device, now=now, decided_in=approved.opened_by)


def _redeem_all(connection: sa.Connection, redemptions: list[Redemption]) -> list[Issued | None]:
    """The same for those that need no more: of different tasks, which nobody else is at, and of people whom nothing is
    told. The others are None: they go by themselves.
    """
    now = redemptions[0].now
    apart = _apart([one for one in redemptions if one.now == now])
    versions = connection.execute(_UNCHANGED, {"transfer_ids": list(apart)}).all()
    unchanged = [apart[row.transfer_id] for row in versions if row.version == apart[row.transfer_id].stored.version]
    if not unchanged:
        return [None] * len(redemptions)
    held = hold_epochs(connection, {one.grant.task_id for one in unchanged})
    listening = told(connection, {one.grant.subject for one in unchanged}, now=now)
    plain = [one for one in unchanged if one.grant.task_id in held and one.grant.subject not in listening]
    given = _all_given(connection, plain, now=now)
    plain = [one for one in plain if one.grant.grant_id in given]
    if plain:
        spent = [to_values(one.redeemed) | {"id": one.transfer_id, "version": one.stored.version + 1} for one in plain]
        connection.execute(transfers.update().where(transfers.c.transfer_id == sa.bindparam("id")), spent)
        raise_epochs(connection, [one.grant for one in plain if one.redeemed.offer.mode == "move"])
    issued = insert_grants(connection, given, now=now) if plain else {}
    return [issued.get(one.grant.grant_id) for one in redemptions]


def _all_given(connection: sa.Connection, redemptions: list[Redemption], *, now: int) -> dict[str, NewGrant]:
    """What each may get, by the grant's id; who may get nothing is left out."""
    source_ids = {one.approved.offer.source_grant_id for one in redemptions} - {None}
    sources = read_standings(connection, [each for each in source_ids if each]) if source_ids else {}
    given = {}
    for one in redemptions:
        source = sources.get(one.approved.offer.source_grant_id or "")
        try:
            grant = replace(one.grant, actions=one.grant.actions & _passed_on(one.approved, source, now=now))
        except Withdrawn:
            continue
        given[grant.grant_id] = NewGrant(grant, one.device, one.approved.opened_by)
    return given


def _apart(redemptions: list[Redemption]) -> dict[str, Redemption]:
    """By transfer: each of a task and by a device that no other of them is of."""
    apart: dict[str, Redemption] = {}
    met: set[object] = set()
    for one in redemptions:
        grant = one.grant
        own = {one.transfer_id, grant.task_id, (grant.subject, grant.client_id, grant.jkt)}
        if not own & met:
            apart[one.transfer_id] = one
            met |= own
    return apart


def _poll(connection: sa.Connection, transfer_id: str, *, now: int) -> bool:
    """Note one poll, after whatever else is done to the transfer."""
    row, interval = transfers.c.transfer_id == transfer_id, transfers.c.poll_interval
    waited = sa.or_(transfers.c.polled_at.is_(None), transfers.c.polled_at <= now + 1 - interval)
    in_time = transfers.update().where(row, waited).values(polled_at=now)
    longer = sa.case((interval + SLOWER < MAX_INTERVAL, interval + SLOWER), else_=MAX_INTERVAL)
    early = transfers.update().where(row).values(polled_at=now, poll_interval=longer)
    return connection.execute(in_time).rowcount == 1 or connection.execute(early).rowcount == 0


def _poll_all(connection: sa.Connection, polls: list[tuple[str, int]]) -> list[bool | None]:
    """Note those that come in time, of transfers that nobody else is at. The others are None: they go by themselves."""
    now = polls[0][1]
    some = {"transfer_ids": list({transfer_id for transfer_id, _ in polls})}
    free = {row.transfer_id: row for row in connection.execute(_FREE, some).all()}
    in_time: list[str] = []
    answers: list[bool | None] = []
    for transfer_id, at in polls:
        row = free.pop(transfer_id, None)  # of two polls of one transfer the second is by itself
        good = row is not None and at == now and (row.polled_at is None or row.polled_at <= now + 1 - row.poll_interval)
        in_time += [transfer_id] if good else []
        answers.append(good or None)
    if in_time:
        connection.execute(_POLLED, {"transfer_ids": in_time, "now": now})
    return answers


def insert_request(connection: sa.Connection, requested: Requested, *, code_digest: str) -> None:
    """Begin a pull, inside a transaction. Raises `CodeTaken`, which undoes it."""
    _insert(connection, to_values(requested) | _first(code_digest=code_digest))


def _insert(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Write a new row. Raises `CodeTaken`, which undoes the transaction."""
    if not insert_if_absent(connection, transfers, values):
        raise _taken()


def _taken() -> CodeTaken:
    return CodeTaken("a code that was used before has been drawn again")


def _first(*, code_digest: str, handle_digest: str | None = None) -> dict[str, str | int | None]:
    """The columns of a new row that no state holds."""
    return {
        "handle_digest": handle_digest,
        "code_digest": code_digest,
        "version": 1,
        "attempts": 0,
        "poll_interval": INTERVAL,
    }


def _passed_on(approved: Approved, source: Standing | None, *, now: int) -> frozenset[str]:
    """What may still be passed on at this moment: rights never grow, and a withdrawn source gives nothing.

    `source` is the grant that is passed on, if one is. Raises `Withdrawn`.
    """
    if approved.offer.source_grant_id is None:
        return approved.offer.actions
    if source is None or source.grant.epoch < source.task_epoch:
        raise Withdrawn("the source device no longer holds the task")
    return mintable_actions(source, now=now)


def take_turns(connection: sa.Connection, subject: str) -> None:
    """Let what one person offers and withdraws happen one after the other. SQLite does so with all that is written."""
    own = sa.select(accounts.c.subject).where(accounts.c.subject == subject)
    connection.execute(own.with_for_update(key_share=True))


def end_unfinished(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> None:
    """End the transfers that are under way, each as it is when its turn comes, so that none gets ahead of its end."""
    under_way = sa.select(transfers).where(condition, transfers.c.state.in_(_UNFINISHED))
    for row in connection.execute(under_way.order_by(transfers.c.transfer_id).with_for_update()).all():
        transfer = from_row(row)
        ended = void(transfer) if isinstance(transfer, Requested) else cancel(transfer)
        replace_in(connection, Stored(transfer, row.version), ended)


def replace_in(connection: sa.Connection, stored: Stored, new: Transfer) -> bool:
    """Compare and set, inside a transaction: whether the row was still what was read.

    With the decision about a request that came by the backchannel its client's notice is written, and with the claim of
    a push the notices of the person's browsers.
    """
    unchanged = (
        transfers.c.transfer_id == stored.transfer.offer.transfer_id,
        transfers.c.version == stored.version,
    )
    statement = transfers.update().where(*unchanged).values(**to_values(new), version=stored.version + 1)
    won = connection.execute(statement).rowcount == 1
    if won and isinstance(stored.transfer, Requested) and not isinstance(new, Requested):
        decided(connection, stored.transfer.offer.transfer_id)
    if won and isinstance(stored.transfer, Offered) and isinstance(new, Claimed):
        at, knows, subject = new.claim.claimed_at, new.opened_by, new.offer.subject
        tell(connection, subject, Kind.CLAIMED, now=at, except_in=knows, transfer_id=new.offer.transfer_id)
    return won
