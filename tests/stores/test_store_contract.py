"""The stores keep each law of the storage contract, on each database."""

import secrets
from importlib.resources import files

import pytest
from segue_authz.store_contract import CHECKS, Check, Law, OpenStores, check


@pytest.mark.requirement(
    *("XD-RACE-01", "XD-RACE-02", "XD-RACE-03", "XD-RACE-04", "XD-RACE-05", "XD-RACE-06", "XD-RACE-07", "XD-RACE-08"),
    *("XD-RACE-09", "XD-RACE-10", "PROFILE-redeem-once", "E5"),
)
@pytest.mark.anyio
@pytest.mark.parametrize("each", CHECKS, ids=lambda each: f"{each.law.slug}-{each.name}")
async def test_the_stores_keep(open_stores: OpenStores, each: Check) -> None:
    await check(open_stores, [each], random=secrets.token_bytes)


def test_every_law_is_checked() -> None:
    assert {each.law for each in CHECKS} | {Law.LINEARIZABLE} == set(Law)


def test_the_manual_tells_every_law() -> None:
    manual = files("segue_authz.store_contract").joinpath("README.md").read_text()
    told = [line for line in manual.splitlines() if line.startswith("| `")]
    assert told == [f"| `{law.slug}` | {law.sentence} |" for law in Law]
