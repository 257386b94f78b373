"""Tasks are paused, closed and archived, their tiers dropped, by the policy; by it alone, and never behind a back."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa
from filing import put
from resource_world import TASK, StoreWorld, event, item, texts
from segue_resource.domain.agenda import Act, Tier
from segue_resource.domain.elision import Elision, Why
from segue_resource.domain.retention import DAY, HoldKind, Retention
from segue_resource.key_files import load_master_key
from segue_resource.retention_file import from_table
from segue_resource.retiring import retire
from segue_resource.stores.ending import expiry, holds, retention
from segue_resource.stores.ending.own_writing import OPERATOR, open_own_writing
from segue_resource.stores.files.collecting import Collecting
from segue_resource.stores.history import elisions
from segue_resource.stores.keys.retirement import Done
from segue_resource.stores.keys.task_keys import Keeper

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T19")]

POLICY = Retention()
RULES = POLICY.general


def keeper(store: StoreWorld) -> Keeper:
    return Keeper(load_master_key(store.settings, random=secrets.token_bytes), secrets.token_bytes)


async def retired(store: StoreWorld, policy: Retention = POLICY) -> list[Done]:
    """What the policy does by now."""
    return [done async for done in retire(store.database, policy, keeper=keeper(store), clock=store.clock)]


def acts(done: Sequence[Done]) -> list[tuple[Act, Tier | None]]:
    return [(one.act, one.tier) for one in done if not one.more]


async def status(store: StoreWorld) -> str:
    return str((await store.device().read())["status"])


async def later(store: StoreWorld, days: float) -> None:
    await store.later(int(days * DAY))


async def close(store: StoreWorld) -> None:
    answer = await store.device().post("/status", {"to": "closed"})
    assert answer.status_code == 200, answer.text


async def test_an_idle_task_is_paused_then_closed_then_archived_and_says_why(store: StoreWorld) -> None:
    assert await retired(store) == []
    await later(store, 30)
    assert acts(await retired(store)) == [(Act.PAUSE, None)]
    assert await status(store) == "paused"
    await later(store, 149)
    assert await retired(store) == []
    await later(store, 1)
    assert acts(await retired(store)) == [(Act.CLOSE, None)]
    await later(store, 30)
    assert acts(await retired(store)) == [(Act.ARCHIVE, None)]
    assert await status(store) == "archived"
    log = await store.device().log()
    told = [found for found in log if found["kind"] == "task.status_changed"]
    assert [found["body"] for found in told] == [
        {"from": "open", "to": "paused", "reason": "nothing has happened for 30d"},
        {"from": "paused", "to": "closed", "reason": "nothing has happened for 180d"},
        {"from": "closed", "to": "archived", "reason": "closed for 30d"},
    ]
    assert {tuple(found["actor"].values()) for found in told} == {("segue:store", None, None)}
    audited = (await store.device().read("/audit"))["entries"]
    assert [found["sub"] for found in audited if found["kind"] == "task.status_changed"] == ["segue:store"] * 3


async def test_whatever_a_person_does_keeps_the_task_awake(store: StoreWorld) -> None:
    await retired(store)
    await later(store, 20)
    await store.device().say("still here")
    await later(store, 20)
    assert await retired(store) == []
    await later(store, 10)
    assert acts(await retired(store)) == [(Act.PAUSE, None)]


async def test_who_touches_the_task_while_it_is_being_retired_wins(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await retired(store)
    await later(store, 30)
    found = await store.database.read(lambda c: retention.due(c, POLICY, now=store.now, most=10))
    assert found == [TASK]
    monkeypatch.setattr(retention, "due", lambda *_, **__: found.pop() and [TASK] if found else [])
    await store.device().say("one word, after the task was found idle")
    assert await retired(store) == []
    assert await status(store) == "open"


async def test_of_several_processes_each_thing_is_done_by_one(store: StoreWorld) -> None:
    for number in range(6):
        await store.begin(f"tsk_{number}")
    await retired(store)
    await later(store, 30)
    both = await asyncio.gather(*(retired(store) for _ in range(3)))
    assert Counter(one.task_id for done in both for one in done) == Counter([TASK, *(f"tsk_{n}" for n in range(6))])
    told = [found["kind"] for found in await store.device().log()]
    assert told.count("task.status_changed") == 1


async def test_a_call_that_never_ran_is_cancelled_and_one_that_may_have_keeps_the_task_open(store: StoreWorld) -> None:
    device = store.device()
    proposed = await device.propose("irreversible")
    running, _ = await device.running("irreversible")
    await retired(store)
    await later(store, 200)
    assert acts(await retired(store)) == [(Act.PAUSE, None)]
    await later(store, 200)
    assert await retired(store) == []
    assert await status(store) == "paused"
    assert (await store.device().read("/resume"))["expiry"] == {"closes_at": None, "erases_at": None}
    await store.device().step(running, "cancel")
    await later(store, 180)
    assert acts(await retired(store)) == [(Act.CLOSE, None)]
    assert (await store.device().read(f"/tool-calls/{proposed}"))["state"] == "cancelled"


async def test_a_stricter_policy_gives_notice_to_who_slept(store: StoreWorld) -> None:
    await retired(store)
    await later(store, 100)
    assert acts(await retired(store)) == [(Act.PAUSE, None)]
    strict = replace(POLICY, general=replace(RULES, close_after=40 * DAY))
    assert await retired(store, strict) == []
    await later(store, 6)
    assert await retired(store, strict) == []
    await later(store, 1)
    assert acts(await retired(store, strict)) == [(Act.CLOSE, None)]


async def test_what_a_pause_announces_is_not_done_before_the_notice_is_over(store: StoreWorld) -> None:
    await retired(store)
    await later(store, 400)
    assert acts(await retired(store)) == [(Act.PAUSE, None)]
    await later(store, 6)
    assert await retired(store) == []
    await later(store, 1)
    assert acts(await retired(store)) == [(Act.CLOSE, None)]


MESSAGES, CALL = "what was said", {"clause": "the secret clause"}


async def past(store: StoreWorld) -> str:
    """A task with something in every tier; the id of its finished tool call."""
    device = store.device()
    await device.post("/events", {"events": [event(MESSAGES), {"kind": "decision.made", "role": "agent", "body": {}}]})
    await device.put("cap", item("first", body="first body"))
    await device.put("cap", item("second", body="second body"), version=1)
    call_id = await device.propose(arguments=CALL)
    await device.step(call_id, "approve")
    claimed = (await device.step(call_id, "claim", lease=60)).json()
    await device.step(call_id, "start", fence=claimed["fence"], lease=60)
    await device.step(call_id, "complete", fence=claimed["fence"], result={"found": "a result"})
    return call_id


def dropped(done: Sequence[Done]) -> dict[str, int]:
    rows: Counter[str] = Counter()
    for one in done:
        rows[str(one.tier)] += one.rows
    return {tier: count for tier, count in rows.items() if count}


@pytest.mark.requirement("R27")
async def test_each_tier_of_an_ended_task_is_dropped_at_its_time_and_the_rest_stays(store: StoreWorld) -> None:
    call_id = await past(store)
    await retired(store)
    await close(store)
    await retired(store)
    before = await store.device().log()
    await later(store, 179)
    assert dropped(await retired(store)) == {}
    await later(store, 1)
    assert dropped(await retired(store)) == {"messages": 1, "versions": 1}
    log = await store.device().log()
    expired = [found for found in log if found.get("expired")]
    assert [(found["kind"], found["body"], found["actor"]) for found in expired] == [
        ("message", {}, before[1]["actor"])
    ]
    assert [found for found in log[: len(before)] if not found.get("expired")] == [before[0], *before[2:]]
    told = [found["body"] for found in log if found["kind"] == "log.expired"]
    assert [one["tier"] for one in told] == ["messages", "versions"]
    assert all(one["from"] == 1 and one["to"] >= len(before) for one in told)
    view = await store.device().read("/resume")
    assert [(kept["title"], kept["body"]) for kept in view["working_set"]] == [("second", "second body")]
    versions = (await store.device().read("/working-set/cap/versions"))["versions"]
    assert [(one["version"], one["body"]) for one in versions] == [(2, "second body"), (1, "")]
    assert (await store.device().read(f"/tool-calls/{call_id}"))["arguments"] == CALL
    await later(store, 185)
    assert dropped(await retired(store)) == {"tool_calls": 1}
    call = await store.device().read(f"/tool-calls/{call_id}")
    assert (call["arguments"], call["result"], call["state"]) == ({}, None, "succeeded")
    assert dropped(await retired(store)) == {}


@pytest.mark.requirement("R27")
async def test_nothing_is_dropped_within_the_debug_window_whatever_a_class_says(store: StoreWorld) -> None:
    hasty = Retention(debug_window=14 * DAY, notice=1, general=replace(RULES, keep_messages=1))
    await past(store)
    await retired(store, hasty)
    await close(store)
    await later(store, 13.9)
    assert dropped(await retired(store, hasty)) == {}
    await later(store, 0.1)
    assert dropped(await retired(store, hasty)) == {"messages": 1}


async def hold(store: StoreWorld, *, release: str | None = None) -> str:
    def work(connection: sa.Connection) -> str:
        own = open_own_writing(connection, TASK, keeper=keeper(store), now=store.now, expected=0, actor=OPERATOR)
        if release:
            holds.release(own, release)
            own.settle()
            return release
        held = holds.place(own, HoldKind.INCIDENT, "an incident", random=secrets.token_bytes)
        own.settle()
        return held.hold_id

    return await store.database.write(work)


@pytest.mark.requirement("R27")
async def test_while_somebody_looks_into_it_nothing_of_a_task_is_touched(store: StoreWorld) -> None:
    await past(store)
    await close(store)
    await retired(store)
    one, other = await hold(store), await hold(store)
    await later(store, 5000)
    assert await retired(store) == []
    await hold(store, release=one)
    assert await retired(store) == []
    await hold(store, release=other)
    assert dropped(await retired(store))["messages"] == 1
    audited = (await store.device().read("/audit"))["entries"]
    assert [found["kind"] for found in audited if found["kind"].startswith("hold.")] == [
        *("hold.placed", "hold.placed", "hold.released", "hold.released")
    ]
    assert "an incident" not in str(audited)


@pytest.mark.requirement("R27")
async def test_the_past_that_a_living_fork_goes_on_from_is_kept(store: StoreWorld) -> None:
    device = store.device()
    await device.say("before the fork")
    at = len(await device.log())
    forked = await device.post("/forks", {"name": "Another way", "at": at})
    assert forked.status_code == 201, forked.text
    fork_id = forked.json()["task_id"]
    await device.say("after the fork")
    await retired(store)
    await close(store)
    await later(store, 180)
    assert (await store.device(task_id=fork_id).say("the fork lives")).status_code == 201
    assert dropped(await retired(store)) == {"messages": 1}
    assert texts(found for found in await store.device().log() if not found.get("expired")) == ["before the fork"]
    assert texts(await store.device(task_id=fork_id).log()) == ["before the fork", "the fork lives"]
    await later(store, 3000)
    assert Act.ERASE not in {one.act for one in await retired(store) if one.task_id == TASK}


async def test_a_long_log_is_dropped_in_small_transactions_and_can_be_cut_off_anywhere(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.device().post("/events", {"events": [event(str(number)) for number in range(10)]})
    await retired(store)
    await close(store)
    await later(store, 180)
    monkeypatch.setattr(expiry, "_BODIES", expiry._BODIES.limit(3))
    steps = retire(store.database, POLICY, keeper=keeper(store), clock=store.clock)
    cut_off = 0
    async for done in steps:
        cut_off += done.rows
        if done.rows:
            break
    await steps.aclose()
    assert cut_off == 2
    assert dropped(await retired(store)) == {"messages": 8}
    log = await store.device().log()
    assert [found["seq"] for found in log if found.get("expired")] == list(range(2, 12))
    assert [found["kind"] for found in log].count("log.expired") == 1


@pytest.mark.requirement("R27")
async def test_files_go_at_their_time_and_who_asks_is_told_that_they_are_gone(store: StoreWorld) -> None:
    assert (await put(store.device(), "notes.md", b"a file")).status_code == 201
    await retired(store)
    await close(store)
    await later(store, 179)
    assert dropped(await retired(store)) == {}
    assert (await store.device().get("/artifacts/notes.md")).content == b"a file"
    await later(store, 1)
    assert dropped(await retired(store)) == {"artifacts": 1}
    gone = await store.device().get("/artifacts/notes.md")
    assert (gone.status_code, gone.json()["type"]) == (410, "urn:segue:problem:erased")
    assert await Collecting(store.database, store.blobs, clock=store.clock).remove() == 1


async def test_what_a_summary_replaces_goes_after_its_time_while_the_task_goes_on(store: StoreWorld) -> None:
    device = store.device()
    for number in range(3):
        await device.say(f"word {number}")
    done = await elide(store, 1, 4, Why.COMPACTED)
    await device.say("after the summary")
    await retired(store)
    await later(store, 29.9)
    await store.device().say("it goes on")
    assert dropped(await retired(store)) == {}
    await later(store, 0.2)
    assert dropped(await retired(store)) == {"compacted": 3}
    log = await store.device().read("/events?view=full&limit=100")
    assert [found["seq"] for found in log["events"] if found.get("expired")] == [2, 3, 4]
    told = [found for found in log["events"] if found["kind"] == "log.expired"]
    assert [(one["body"], one["actor"]["sub"]) for one in told] == [
        ({"tier": "compacted", "from": 1, "to": 4}, "segue:store")
    ]
    page = await store.device().read("/events?limit=100")
    assert texts(page["events"]) == ["after the summary", "it goes on"]
    assert [(one["summary"], one["by_seq"]) for one in page["elided"]] == [("In short", done)]
    assert dropped(await retired(store)) == {}


async def test_a_compaction_that_was_taken_back_lets_nothing_go(store: StoreWorld) -> None:
    device = store.device()
    await device.say("the original")
    before = len(await device.log())
    done = await elide(store, 1, before, Why.COMPACTED)
    await elide(store, before + 1, done, Why.REVERTED)
    await retired(store)
    await later(store, 29)
    await store.device().say("it goes on")
    await later(store, 20)
    assert dropped(await retired(store)) == {}


async def elide(store: StoreWorld, first: int, last: int, why: Why) -> int:
    """The number of the event that says so."""

    def work(connection: sa.Connection) -> int:
        own = open_own_writing(connection, TASK, keeper=keeper(store), now=store.now)
        seq = own.note(f"log.{why}", {"from_seq": first, "to_seq": last, "summary": "In short"})
        elisions.elide(own, Elision(first, last, seq, why))
        own.settle()
        return seq

    return await store.database.write(work)


@pytest.mark.requirement("R27")
async def test_in_the_end_the_whole_task_is_erased_and_its_audit_stays(store: StoreWorld) -> None:
    await past(store)
    await retired(store)
    await close(store)
    await later(store, 729)
    assert Act.ERASE not in {one.act for one in await retired(store)}
    view = await store.device().read("/resume")
    assert view["expiry"] == {"closes_at": None, "erases_at": store.now + DAY}
    await later(store, 1)
    assert acts(await retired(store)) == [(Act.ERASE, None)]
    assert await status(store) == "erased"
    audited = (await store.device().read("/audit"))["entries"]
    assert ("task.erased", "segue:store") in [(found["kind"], found["sub"]) for found in audited]
    await later(store, 5000)
    assert await retired(store) == []


@pytest.mark.requirement("R27")
async def test_a_task_that_was_closed_while_held_is_erased_only_after_the_hold(store: StoreWorld) -> None:
    await close(store)
    await retired(store)
    held = await hold(store)
    await later(store, 5000)
    assert await retired(store) == []
    refused = await store.device().post("/erasures", {"what": "task"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:segue:problem:on-hold")
    await hold(store, release=held)
    assert acts(await retired(store))[-1] == (Act.ERASE, None)


@pytest.mark.requirement("R33")
async def test_a_task_is_of_the_class_of_its_client_or_of_the_one_that_is_named(store: StoreWorld) -> None:
    classes = {"scratch": {"pause_after": "1d", "close_after": "2d"}, "ledger": {"close_after": "never"}}
    policy = from_table({"classes": classes, "clients": {"my-notebook": "scratch"}})
    store.settings = replace(store.settings, retention=policy)
    await store.restart()
    new = {"name": "A task", "name_source": "person"}
    asked = {
        "tsk_notes": {"client_id": "my-notebook"},
        "tsk_other": {"client_id": "another"},
        "tsk_books": {"client_id": "my-notebook", "retention_class": "ledger"},
    }
    for task_id, more in asked.items():
        assert (await store.cards("PUT", f"/{task_id}", json=new | more)).status_code == 201
    cards = {card["task_id"]: card["closes_at"] for card in (await store.cards("GET")).json()["cards"]}
    assert cards["tsk_books"] is None
    assert (cards["tsk_notes"], cards["tsk_other"]) == (store.now + 7 * DAY, store.now + 180 * DAY)
    refused = await store.cards("PUT", "/tsk_wrong", json=new | {"retention_class": "unheard-of"})
    assert (refused.status_code, refused.json()["classes"]) == (422, ["default", "ledger", "scratch"])


async def test_when_something_was_compacted_is_counted_in_its_own_task_alone(store: StoreWorld) -> None:
    """Both tasks have an event of the number that says so in one of them."""
    await store.begin("tsk_other")
    for task_id in (TASK, "tsk_other"):
        device = store.device(task_id=task_id)
        await device.post("/events", {"events": [event("x")] * 5})
    answer = await store.device().post("/compactions", {"to_seq": 3, "summary": "short"})
    assert answer.status_code == 201, answer.text
    await store.device(task_id="tsk_other").say("the seventh")

    def found(connection: sa.Connection) -> dict[str, int | None]:
        both = retention.of_tasks(connection, [TASK, "tsk_other"])
        return {task_id: one.standing.compacted_at for task_id, one in both.items()}

    assert await store.database.read(found) == {TASK: store.now, "tsk_other": None}
