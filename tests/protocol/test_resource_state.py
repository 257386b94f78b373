"""The state that agents keep in a task, over HTTP, on both storage sets (specs/protocol.md section 8.6; E2, R62)."""

import asyncio
import itertools
import random
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from resource_world import Device, StoreWorld, texts
from segue_resource.stores import tables

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]

PROBLEM = "urn:segue:problem:"


async def keep(
    device: Device, entries: Mapping[str, Any], *, drop: tuple[str, ...] = (), key: str | None = None, **more: Any
) -> httpx2.Response:
    return await device.post("/state", {"keep": dict(entries), "drop": list(drop), **more}, key=key)


async def kept(device: Device, entries: Mapping[str, Any], **more: Any) -> int:
    """As `keep`, which must work; the number of the last event."""
    answer = await keep(device, entries, **more)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["last"])


async def state(device: Device, query: str = "") -> dict[str, Any]:
    """All entries behind a query, over all pages."""
    found: dict[str, Any] = {}
    after = ""
    while True:
        page = await device.read(f"/state?limit=3{query}{after}")
        found |= {entry["key"]: entry["value"] for entry in page["entries"]}
        if page["next_after"] is None:
            return found
        after = f"&after={page['next_after']}"


async def read(device: Device, *keys: str, **more: Any) -> dict[str, Any]:
    answer = await device.post("/state/read", {"keys": list(keys), **more})
    assert answer.status_code == 200, answer.text
    assert answer.json()["left"] == []
    return {entry["key"]: entry["value"] for entry in answer.json()["entries"]}


async def test_what_is_kept_is_read_by_key_and_in_the_order_of_keys(store: StoreWorld) -> None:
    device = store.device()
    last = await kept(device, {"b/2": {"x": 1.5}, "b/10": [1], "a": None, "B": "ü", "b-": 0})
    assert await read(device, "b/2", "a", "nothing") == {"b/2": {"x": 1.5}, "a": None}
    assert list(await state(device)) == ["B", "a", "b-", "b/10", "b/2"]
    assert list(await state(device, "&order=desc")) == ["b/2", "b/10", "b-", "a", "B"]
    assert await state(device, "&prefix=b/") == {"b/10": [1], "b/2": {"x": 1.5}}
    (entry,) = (await device.post("/state/read", {"keys": ["a"]})).json()["entries"]
    assert entry == {"key": "a", "seq": last - 2, "at": store.now, "value": None}


async def test_the_newest_of_a_key_counts_and_what_is_dropped_is_not_there(store: StoreWorld) -> None:
    device = store.device()
    first = await kept(device, {"a": 1, "b": 1, "c": 1})
    await kept(device, {"a": 2}, drop=("b", "never"))
    assert await state(device) == {"a": 2, "c": 1}
    assert await read(device, "a", "b") == {"a": 2}
    assert await state(device, f"&as_of={first}") == {"a": 1, "b": 1, "c": 1}
    assert await read(device, "b", as_of=first) == {"b": 1}
    await kept(device, {"b": 3})
    assert await state(device) == {"a": 2, "b": 3, "c": 1}


async def test_a_change_is_made_only_if_what_it_was_made_from_still_stands(store: StoreWorld) -> None:
    device = store.device()
    first = await kept(device, {"turn": 1}, expect={"turn": 0})
    lost = await keep(device, {"turn": 9, "other": 9}, expect={"turn": 0, "other": 0})
    assert (lost.status_code, lost.json()["type"], lost.json()["current"]) == (
        412,
        PROBLEM + "conflict",
        {"turn": first},
    )
    await kept(device, {"turn": 2}, expect={"turn": first})
    await kept(device, {}, drop=("turn",))
    gone = await keep(device, {"turn": 3}, expect={"turn": first})
    assert gone.json()["current"] == {"turn": 0}
    assert await state(device) == {}


