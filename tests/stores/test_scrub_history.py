"""Verifying a task that was forked, taken back, told shorter, corrected and erased: clean, until it is damaged."""

import dataclasses

import pytest
import sqlalchemy as sa
from resource_world import TASK, Device, StoreWorld, item
from scrubbing import damage, faults_of, keeper_of, populate, repair
from segue_resource.domain.search import SearchMode
from segue_resource.stores import tables
from segue_resource.stores.drafts import Drafts
from segue_resource.stores.ending.erasures import Clearing
from segue_resource.stores.scrub.fault import Harm

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T23", "R45")]

VERSIONS = tables.working_set_versions


async def taken_back(store: StoreWorld) -> Device:
    """A task whose set was changed in three ways and taken back: `cap` and `gone` stand again, `new` does not."""
    device = store.device()
    await device.put("cap", item("Cap"))
    await device.put("gone", item("Gone"))
    to = (await device.read())["head"]
    await device.put("cap", item("Cap, raised"), version=1)
    await device.send("DELETE", "/working-set/gone", headers={"If-Match": '"1"'})
    await device.put("new", item("New"))
    await device.propose()
    answer = await device.post("/rollbacks", {"to": to, "head": (await device.read())["head"]})
    assert answer.status_code in (200, 201), answer.text
    return device


async def test_what_a_rollback_brought_back_is_told_by_it(store: StoreWorld) -> None:
    device = await taken_back(store)
    assert [str(fault) for fault in await faults_of(store)] == []
    assert (await repair(store)).mended == []
    assert sorted(found["title"] for found in (await device.read("/working-set"))["items"]) == ["Cap", "Gone"]


async def test_a_fork_that_goes_on_and_is_taken_back_has_nothing_wrong(store: StoreWorld) -> None:
    device = await taken_back(store)
    forked = (await device.post("/forks", {"name": "Otherwise"})).json()["task_id"]
    other = store.device(task_id=forked)
    to = (await other.read())["head"]
    assert [str(fault) for fault in await faults_of(store, forked)] == []
    assert (await other.put("cap", item("Cap, otherwise"), version=3)).status_code == 200
    await other.post("/rollbacks", {"to": to, "head": (await other.read())["head"]})
    assert [str(fault) for fault in [*await faults_of(store, forked), *await faults_of(store)]] == []
    await damage(store, sa.delete(tables.events).where(tables.events.c.task_id == TASK, tables.events.c.seq == 2))
    first = next(iter(await faults_of(store)))
    assert (first.task_id, first.row, first.harm) == (TASK, "2", Harm.MISSING)


@pytest.mark.requirement("T19")
@pytest.mark.parametrize("what", ["own", "task"])
async def test_what_was_really_erased_is_not_damaged_before_nor_after_it_is_cleared(
    store: StoreWorld, what: str
) -> None:
    device = await populate(store)
    assert (await device.post("/erasures", {"what": what})).status_code == 202
    assert [str(fault) for fault in await faults_of(store)] == []
    await Clearing(store.database, Drafts(store.ephemeral, keeper=keeper_of(store)), clock=store.clock).clear_all()
    assert [str(fault) for fault in await faults_of(store)] == []


async def test_ranges_told_otherwise_that_are_forged_or_missing_are_put_right(store: StoreWorld) -> None:
    device = await taken_back(store)
    elisions = tables.elisions
    for statement, harm in (
        (sa.update(elisions).values(to_seq=5), Harm.WRONG),
        (sa.update(elisions).values(by_seq=3), Harm.FORGED),
        (sa.delete(elisions), Harm.MISSING),
    ):
        before = await device.log()
        await damage(store, statement)
        assert harm in {fault.harm for fault in await faults_of(store) if fault.table == "elisions"}
        assert (await repair(store)).left == []
        assert (await device.log())[: len(before)] == before


async def test_a_fork_whose_past_is_not_where_it_should_be_is_told(store: StoreWorld) -> None:
    device = await taken_back(store)
    forked = (await device.post("/forks", {"name": "Otherwise"})).json()["task_id"]
    heads = tables.task_heads
    await damage(store, sa.update(heads).where(heads.c.task_id == forked).values(parent_task_id="tsk_nowhere"))
    found = {(fault.table, fault.row) for fault in await faults_of(store, forked)}
    assert ("task_heads", "origin") in found


async def test_a_total_that_is_not_the_sum_of_its_reports_is_told(store: StoreWorld) -> None:
    device = store.device()
    session = (await device.post("/sessions", {"name": "Desktop", "transport": "web"})).json()["session_id"]
    for amount in (300, 21):
        said = await device.post("/usage", {"session_id": session, "unit": "tokens", "amount": amount})
        assert said.status_code == 201, said.text
    assert await faults_of(store) == []
    await damage(store, sa.update(tables.usage_totals).values(used=1))
    assert [(fault.table, fault.row) for fault in await faults_of(store)] == [("usage_totals", "tokens")]


async def test_an_index_that_is_ahead_or_tells_of_others_is_made_anew(store: StoreWorld) -> None:
    store.settings = dataclasses.replace(store.settings, search=SearchMode.BLIND)
    await store.restart()
    device = store.device()
    await device.say("a walrus")
    for statement in (
        sa.update(tables.search_states).values(through=90),
        sa.update(tables.search_documents).values(sub="usr_thief"),
    ):
        assert len((await device.post("/search", {"query": "walrus"})).json()["hits"]) == 1
        assert await faults_of(store) == []
        await damage(store, statement)
        assert {fault.table for fault in await faults_of(store)} == {"search_states"}
        assert (await repair(store)).left == []


@pytest.mark.requirement("T18", "T19")
async def test_what_was_put_in_quarantine_goes_with_whoever_wrote_it(store: StoreWorld) -> None:
    device = store.device()
    await device.say("one")
    await damage(store, sa.update(tables.events).where(tables.events.c.seq == 2).values(sealed=b"\x13" + bytes(60)))
    assert len((await repair(store)).quarantined) == 1
    assert (await device.post("/erasures", {"what": "own"})).status_code == 202
    await Clearing(store.database, Drafts(store.ephemeral, keeper=keeper_of(store)), clock=store.clock).clear_all()
    kept = sa.select(sa.func.count()).select_from(tables.quarantine)
    assert await store.database.read(lambda connection: connection.execute(kept).scalar_one()) == 0
