"""The storage contract kit, for authors of other stores; README.md says how to use it."""

from segue_authz.store_contract.kit import CHECKS, Check, check, checks_of
from segue_authz.store_contract.law import ContractBroken, Law
from segue_authz.store_contract.opening import OpenStores, Stores
from segue_authz.store_contract.trial import TRIALS, Outcome, Size, run_trial

__all__ = [
    "CHECKS",
    "TRIALS",
    "Check",
    "ContractBroken",
    "Law",
    "OpenStores",
    "Outcome",
    "Size",
    "Stores",
    "check",
    "checks_of",
    "run_trial",
]