async def test_of_many_devices_that_change_one_entry_each_change_is_made_from_the_last(store: StoreWorld) -> None:
    devices = [store.device() for _ in range(6)]

    async def count(device: Device) -> None:
        for _ in range(4):
            while True:
                (found,) = (await device.post("/state/read", {"keys": ["n"]})).json()["entries"] or [
                    {"seq": 0, "value": 0}
                ]
                answer = await keep(device, {"n": found["value"] + 1}, expect={"n": found["seq"]})
                if answer.status_code == 201:
                    break
                assert answer.status_code == 412

    await asyncio.gather(*map(count, devices))
    assert await state(devices[0]) == {"n": 24}


async def test_what_nothing_is_asked_of_may_still_compare(store: StoreWorld) -> None:
    device = store.device()
    head = await kept(device, {"a": 1})
    assert await kept(device, {}, expect={"a": head}) == head
    assert (await keep(device, {}, expect={"a": 0})).status_code == 412
    assert await kept(device, {}) == head


async def test_a_repeat_under_one_idempotency_key_is_one_change(store: StoreWorld) -> None:
    device = store.device()
    first = await keep(device, {"a": 1}, key="k1")
    again = await keep(device, {"a": 1}, key="k1")
    other = await keep(device, {"a": 2}, key="k1")
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    assert other.status_code == 422
    assert [event["kind"] for event in await device.log()].count("state.kept") == 1


@pytest.mark.requirement("T6")
async def test_a_device_that_the_task_has_left_keeps_nothing_more_and_the_next_one_has_it_all(
    store: StoreWorld,
) -> None:
    device = store.device()
    await kept(device, {"a": 1})
    phone = device.after_move(2)
    assert await state(phone) == {"a": 1}
    late = await keep(device, {"a": 2})
    assert (late.status_code, late.json()["type"]) == (409, PROBLEM + "stale-epoch")
    await kept(phone, {"a": 3})
    assert await state(phone) == {"a": 3}


async def test_a_rollback_takes_the_agents_state_back_and_one_into_it_brings_it_again(store: StoreWorld) -> None:
    device = store.device()
    begin = await kept(device, {"a": 1, "b": 1})
    await kept(device, {"a": 2}, drop=("b",))
    middle = await kept(device, {"c": 2})

    async def back(to: int) -> None:
        head = (await device.read())["head"]
        answer = await device.post("/rollbacks", {"to": to, "head": head, "reason": None})
        assert answer.status_code == 201, answer.text

    await back(begin)
    assert await state(device) == {"a": 1, "b": 1}
    await kept(device, {"d": 3})
    assert await state(device, f"&as_of={middle}") == {"a": 2, "c": 2}
    await back(middle)
    assert await state(device) == {"a": 2, "c": 2}


async def test_a_fork_begins_with_the_state_of_its_point_and_goes_its_own_way(store: StoreWorld) -> None:
    device = store.device()
    point = await kept(device, {f"k{number}": number for number in range(7)})
    await kept(device, {"k0": "later"})
    answer = await device.post("/forks", {"name": "Another", "at": point})
    forked = store.device(task_id=answer.json()["task_id"])
    assert await state(forked) == {f"k{number}": number for number in range(7)}
    await kept(forked, {"k1": "own", "k9": "own"}, drop=("k2",))
    own = {"k0": 0, "k1": "own", "k3": 3, "k4": 4, "k5": 5, "k6": 6, "k9": "own"}
    assert await state(forked) == own
    assert list(await state(forked, "&order=desc")) == sorted(own, reverse=True)
    assert await read(forked, "k0", "k2", "k9") == {"k0": 0, "k9": "own"}
    assert (await state(device))["k1"] == 1


