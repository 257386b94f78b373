"""The kit: every check with its law, and how to run one against a store."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from segue_authz.domain.identifier import Random
from segue_authz.store_contract import change, claim, epoch, poll, redemption, refresh, revocation
from segue_authz.store_contract.law import Law
from segue_authz.store_contract.opening import OpenStores
from segue_authz.store_contract.world import World, enrol


@dataclass(frozen=True)
class Check:
    """One check, and the law it holds a store to; what it is called says what it found when it passed."""

    law: Law
    run: Callable[[World], Awaitable[None]]

    @property
    def name(self) -> str:
        return self.run.__name__


CHECKS: tuple[Check, ...] = tuple(
    Check(law, run)
    for module in (redemption, change, claim, epoch, poll, refresh, revocation)
    for run, law in module.CHECKS.items()
)


async def check(open_stores: OpenStores, checks: Iterable[Check], *, random: Random) -> None:
    """Run the checks against two openings of the stores, each with a person of its own.

    Raises `ContractBroken` at the first law that is broken. What else a store raises comes through as it is.
    """
    stores, others = open_stores(), open_stores()
    try:
        for each in checks:
            await each.run(await enrol(stores, others, random))
    finally:
        await stores.aclose()
        await others.aclose()


def checks_of(law: Law) -> list[Check]:
    return [each for each in CHECKS if each.law is law]
