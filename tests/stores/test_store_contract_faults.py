"""The contract kit rejects stores with the faults of the field, each by the law that the fault breaks."""

import secrets
from functools import partial

import faulty_grants
import faulty_transfers
import pytest
from segue_authz.store_contract import ContractBroken, Law, OpenStores, check, checks_of
from segue_authz.stores.authorization_codes import AuthorizationCodes
from segue_authz.stores.grants import Grants
from segue_authz.stores.transfers import Transfers
from segue_authz.stores.withdrawals import Withdrawals

FAULTS: dict[type, Law] = {
    faulty_transfers.CheckThenAct: Law.REDEEM_ONCE,
    faulty_transfers.LostUpdate: Law.COMPARE_AND_SET,
    faulty_transfers.RetriesTheLoser: Law.FINISHED_STAYS,
    faulty_transfers.LateApproval: Law.FINISHED_STAYS,
    faulty_transfers.ComparesTheState: Law.TRIES_COUNTED,
    faulty_transfers.CountsApart: Law.TRIES_COUNTED,
    faulty_transfers.ClaimOverwrites: Law.FIRST_KEY,
    faulty_transfers.DeletesTheSpent: Law.TOMBSTONES_STAY,
    faulty_transfers.EpochBefore: Law.EPOCH_ONCE,
    faulty_transfers.EpochAfter: Law.EPOCH_ONCE,
    faulty_transfers.GrantFirst: Law.WHOLE_OR_NOTHING,
    faulty_transfers.HolderAskedBefore: Law.HOLDER_GIVES,
    faulty_transfers.PollRewrites: Law.POLL_APART,
    faulty_transfers.PollsPerProcess: Law.POLL_APART,
    faulty_transfers.KeepsOlderOffers: Law.NEWEST_OFFER,
    faulty_transfers.CancelsWhatItSaw: Law.NEWEST_OFFER,
    faulty_transfers.ServesAStaleRead: Law.FAITHFUL,
    faulty_grants.RotatesWithoutCompare: Law.REFRESH_ONCE,
    faulty_grants.ReuseIsOnlyRefused: Law.REUSE_ENDS,
    faulty_grants.LooksAtTheGrantAlone: Law.REVOCATION_SEEN,
    faulty_grants.ServesAStaleStanding: Law.REVOCATION_SEEN,
    faulty_grants.CodeCheckThenAct: Law.CODE_ONCE,
    faulty_grants.LoserKeepsItsGrant: Law.CODE_ONCE,
    faulty_grants.DeletesTheSpentCode: Law.TOMBSTONES_STAY,
    faulty_grants.MissesOne: Law.REVOCATION_SEEN,
    faulty_grants.LeavesTheCodes: Law.REVOCATION_SEEN,
    faulty_grants.LeavesTheChain: Law.REVOCATION_SEEN,
}
STORES = {"transfers": Transfers, "grants": Grants, "codes": AuthorizationCodes, "withdrawals": Withdrawals}


@pytest.mark.requirement("XD-RACE-01", "XD-RACE-04", "XD-RACE-05", "XD-RACE-06", "XD-RACE-07", "XD-RACE-08")
@pytest.mark.anyio
@pytest.mark.parametrize(("fault", "law"), FAULTS.items(), ids=lambda each: getattr(each, "__name__", None))
async def test_the_kit_rejects(open_stores: OpenStores, fault: type, law: Law) -> None:
    place = next(name for name, store in STORES.items() if issubclass(fault, store))
    with pytest.raises(ContractBroken) as broken:
        await check(partial(open_stores, **{place: fault}), checks_of(law), random=secrets.token_bytes)
    assert broken.value.law is law


def test_a_broken_law_is_named_with_what_was_seen() -> None:
    with pytest.raises(ContractBroken, match=r"^redeem-once: Of all redemptions .* But: two of them won\.$"):
        Law.REDEEM_ONCE.require(False, "two of them won.")
