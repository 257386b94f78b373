"""Transfer stores with one seeded fault each, as they are found in the field; the contract kit has to reject them."""

from typing import Any

import sqlalchemy as sa
from segue_authz.domain.grant import Grant, Withdrawn
from segue_authz.domain.transfer import Approved, Claimed, Offered, Redeemed, Transfer
from segue_authz.stores.epochs import raise_epoch
from segue_authz.stores.grants import insert_grant, read_standing
from segue_authz.stores.port import INTERVAL, Issued, NewDevice, Stored
from segue_authz.stores.tables import transfers
from segue_authz.stores.transfer_row import to_values
from segue_authz.stores.transfers import Transfers, end_unfinished, replace_in

DEVICE = NewDevice("A phone", "192.0.2.1")


def _row(transfer: Transfer) -> sa.ColumnElement[bool]:
    return transfers.c.transfer_id == transfer.offer.transfer_id


def _overwrite(connection: sa.Connection, new: Transfer, *conditions: sa.ColumnElement[bool]) -> bool:
    """Write without comparing the version."""
    values = to_values(new) | {"version": transfers.c.version + 1}
    return connection.execute(transfers.update().where(_row(new), *conditions).values(**values)).rowcount == 1


def _give(connection: sa.Connection, redeemed: Redeemed, grant: Grant, *, now: int) -> Issued:
    """What a redemption does beside the transfer."""
    if redeemed.offer.mode == "move":
        raise_epoch(connection, grant.task_id, grant.subject)
    return insert_grant(connection, grant, device=DEVICE, now=now)


class CheckThenAct(Transfers):
    """Looks whether the transfer is approved, and then redeems it."""

    async def redeem(self, stored: Stored, redeemed: Redeemed, grant: Grant, *, now: int) -> Issued | None:
        found = await self.by_id(redeemed.offer.transfer_id)
        if found is None or not isinstance(found.transfer, Approved):
            return None

        def work(connection: sa.Connection) -> Issued:
            _overwrite(connection, redeemed)
            return _give(connection, redeemed, grant, now=now)

        return await self._database.write(work)


class LostUpdate(Transfers):
    """Saves what it is given."""

    async def replace(self, stored: Stored, new: Transfer) -> Stored | None:
        await self._database.write(lambda connection: _overwrite(connection, new))
        return await self.by_id(new.offer.transfer_id)


class RetriesTheLoser(Transfers):
    """Takes a lost comparison for bad luck, and brings finished transfers back by trying again."""

    async def replace(self, stored: Stored, new: Transfer) -> Stored | None:
        replaced = await super().replace(stored, new)
        if replaced is not None:
            return replaced
        found = await self.by_id(new.offer.transfer_id)
        return None if found is None else await super().replace(found, new)


class LateApproval(Transfers):
    """Lets an approval through as long as the transfer has not been redeemed."""

    async def replace(self, stored: Stored, new: Transfer) -> Stored | None:
        if not isinstance(new, Approved):
            return await super().replace(stored, new)
        unspent = transfers.c.state != "Redeemed"
        done = await self._database.write(lambda connection: _overwrite(connection, new, unspent))
        return await self.by_id(new.offer.transfer_id) if done else None


class ComparesTheState(Transfers):
    """Compares the name of the state, which a counted try does not change."""

    async def replace(self, stored: Stored, new: Transfer) -> Stored | None:
        same = transfers.c.state == type(stored.transfer).__name__
        done = await self._database.write(lambda connection: _overwrite(connection, new, same))
        return await self.by_id(new.offer.transfer_id) if done else None


class CountsApart(Transfers):
    """Writes the number of tries it has computed, outside of the comparison."""

    async def replace(self, stored: Stored, new: Transfer) -> Stored | None:
        if not (isinstance(new, Claimed) and isinstance(stored.transfer, Claimed)):
            return await super().replace(stored, new)
        counted = transfers.update().where(_row(new), transfers.c.state == "Claimed").values(attempts=new.attempts)
        await self._database.write(lambda connection: connection.execute(counted).rowcount)
        return await self.by_id(new.offer.transfer_id)


class ClaimOverwrites(Transfers):
    """Notes who claims before it knows whether the claim is the first."""

    async def replace(self, stored: Stored, new: Transfer) -> Stored | None:
        if isinstance(new, Claimed) and isinstance(stored.transfer, Offered):
            noted = transfers.update().where(_row(new)).values(claim_jkt=new.claim.jkt)
            await self._database.write(lambda connection: connection.execute(noted).rowcount)
        return await super().replace(stored, new)


class DeletesTheSpent(Transfers):
    """Cleans up after the redemption, so that a replay is an unknown code."""

    async def redeem(self, stored: Stored, redeemed: Redeemed, grant: Grant, *, now: int) -> Issued | None:
        issued = await super().redeem(stored, redeemed, grant, now=now)
        if issued is not None:
            spent = transfers.delete().where(_row(redeemed))
            await self._database.write(lambda connection: connection.execute(spent).rowcount)
        return issued


