"""What authz has written together keeps for each caller its own outcome, and what needs more is done by itself."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from made_tables import fresh_tables
from segue_authz.domain.grant import Reused, Withdrawn
from segue_authz.store_contract import world as worlds
from segue_authz.store_contract.world import NOW, World
from segue_authz.stores import grants as grant_store
from segue_authz.stores import transfers as transfer_store
from segue_authz.stores.port import CodeTaken, Issued
from sql_stores import open_sql_stores

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    fresh_tables(database_url, "segue_authz")
    stores, others = open_sql_stores(database_url), open_sql_stores(database_url)
    yield await worlds.enrol(stores, others, secrets.token_bytes)
    await stores.aclose()
    await others.aclose()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who was done by themselves: the first argument after the connection."""
    done: list[str] = []

    def counted(module: Any, name: str, one: Any) -> None:
        work = getattr(module, name)

        def counting(connection: sa.Connection, *what: Any, **how: Any) -> Any:
            done.append(one(what[0]))
            return work(connection, *what, **how)

        monkeypatch.setattr(module, name, counting)

    counted(grant_store, "_refresh_or_end", str)
    counted(transfer_store, "_redeem", lambda redemption: redemption.transfer_id)
    counted(transfer_store, "_poll", str)
    return done


@pytest.mark.requirement("T7", "RFC9700-4-14")
async def test_refreshes_that_wait_are_written_together_and_each_is_told_what_became_of_it(
    world: World, alone: list[str]
) -> None:
    good = [await world.holder() for _ in range(6)]
    revoked, reused = await world.holder(), await world.holder()
    refresh = world.stores.grants.refresh
    await world.stores.grants.revoke(revoked.grant_id, now=NOW)
    for generation in (0, 1):
        await refresh(reused.grant_id, generation=generation, now=NOW)
    asked = [*good, revoked, reused]
    told = await asyncio.gather(
        *(refresh(grant.grant_id, generation=0, now=NOW) for grant in asked),
        refresh("grt_unknown", generation=0, now=NOW),
        return_exceptions=True,
    )
    assert [one.grant.generation for one in told[:6] if isinstance(one, Issued)] == [1] * 6
    assert isinstance(told[6], Withdrawn)
    assert isinstance(told[7], Reused)
    assert told[8] is None
    assert sorted(alone) == sorted([revoked.grant_id, reused.grant_id, "grt_unknown"])
    standings = [await world.others.grants.standing(grant.grant_id) for grant in asked]
    assert [standing.grant.generation for standing in standings if standing] == [1] * 6 + [0, 2]
    assert standings[7] is not None
    assert standings[7].grant.revoked_at == NOW  # the reuse ended it, although others were written with it


@pytest.mark.requirement("T7", "XD-RACE-06")
async def test_of_two_uses_of_one_refresh_token_that_wait_together_the_second_is_a_repeat(
    world: World, alone: list[str]
) -> None:
    grant = await world.holder()
    told = await asyncio.gather(*(world.stores.grants.refresh(grant.grant_id, generation=0, now=NOW) for _ in range(3)))
    assert [one.grant.generation for one in told if one] == [1, 1, 1]
    assert len(alone) <= 2


@pytest.mark.requirement("T7", "PROFILE-redeem-once")
async def test_redemptions_that_wait_are_written_together_and_each_is_told_what_became_of_it(
    world: World, alone: list[str]
) -> None:
    sources = [await world.holder() for _ in range(6)]
    stored = [
        await world.approved(source, "share" if number in (1, 5) else "move") for number, source in enumerate(sources)
    ]
    await world.stores.grants.revoke(sources[4].grant_id, now=NOW)  # what it would pass on is gone
    await world.redeem(stored[5])  # somebody else has been there
    told = await asyncio.gather(*(world.redeem(one) for one in stored), return_exceptions=True)
    given = [one for one in told[:4] if isinstance(one, Issued)]
    assert [one.grant.epoch for one in given] == [2, 1, 2, 2]
    assert [one.grant.task_id for one in given] == [source.task_id for source in sources[:4]]
    assert len({one.grant.status_index for one in given}) == 4
    assert isinstance(told[4], Withdrawn)
    assert told[5] is None
    assert set(alone) == {stored[number].transfer.offer.transfer_id for number in (4, 5)}
    states = [type((await world.read(one.transfer.offer.transfer_id)).transfer).__name__ for one in stored]
    assert states == ["Redeemed"] * 4 + ["Approved", "Redeemed"]


@pytest.mark.requirement("T7", "PROFILE-redeem-once")
async def test_of_two_redemptions_of_one_transfer_that_wait_together_one_wins(world: World) -> None:
    stored = await world.approved(await world.holder())
    told = await asyncio.gather(*(world.redeem(stored) for _ in range(3)))
    assert sum(one is not None for one in told) == 1
    assert await world.epoch(next(one for one in told if one).grant.grant_id) == 2


@pytest.mark.requirement("T7")
async def test_devices_that_redeem_together_are_known_by_their_keys(world: World) -> None:
    """A key that has held a task before is the same device; two transfers to one key make one device."""
    jkts = ["old", "new", "twice", "twice"]
    before = await world.redeem(await world.approved(await world.holder(), jkt="old"))
    stored = [await world.approved(await world.holder(), jkt=jkt) for jkt in jkts]
    told = [one for one in await asyncio.gather(*(world.redeem(one) for one in stored)) if one]
    device_ids = [one.grant.device_id for one in told]
    assert before is not None
    assert device_ids[0] == before.grant.device_id
    assert len(set(device_ids)) == 3
    assert device_ids[2] == device_ids[3]


@pytest.mark.requirement("T7")
async def test_polls_that_wait_are_noted_together_and_who_comes_too_early_hears_so(
    world: World, alone: list[str]
) -> None:
    asked = [await world.claimed(await world.holder()) for _ in range(5)]
    names = [one.transfer.offer.transfer_id for one in asked]
    assert await asyncio.gather(*(world.stores.transfers.poll(name, now=NOW) for name in names)) == [True] * 5
    assert alone == []
    told = await asyncio.gather(
        *(world.stores.transfers.poll(name, now=NOW + 10) for name in [*names, names[0]]),
        world.stores.transfers.poll("trf_unknown", now=NOW + 10),
    )
    assert told == [True] * 5 + [False, True]
    assert sorted(alone) == sorted([names[0], "trf_unknown"])


@pytest.mark.requirement("T7")
async def test_of_requests_that_wait_the_one_whose_code_is_taken_is_told(world: World) -> None:
    asked = [world.asked_for(world.id("tsk")) for _ in range(4)]
    codes = ["one", "two", "two", "three"]
    begin = world.stores.transfers.request
    told = await asyncio.gather(
        *(begin(one, code_digest=world.subject + code) for one, code in zip(asked, codes, strict=True)),
        return_exceptions=True,
    )
    assert [type(one) for one in told] == [type(None), type(None), CodeTaken, type(None)]
    found = [await world.others.transfers.by_id(one.offer.transfer_id) for one in asked]
    assert [one is not None for one in found] == [True, True, False, True]
