"""Transfers whose stages are counted: once each, by whoever's change was the one that held."""

from segue_storage.tally import Tally

from segue_authz.domain.grant import Grant
from segue_authz.domain.transfer import Approved, Cancelled, Claimed, Denied, Offered, Redeemed, Requested, Transfer
from segue_authz.stores.port import Issued, Stored, TransferStore

_STAGES: dict[type[Transfer], str] = {
    Requested: "requested",
    Offered: "offered",
    Claimed: "claimed",
    Approved: "approved",
    Denied: "denied",
    Cancelled: "cancelled",
    Redeemed: "redeemed",
}


class CountedTransfers:
    """A `TransferStore` around another."""

    def __init__(self, transfers: TransferStore, tally: Tally) -> None:
        self._transfers = transfers
        self._tally = tally

    async def by_id(self, transfer_id: str) -> Stored | None:
        return await self._transfers.by_id(transfer_id)

    async def by_code(self, digest: str) -> Stored | None:
        return await self._transfers.by_code(digest)

    async def poll(self, transfer_id: str, *, now: int) -> bool:
        return await self._transfers.poll(transfer_id, now=now)

    async def add(self, offered: Offered, *, handle_digest: str, code_digest: str) -> None:
        await self._transfers.add(offered, handle_digest=handle_digest, code_digest=code_digest)
        self._reached("offered")

    async def request(self, requested: Requested, *, code_digest: str) -> None:
        await self._transfers.request(requested, code_digest=code_digest)
        self._reached("requested")

    async def replace(self, stored: Stored, new: Transfer) -> Stored | None:
        replaced = await self._transfers.replace(stored, new)
        if replaced is not None and type(new) is not type(stored.transfer):
            self._reached(_STAGES[type(new)])
        return replaced

    async def redeem(self, stored: Stored, redeemed: Redeemed, grant: Grant, *, now: int) -> Issued | None:
        issued = await self._transfers.redeem(stored, redeemed, grant, now=now)
        if issued is not None:
            self._reached("redeemed")
        return issued

    async def contest(self, transfer_id: str, *, now: int) -> bool:
        first = await self._transfers.contest(transfer_id, now=now)
        if first:
            self._reached("contested")
        return first

    def _reached(self, stage: str) -> None:
        self._tally.count("transfer", stage)