class EpochBefore(Transfers):
    """Raises the epoch in a transaction of its own, before it knows whether the redemption succeeds."""

    async def redeem(self, stored: Stored, redeemed: Redeemed, grant: Grant, *, now: int) -> Issued | None:
        await self._database.write(lambda connection: raise_epoch(connection, grant.task_id, grant.subject))

        def work(connection: sa.Connection) -> Issued | None:
            won = replace_in(connection, stored, redeemed)
            return insert_grant(connection, grant, device=DEVICE, now=now) if won else None

        return await self._database.write(work)


class EpochAfter(Transfers):
    """Raises the epoch once the redemption is done, in a transaction of its own."""

    async def redeem(self, stored: Stored, redeemed: Redeemed, grant: Grant, *, now: int) -> Issued | None:
        def work(connection: sa.Connection) -> Issued | None:
            won = replace_in(connection, stored, redeemed)
            return insert_grant(connection, grant, device=DEVICE, now=now) if won else None

        issued = await self._database.write(work)
        if issued is not None and redeemed.offer.mode == "move":
            await self._database.write(lambda connection: raise_epoch(connection, grant.task_id, grant.subject))
        return issued


class GrantFirst(Transfers):
    """Writes the grant, then compares, and forgets to take the grant back."""

    async def redeem(self, stored: Stored, redeemed: Redeemed, grant: Grant, *, now: int) -> Issued | None:
        issued = await self._database.write(lambda connection: _give(connection, redeemed, grant, now=now))
        won = await self._database.write(lambda connection: replace_in(connection, stored, redeemed))
        return issued if won else None


class HolderAskedBefore(Transfers):
    """Asks whether the source holds the task, and then redeems in another transaction."""

    async def redeem(self, stored: Stored, redeemed: Redeemed, grant: Grant, *, now: int) -> Issued | None:
        source_id = str(redeemed.offer.source_grant_id)
        source = await self._database.read(lambda connection: read_standing(connection, source_id))
        if source is None or source.grant.epoch < source.task_epoch:
            raise Withdrawn("the source device no longer holds the task")

        def work(connection: sa.Connection) -> Issued | None:
            won = replace_in(connection, stored, redeemed)
            return _give(connection, redeemed, grant, now=now) if won else None

        return await self._database.write(work)


class PollRewrites(Transfers):
    """Notes a poll by saving the whole transfer as it was read."""

    async def poll(self, transfer_id: str, *, now: int) -> bool:
        stored = await self.by_id(transfer_id)
        in_time = await super().poll(transfer_id, now=now)
        if stored is not None:
            values = to_values(stored.transfer) | {"version": stored.version}
            saved = transfers.update().where(_row(stored.transfer)).values(**values)
            await self._database.write(lambda connection: connection.execute(saved).rowcount)
        return in_time


class PollsPerProcess(Transfers):
    """Keeps the times of polls in memory."""

    def __init__(self, database: Any) -> None:
        super().__init__(database)
        self._polled: dict[str, int] = {}

    async def poll(self, transfer_id: str, *, now: int) -> bool:
        earlier, self._polled[transfer_id] = self._polled.get(transfer_id), now
        return earlier is None or earlier <= now + 1 - INTERVAL


class KeepsOlderOffers(Transfers):
    """Leaves the older ones to lapse."""

    async def add(self, offered: Offered, *, handle_digest: str, code_digest: str) -> None:
        values = to_values(offered) | {"handle_digest": handle_digest, "code_digest": code_digest}
        values |= {"version": 1, "attempts": 0, "poll_interval": INTERVAL}
        await self._database.write(lambda connection: connection.execute(transfers.insert(), values).rowcount)


class CancelsWhatItSaw(KeepsOlderOffers):
    """Looks for older offers first, and adds the new one afterwards."""

    async def add(self, offered: Offered, *, handle_digest: str, code_digest: str) -> None:
        older = transfers.c.source_grant_id == offered.offer.source_grant_id
        await self._database.write(lambda connection: end_unfinished(connection, older))
        await super().add(offered, handle_digest=handle_digest, code_digest=code_digest)


class ServesAStaleRead(Transfers):
    """Keeps what it has read once."""

    def __init__(self, database: Any) -> None:
        super().__init__(database)
        self._seen: dict[str, Stored | None] = {}

    async def by_id(self, transfer_id: str) -> Stored | None:
        if transfer_id not in self._seen:
            self._seen[transfer_id] = await super().by_id(transfer_id)
        return self._seen[transfer_id]

    async def replace(self, stored: Stored, new: Transfer) -> Stored | None:
        replaced = await super().replace(stored, new)
        self._seen.pop(new.offer.transfer_id, None)
        return replaced