async def test_any_order_of_changes_reads_as_a_dictionary_would(store: StoreWorld) -> None:
    """Drawn changes, rollbacks and reads beside a model; the seed is fixed."""
    draw, device = random.Random(11), store.device()
    states: dict[int, dict[str, Any]] = {}
    now: dict[str, Any] = {}
    for step in range(40):
        if states and draw.random() < 0.15:
            to = draw.choice([*states])
            head = (await device.read())["head"]
            assert (await device.post("/rollbacks", {"to": to, "head": head, "reason": None})).status_code == 201
            now = dict(states[to])
        else:
            names = draw.sample("abcdefgh", 3)
            last = await kept(device, {names[0]: step, names[1]: step}, drop=(names[2],))
            now |= {names[0]: step, names[1]: step}
            now.pop(names[2], None)
            states[last] = dict(now)
        assert await state(device) == now
    for last in draw.sample([*states], 8):
        assert await state(device, f"&as_of={last}") == states[last]


async def test_followers_and_the_history_hear_of_the_state_and_not_what_it_is(store: StoreWorld) -> None:
    device = store.device()
    await device.say("Hello")
    last = await kept(device, {"a": "canary-7731", "b": 2})
    logged = [event for event in await device.log() if event["kind"] == "state.kept"]
    assert [event["body"].keys() for event in logged] == [{"bytes"}, {"bytes"}]
    async with device.follow(query="after=2") as stream:
        await stream.start()
        followed = await stream.events(2)
    assert [event["body"] for event in followed] == [event["body"] for event in logged]
    view = await device.read("/resume")
    assert (texts(view["events"]), view["cursor"]) == (["Hello"], last)
    assert not any(event["kind"].startswith("state.") for event in view["events"])
    hits = (await device.post("/search", {"query": "canary-7731"})).json()["hits"]
    assert hits == []
    full = await device.read("/events?view=full&after=2")
    assert [event["body"] for event in full["events"]] == [
        {"key": "a", "value": "canary-7731"},
        {"key": "b", "value": 2},
    ]


async def test_the_last_words_are_found_behind_much_state(embedded_store: StoreWorld) -> None:
    device = embedded_store.device()
    await device.say("one")
    for batch in range(3):
        await kept(device, {f"k/{batch}/{number}": number for number in range(100)})
    await device.say("two")
    assert texts((await device.read("/resume"))["events"]) == ["one", "two"]


async def test_large_entries_come_in_several_answers(store: StoreWorld) -> None:
    device = store.device()
    values = {f"k{number}": chr(97 + number) * 240_000 for number in range(6)}
    for name, value in values.items():
        await kept(device, {name: value})
    assert await state(device) == values
    found, left = dict[str, Any](), list(values)
    rounds = 0
    while left:
        answer = (await device.post("/state/read", {"keys": left})).json()
        found |= {entry["key"]: entry["value"] for entry in answer["entries"]}
        left, rounds = answer["left"], rounds + 1
    assert (found, rounds) == (values, 2)


async def test_a_task_that_rests_keeps_what_its_agent_has_come_to_and_an_ended_one_does_not(store: StoreWorld) -> None:
    device = store.device()
    await device.post("/status", {"to": "paused", "reason": None})
    await kept(device, {"a": 1})
    await device.post("/status", {"to": "closed", "reason": None})
    assert (await keep(device, {"a": 2})).status_code == 423
    assert await state(device) == {"a": 1}


async def test_an_erased_person_leaves_keys_and_nothing_that_they_held(store: StoreWorld) -> None:
    device = store.device()
    await kept(device, {"a": "secret"})
    answer = await device.post("/erasures", {"what": "own"})
    assert answer.status_code == 202, answer.text
    (entry,) = (await device.read("/state"))["entries"]
    assert (entry["value"], entry["expired"]) == (None, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"entries": []}, 400),
        ({"keep": []}, 400),
        ({"keep": {"": 1}}, 400),
        ({"keep": {"a b": 1}}, 400),
        ({"keep": {"ä": 1}}, 400),
        ({"keep": {"a" * 256: 1}}, 400),
        ({"keep": {f"k{n}": 1 for n in range(101)}}, 400),
        ({"keep": {"a": 1}, "drop": [""]}, 400),
        ({"keep": {"a": 1}, "expect": {"a": -1}}, 400),
        ({"keep": {"a": {"password": "hunter2 hunter2"}}}, 422),
        ({"keep": {"a": "x" * 260_000}}, 413),
    ],
)
async def test_what_is_no_state_is_refused_and_nothing_is_kept(
    embedded_store: StoreWorld, body: dict[str, Any], status: int
) -> None:
    device = embedded_store.device()
    answer = await device.post("/state", body)
    assert answer.status_code == status, answer.text
    assert await state(device) == {}


