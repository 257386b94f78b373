"""Erasure: what was written is unreadable at once, gone soon, and the rest stays; nothing forgets a place."""

import asyncio
import time
from typing import Any

import pytest
import sqlalchemy as sa
from canary import CANARY, CANARY_TASK, sing
from participating import audit, join
from resource_world import OWNER, TASK, StoreWorld, event, item, texts
from rounds import rounds
from segue_resource.domain.erasure import ErasureState
from segue_resource.stores import tables
from segue_resource.stores.audit_verification import verify
from segue_resource.stores.drafts import Drafts
from segue_resource.stores.ending import content_places, erasures
from segue_resource.stores.ending.erasures import Clearing
from segue_resource.stores.keys import master_key
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.task_keys import TaskKeys

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T18")]


def keeper(store: StoreWorld) -> Keeper:
    return Keeper(master_key.load(store.settings.key_file), lambda size: bytes(range(size)))


def clearing(store: StoreWorld) -> Clearing:
    return Clearing(store.database, Drafts(store.ephemeral, keeper=keeper(store)), clock=store.clock)


async def rows(store: StoreWorld, table: sa.Table) -> list[Any]:
    return await store.database.read(lambda connection: list(connection.execute(table.select()).all()))


async def cleared(store: StoreWorld, device: Any, erasure_id: str) -> dict[str, Any]:
    """What is shown of the erasure once the server has cleared it by itself."""
    for _ in range(500):
        shown: dict[str, Any] = await device.read(f"/erasures/{erasure_id}")
        if shown["erasure"]["state"] == ErasureState.CLEARED:
            return shown
        await asyncio.sleep(0.02)
    raise AssertionError("it was never cleared")


async def opened(store: StoreWorld, task_id: str) -> list[Any]:
    """Everything sealed in the task that a living key still opens."""

    def work(connection: sa.Connection) -> list[Any]:
        keys = TaskKeys(connection, task_id, keeper=keeper(store), now=store.now)
        known = keys._all()
        living = {number for number, key in known.items() if key.key is not None}
        found = []
        for place in content_places.SEALED:
            table = place.table
            statement = sa.select(place.key_no, place.sealed).where(table.c.task_id == task_id)
            found += [row for row in connection.execute(statement) if row[0] in living and row[1]]
        return found

    return await store.database.read(work)


@pytest.mark.requirement("R32")
async def test_what_a_customer_erases_is_unreadable_in_the_answer_and_soon_gone(store: StoreWorld) -> None:
    await sing(store)
    device = store.device(task_id=CANARY_TASK)
    before = await rows(store, tables.events)
    answer = await device.post("/erasures", {"what": "own"}, key="erase")
    assert answer.status_code == 202, answer.text
    erasure = answer.json()
    assert answer.headers["Location"] == f"/tasks/{CANARY_TASK}/erasures/{erasure['erasure_id']}"
    for path in ("", "/resume", "/events", "/working-set", "/tool-calls", "/sessions", "/audit"):
        found = await device.get(path)
        assert (found.status_code, CANARY in found.text) == (200, False)
    shown = await cleared(store, device, erasure["erasure_id"])
    entries = {entry["n"]: entry for entry in await audit(device)}
    proof = entries[shown["audit"]["n"]]
    assert (proof["kind"], proof["link"]) == ("subject.erased", shown["audit"]["link"])
    assert proof["about"] == {"erasure_id": erasure["erasure_id"], "sub": OWNER, "keys": 1}
    sealed = {row.seq: row.sealed for row in await rows(store, tables.events) if row.task_id == CANARY_TASK}
    assert {seq for seq, value in sealed.items() if value} == {erasure["seq"]}
    assert len(sealed) == len([row for row in before if row.task_id == CANARY_TASK]) + 1
    assert await rows(store, tables.data_keys)
    assert len(await opened(store, CANARY_TASK)) == 2  # the event that tells of it, and the answer kept for a repeat
    again = await device.post("/erasures", {"what": "own"}, key="erase")
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (erasure, "true")
    assert (await store.database.read(lambda c: verify(c, master=keeper(store).master))).faults == []


@pytest.mark.requirement("R32")
async def test_the_words_of_others_stay_and_each_erases_their_own_alone(store: StoreWorld) -> None:
    owner, other = store.device(), await join(store)
    await owner.say("the customer's")
    await other.post("/events", {"events": [event("the other's", role="human_agent")]})
    refused = await other.post("/erasures", {})
    assert (refused.status_code, refused.json()["role"]) == (403, "human_agent")
    assert (await owner.post("/erasures", {})).status_code == 202
    assert [found["body"].get("text") for found in await owner.log() if found["kind"] == "message"] == [
        None,
        "the other's",
    ]
    await owner.say("and from now on")
    assert [found["body"].get("text") for found in await owner.log()][-1] == "and from now on"


@pytest.mark.requirement("R32")
async def test_a_whole_task_is_erased_with_what_everybody_wrote_and_nothing_is_written_afterwards(
    store: StoreWorld,
) -> None:
    owner, other = store.device(), await join(store)
    await other.post("/events", {"events": [event("the other's", role="human_agent")]})
    call_id, fence = await owner.running()
    assert (await owner.post("/erasures", {"what": "task"})).status_code == 202
    assert (await owner.read())["status"] == "erased"
    assert texts_of(await owner.log()) == []
    for answer in (
        await owner.say("too late"),
        await owner.step(call_id, "complete", fence=fence, result={"too": "late"}),
        await owner.put("late", item()),
        await owner.post("/status", {"to": "active"}),
        await other.post("/sessions", {"name": "late", "transport": "web"}),
    ):
        assert (answer.status_code, answer.json()["type"]) == (423, "urn:segue:problem:not-active")
    assert all("the other's" not in str(found) for found in await owner.log())


