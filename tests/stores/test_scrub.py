"""Corruption is found, told, and gone back from: to the last good point, and never by showing what was forged."""

import base64
import json
from typing import Any

import pytest
import sqlalchemy as sa
from participating import audit
from resource_world import OWNER, TASK, Device, StoreWorld, item, texts
from scrubbing import damage, faults_of, keeper_of, populate, repair
from segue_resource.scrubbing import AGAIN_AFTER, scrub_some
from segue_resource.stores import tables
from segue_resource.stores.scrub.fault import Harm

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

EVENTS = tables.events


@pytest.mark.requirement("T23")
async def test_a_task_with_something_of_everything_has_nothing_wrong(store: StoreWorld) -> None:
    await populate(store)
    assert [str(fault) for fault in await faults_of(store)] == []


@pytest.mark.requirement("T23", "R45")
async def test_a_damaged_event_is_told_then_put_in_quarantine_and_the_log_goes_on(store: StoreWorld) -> None:
    device = await populate(store)
    log = await device.log()
    seq = next(event["seq"] for event in log if event["kind"] == "message")
    await damage(store, sa.update(EVENTS).where(EVENTS.c.seq == seq).values(sealed=b"\x13" + bytes(60)))
    await refused(device, f"/events?after={seq - 1}", part="events", row=seq)
    assert (await device.get("/resume")).status_code == 200
    [fault] = await faults_of(store)
    assert (fault.table, fault.row, fault.harm) == ("events", str(seq), Harm.UNREADABLE)

    repaired = await repair(store)
    assert repaired.left == [] == await faults_of(store)
    after = await device.log()
    assert [event["seq"] for event in after] == list(range(1, len(log) + 2))
    lost, told = after[seq - 1], after[-1]
    assert (lost["kind"], lost["damaged"], lost["body"]) == ("log.lost", True, {})
    assert (told["kind"], told["actor"]["sub"]) == ("log.repaired", "segue:store")
    assert told["body"]["repaired"] == [{"table": "events", "row": str(seq), "harm": "unreadable"}]
    assert [event for event in after[: len(log)] if event["seq"] != seq] == [e for e in log if e["seq"] != seq]
    [kept] = repaired.quarantined
    assert base64.b64decode(json.loads(kept["row"])["sealed"]["base64"]) == b"\x13" + bytes(60)
    assert (await audit(store.device(epoch=2)))[-1]["kind"] in ("log.repaired", "state.released")
    assert (await device.say("and on")).json()["first"] == len(log) + 2


@pytest.mark.requirement("T23", "T18")
@pytest.mark.parametrize("column", ["kind", "role", "at", "sub", "device_id", "session_id"])
async def test_an_event_whose_readable_columns_were_changed_is_not_shown(store: StoreWorld, column: str) -> None:
    device = store.device()
    await device.say("one")
    forged = 1 if column == "at" else "customer" if column == "role" else "forged"
    await damage(store, sa.update(EVENTS).where(EVENTS.c.seq == 2).values({column: forged}))
    await refused(device, "/events?after=1", part="events", row=2)


@pytest.mark.requirement("T23", "R45")
async def test_the_good_part_of_a_page_is_given_and_a_stream_ends_before_the_damage(store: StoreWorld) -> None:
    device = store.device()
    for text in ("one", "two", "three"):
        await device.say(text)
    await damage(store, sa.delete(EVENTS).where(EVENTS.c.seq == 3))
    page = await device.read("/events")
    assert (texts(page["events"]), page["next_after"], page["head"]) == (["one"], 2, 4)
    await refused(device, "/events?after=2", part="events", row=3)
    assert texts((await device.read("/events?after=3"))["events"]) == ["three"]
    async with device.follow() as stream:
        await stream.start()
        assert texts(await stream.events(2)) == ["one"]
        while block := await stream.block():
            last = block
        assert last["event"] == "going-away"
    assert texts((await device.read("/resume"))["events"]) == ["three"]


@pytest.mark.requirement("T23", "R45")
async def test_the_state_beside_the_log_is_put_back_to_what_the_log_says(store: StoreWorld) -> None:
    device = await populate(store)
    before = await device.read("/resume")
    heads, items, calls, people = (
        *(tables.task_heads, tables.working_set_items),
        *(tables.tool_calls, tables.participants),
    )
    forged = {"task_id": TASK, "sub": "usr_thief", "from_seq": 3, "role": "supervisor", "granted_by": OWNER}
    for statement in (
        sa.update(heads).values(status="closed", lead="human_agent", epoch=1, working_set_version=99),
        sa.update(items).values(type="fact", version=1),
        sa.update(calls).values(state="approved", attempt=7),
        sa.insert(people).values(forged),
        sa.update(tables.tasks).values(name_source="agent_proposed", owner="usr_thief"),
        sa.delete(tables.handoffs).where(tables.handoffs.c.handoff_id == "none"),
    ):
        await damage(store, statement)
    assert {fault.table for fault in await faults_of(store)} >= {
        *("task_heads", "working_set_items", "tool_calls", "participants", "tasks")
    }
    assert (await repair(store)).left == []
    after = await device.read("/resume")
    for member in ("task", "working_set", "tool_calls", "lead", "sessions"):
        assert _but_head(after[member]) == _but_head(before[member])
    assert (await store.device(sub="usr_thief", epoch=2).get()).status_code == 404
    assert await faults_of(store) == []