@pytest.mark.parametrize(
    "query", ["?prefix=a%20b", "?after=", "?order=up", "?limit=0", "?as_of=x", "?prefix=a&prefix=b"]
)
async def test_what_is_no_question_is_refused(embedded_store: StoreWorld, query: str) -> None:
    assert (await embedded_store.device().get(f"/state{query}")).status_code == 400


async def test_a_state_that_is_asked_for_ahead_of_the_log_is_refused(embedded_store: StoreWorld) -> None:
    device = embedded_store.device()
    answers = [await device.get("/state?as_of=99"), await device.post("/state/read", {"keys": ["a"], "as_of": 99})]
    assert [(answer.status_code, answer.json()["type"]) for answer in answers] == [(409, PROBLEM + "cursor-ahead")] * 2


async def test_reading_takes_the_right_to_read_and_keeping_the_right_to_append(embedded_store: StoreWorld) -> None:
    reader = embedded_store.device(actions={"task:read", "events:read"})
    writer = embedded_store.device(actions={"task:read", "events:append"})
    assert (await keep(reader, {"a": 1})).status_code == 403
    await kept(writer, {"a": 1})
    assert (await writer.get("/state")).status_code == 403
    assert (await writer.post("/state/read", {"keys": ["a"]})).status_code == 403
    assert await state(reader) == {"a": 1}


async def test_events_of_the_state_are_the_stores_own(embedded_store: StoreWorld) -> None:
    device = embedded_store.device()
    forged = {"kind": "state.kept", "role": "agent", "body": {"key": "a", "value": 1}}
    answer = await device.post("/events", {"events": [forged]})
    assert (answer.status_code, answer.json()["type"]) == (422, PROBLEM + "reserved-kind")


async def test_an_entry_under_another_key_than_was_sealed_is_not_believed(store: StoreWorld) -> None:
    device = store.device()
    await kept(device, {"a": 1})
    moved = sa.update(tables.events).where(tables.events.c.state_key == "a").values(state_key="b")
    await store.database.write(lambda connection: connection.execute(moved).rowcount)
    assert (await device.get("/state")).status_code == 500


@pytest.mark.requirement("T9")
async def test_a_call_is_found_again_by_its_reference_on_any_device(store: StoreWorld) -> None:
    device = store.device()
    call = {"tool": "compare", "title": "Compare", "arguments": {"clause": 7}, "effect": "idempotent"}
    first = await device.post("/tool-calls", {**call, "reference": "toolu_01"})
    phone = device.after_move(2)
    again = await phone.post("/tool-calls", {**call, "title": "Compare!", "reference": "toolu_01"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["call_id"] == first.json()["call_id"]
    assert again.json()["reference"] == "toolu_01"
    other = await phone.post("/tool-calls", {**call, "arguments": {"clause": 8}, "reference": "toolu_01"})
    assert (other.status_code, other.json()["type"]) == (409, PROBLEM + "reference-taken")
    assert other.json()["call_id"] == first.json()["call_id"]
    assert [event["kind"] for event in await phone.log()].count("tool_call.proposed") == 1


@pytest.mark.requirement("T9")
async def test_of_devices_that_propose_under_one_reference_at_once_one_call_comes(store: StoreWorld) -> None:
    call = {"tool": "t", "title": "T", "arguments": {}, "effect": "pure", "reference": "one"}
    devices = [store.device() for _ in range(8)]
    answers = await asyncio.gather(*(device.post("/tool-calls", call) for device in devices))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["call_id"] for answer in answers}) == 1
    assert (
        len(list(itertools.filterfalse(lambda event: event["kind"] != "tool_call.proposed", await devices[0].log())))
        == 1
    )