def texts_of(events: list[dict[str, Any]]) -> list[str]:
    return [found["body"]["text"] for found in events if "text" in found["body"]]


async def test_an_ordinary_agents_token_erases_nothing(store: StoreWorld) -> None:
    agent = store.device(actions={"task:read", "task:write", "events:append"})
    refused = await agent.post("/erasures", {})
    assert (refused.status_code, refused.json()["actions"]) == (403, ["task:erase"])


async def test_to_erase_the_person_must_have_signed_in_just_now(store: StoreWorld) -> None:
    late = store.device(auth_time=store.now - 301)
    refused = await late.post("/erasures", {})
    assert refused.status_code == 401
    assert "insufficient_user_authentication" in refused.headers["WWW-Authenticate"]
    assert (await store.device(auth_time=store.now - 299).post("/erasures", {})).status_code == 202


async def test_a_hold_keeps_everything(store: StoreWorld) -> None:
    hold = {"hold_id": "hld_1", "task_id": TASK, "kind": "legal", "placed_at": 1, "key_no": 1, "sealed": b"x"}
    await store.database.write(lambda connection: connection.execute(sa.insert(tables.holds), hold).rowcount)
    device = store.device()
    await device.say("kept")
    refused = await device.post("/erasures", {})
    assert refused.status_code == 409
    assert texts(await device.log()) == ["kept"]


async def test_a_repeat_of_a_request_whose_answer_was_erased_is_not_done_again(store: StoreWorld) -> None:
    device = store.device()
    await device.say("once", key="k")
    await device.post("/erasures", {})
    assert (await device.say("once", key="k")).status_code == 422
    assert [found["kind"] for found in await device.log()].count("message") == 1


async def test_a_draft_that_was_being_written_is_dropped(store: StoreWorld) -> None:
    device = store.device()
    draft = (await device.post("/drafts", {"role": "agent"})).json()["draft_id"]
    await device.send("PATCH", f"/drafts/{draft}", json={"offset": 0, "text": CANARY})
    erasure = (await device.post("/erasures", {})).json()
    await cleared(store, device, erasure["erasure_id"])
    assert (await device.read("/drafts"))["drafts"] == []


async def test_clearing_goes_on_where_it_was_cut_off_and_two_may_do_it_at_once(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasures, "BATCH", 3)
    await store.stop()  # the server would clear it by itself
    await store.restart()
    device = store.device()
    for number in range(10):
        await device.say(str(number), key=f"k{number}")
    stopped: list[str] = []
    clear_some = Clearing._clear_some

    async def dies(self: Clearing, place: Any, task_id: str, after: Any) -> Any:
        if place.table is tables.events and after:
            stopped.append(task_id)
            raise asyncio.CancelledError
        return await clear_some(self, place, task_id, after)

    monkeypatch.setattr(Clearing, "_clear_some", dies)
    erasure = (await device.post("/erasures", {})).json()
    with pytest.raises(asyncio.CancelledError):
        await clearing(store).clear_all()
    assert stopped
    assert sum(bool(row.sealed) for row in await rows(store, tables.events)) > 1
    monkeypatch.setattr(Clearing, "_clear_some", clear_some)
    await asyncio.gather(clearing(store).clear_all(), clearing(store).clear_all())
    assert sum(bool(row.sealed) for row in await rows(store, tables.events)) == 1
    assert (await device.read(f"/erasures/{erasure['erasure_id']}"))["erasure"]["state"] == "cleared"


async def test_a_key_that_is_made_while_it_is_erased_is_of_after_the_erasure(store: StoreWorld) -> None:
    device = store.device()
    answers = await asyncio.gather(device.post("/erasures", {}), *(device.say(f"w{n}") for n in range(8)))
    assert {answer.status_code for answer in answers} <= {201, 202}
    at = answers[0].json()["seq"]
    for found in await device.log():
        assert bool(found["body"]) == (found["seq"] >= at)


@pytest.mark.requirement("R32")
async def test_however_much_a_person_wrote_it_is_unreadable_within_five_seconds(store: StoreWorld) -> None:
    device, many = store.device(), rounds(bounded=2_000, full=1_000_000)
    await device.say("the first of many")
    (first,) = [row for row in await rows(store, tables.events) if row.seq == 2]
    numbers = [range(low, min(low + 100, many)) for low in range(3, many, 100)]
    for some in numbers:
        more = [{**first._mapping, "seq": 10**7 + seq} for seq in some]
        statement = sa.insert(tables.events).values(more)
        await store.database.write(lambda connection, new=statement: connection.execute(new).rowcount)
    began = time.perf_counter()
    assert (await device.post("/erasures", {})).status_code == 202
    print(f"{many} events of a person unreadable after {time.perf_counter() - began:.3f} s")
    assert time.perf_counter() - began < 5


def test_every_column_that_is_sealed_is_in_the_list_of_places() -> None:
    listed = {str(place.sealed) for place in content_places.SEALED}
    for table in tables.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, sa.LargeBinary):
                assert str(column) in listed | content_places.NOT_CONTENT, f"add {column} to content_places.py"
    assert all(place.key_no.table is place.table for place in content_places.SEALED)
    assert all({"task_id"} <= set(place.table.c.keys()) for place in content_places.SEALED)