@pytest.mark.requirement("T23", "R45")
async def test_an_item_goes_back_to_its_last_good_version(store: StoreWorld) -> None:
    device = store.device()
    for version, title in enumerate(("first", "second", "third")):
        await device.put("cap", item(title), version=version or None)
    versions = tables.working_set_versions
    await damage(store, sa.update(versions).where(versions.c.version == 3).values(sealed=b"\x01" * 50))
    await refused(device, "/working-set/cap", part="working_set_versions", row="cap/3")
    assert (await device.get("/events")).status_code == 200
    assert (await repair(store)).left == []
    found = await device.read("/working-set/cap")
    assert (found["title"], found["version"], found["updated_by"]["sub"]) == ("second", 4, "segue:store")
    assert (await device.put("cap", item("fourth"), version=4)).status_code == 200
    assert await faults_of(store) == []


@pytest.mark.requirement("T23", "R45")
async def test_a_log_cut_short_gives_no_number_twice_and_who_is_ahead_hears_so(store: StoreWorld) -> None:
    device = store.device()
    for number in range(4):
        await device.say(str(number))
    await damage(store, sa.delete(EVENTS).where(EVENTS.c.seq > 3))
    assert [fault.row for fault in await faults_of(store)] == ["4", "5"]
    assert (await repair(store)).left == []
    log = await device.log()
    assert [(event["seq"], event["kind"]) for event in log][3:] == [
        *((4, "log.lost"), (5, "log.lost"), (6, "log.repaired"))
    ]
    ahead = await device.get("/events?after=7")
    assert (ahead.status_code, ahead.json()["type"]) == (409, "urn:segue:problem:cursor-ahead")


@pytest.mark.requirement("T23", "R45")
@pytest.mark.parametrize("head", [2, 5_000_000])
async def test_a_head_that_is_wrong_is_put_to_the_last_event(store: StoreWorld, head: int) -> None:
    device = store.device()
    for number in range(4):
        await device.say(str(number))
    await damage(store, sa.update(tables.task_heads).values(head=head))
    assert (await repair(store)).left == []
    assert texts(await device.log()) == ["0", "1", "2", "3"]
    assert (await device.get("/events?after=100")).status_code == 409


@pytest.mark.requirement("T23", "T9")
async def test_a_call_that_nobody_can_read_does_not_run(store: StoreWorld) -> None:
    device = store.device()
    call_id = await device.propose()
    await damage(store, sa.update(tables.tool_calls).values(proposal_sealed=b"\x01" * 50))
    assert (await device.step(call_id, "claim")).status_code == 500
    assert (await repair(store)).left == []
    found = await device.read(f"/tool-calls/{call_id}")
    assert (found["state"], found["title"], found["arguments"]) == ("cancelled", "Compare the clauses", {})
    assert await faults_of(store) == []


@pytest.mark.requirement("T23", "T17", "T18")
async def test_the_audit_and_data_keys_are_told_of_and_never_repaired(store: StoreWorld) -> None:
    await populate(store)
    await damage(store, sa.update(tables.audit).where(tables.audit.c.n == 2).values(sub="usr_thief"))
    await damage(store, sa.update(tables.data_keys).where(tables.data_keys.c.key_no == 2).values(wrapped=b"\x01" * 61))
    found = {(fault.table, fault.row, fault.mend) for fault in await faults_of(store)}
    assert {("audit", "2", None), ("data_keys", "2", None)} <= found


@pytest.mark.requirement("T23", "T19")
async def test_what_was_erased_is_not_damaged(store: StoreWorld) -> None:
    await populate(store)
    keys = tables.data_keys
    await damage(store, sa.update(keys).where(keys.c.sub == "usr_other").values(wrapped=None, destroyed_at=store.now))
    assert await faults_of(store) == []


@pytest.mark.requirement("T23", "R45")
async def test_the_server_verifies_by_itself_oldest_first_tells_and_repairs_nothing(
    store: StoreWorld, caplog: pytest.LogCaptureFixture
) -> None:
    await store.begin("tsk_other")
    await damage(store, sa.update(EVENTS).where(EVENTS.c.task_id == TASK).values(sealed=b"\x13" + bytes(60)))
    keeper = keeper_of(store)
    assert await scrub_some(store.database, keeper=keeper, clock=store.clock) >= 1
    assert f"{TASK}: events 1" in caplog.text
    assert await scrub_some(store.database, keeper=keeper, clock=store.clock) == 0  # neither is due
    store.now += AGAIN_AFTER + 1
    assert await scrub_some(store.database, keeper=keeper, clock=store.clock) >= 1  # nothing was repaired


async def refused(device: Device, path: str, *, part: str, row: object) -> None:
    """Nothing of it is shown, and where it is damaged is said."""
    answer = await device.get(path)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (500, "urn:segue:problem:damaged")
    assert (problem["part"], problem["id"]) == (part, str(row))


def _but_head(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: kept for name, kept in value.items() if name != "head"}
    return value
