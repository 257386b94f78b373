"""The store compacts by itself: old detail becomes a summary, recent detail stays, and whoever was faster wins."""

from typing import Any

import pytest
import sqlalchemy as sa
from resource_world import Device, StoreWorld, event, item
from segue_resource.domain.compaction import FOLD, NEVER, Thresholds
from segue_resource.domain.summary import Material
from segue_resource.key_files import load_master_key
from segue_resource.stores import tables
from segue_resource.stores.history.compacting import Compacting
from segue_resource.stores.keys.task_keys import Keeper

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio


def compacting(store: StoreWorld, thresholds: Thresholds, writer: Any = None) -> Compacting:
    master = load_master_key(store.settings, random=bytes)
    keeper = Keeper(master, lambda n: bytes(range(n)))
    policy = lambda _: thresholds  # noqa: E731
    return Compacting(store.database, store.ephemeral, keeper=keeper, clock=store.clock, policy=policy, writer=writer)


async def talk(device: Device, count: int, role: str = "agent") -> None:
    answer = await device.post("/events", {"events": [event(str(n), role=role) for n in range(count)]})
    assert answer.status_code == 201, answer.text


async def listed(device: Device) -> list[dict[str, Any]]:
    return list((await device.read("/compactions"))["compactions"])


@pytest.mark.requirement("T10", "R28")
async def test_what_is_old_is_told_in_counts_and_titles_and_what_is_recent_stays(store: StoreWorld) -> None:
    device = store.device()
    await talk(device, 10, "customer")
    await device.put("court", item("The court is Munich"))
    await talk(device, 60)
    chore = compacting(store, Thresholds(events=50, keep=20))
    assert await chore.compact_all() == 1
    assert await chore.compact_all() == 0
    page = await device.read("/events")
    assert [found["seq"] for found in page["events"]] == [1, 12, *range(53, 74)]  # 12 says what was decided
    assert page["elided"][0]["summary"] == (
        "On 2027-01-15, events 1 to 52: 10 events are the customer's, 40 are an agent's."
        " One decision was written down: The court is Munich."
    )
    (told,) = await listed(device)
    assert (told["by"], told["actor"]["sub"], told["from_seq"], told["to_seq"]) == ("store", "segue:store", 1, 52)
    assert (await device.read())["head"] == 73


@pytest.mark.requirement("T10")
@pytest.mark.parametrize(
    ("thresholds", "later", "due"),
    [
        (NEVER, 10**6, False),
        (Thresholds(events=41, keep=20), 0, False),
        (Thresholds(events=40, keep=20), 0, True),
        (Thresholds(bytes=10_000, keep=20), 0, False),
        (Thresholds(bytes=400, keep=20), 0, True),
        (Thresholds(age=3600, keep=20), 3599, False),
        (Thresholds(age=3600, keep=20), 3600, True),
        (Thresholds(events=20, keep=41), 0, False),  # too little is left beside what stays
    ],
)
async def test_events_bytes_and_age_say_when(
    tmp_path: Any, thresholds: Thresholds, later: int, due: bool, embedded_store: StoreWorld
) -> None:
    device = embedded_store.device()
    await talk(device, 60)  # and the event that says that the task was made
    embedded_store.now += later
    assert await compacting(embedded_store, thresholds).compact_all() == int(due)


@pytest.mark.requirement("T10", "R28")
async def test_many_summaries_become_one_of_the_next_level(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segue_resource.stores.history.compacting.PORTION", 25)
    device = store.device()
    for _ in range(3):
        await talk(device, 80)
    chore = compacting(store, Thresholds(events=20, keep=20))
    assert await chore.compact_all() == FOLD + 2
    last, folded, *inner = await listed(device)
    assert [(told["from_seq"], told["to_seq"]) for told in (folded, last)] == [(1, 200), (201, 225)]
    assert {told["folded_into"] for told in inner} == {folded["by_seq"]}
    assert folded["summary"].count("\n") == FOLD - 1
    assert [told["by_seq"] for told in (await device.read("/events?limit=1000"))["elided"]] == [
        folded["by_seq"],
        last["by_seq"],
    ]


@pytest.mark.requirement("T10")
@pytest.mark.parametrize("meanwhile", ["append", "compact", "erase"])
async def test_whatever_happens_while_the_summary_is_written_wins(store: StoreWorld, meanwhile: str) -> None:
    device = store.device()
    await talk(device, 60)
    asked: list[Material] = []

    async def slowly(material: Material) -> str:
        """Nothing is held: another request goes through."""
        asked.append(material)
        if meanwhile == "append":
            await talk(device, 5)
        elif meanwhile == "compact":
            answer = await device.post("/compactions", {"to_seq": 30, "summary": "by an agent"})
            assert answer.status_code == 201
        else:
            keys = sa.update(tables.data_keys).values(wrapped=None)
            await store.database.write(lambda connection: connection.execute(keys).rowcount)
        return "  By the model.  "

    made = await compacting(store, Thresholds(events=30, keep=20), slowly).compact_all()
    assert [said.body["text"] for said in asked[0].said] == [str(n) for n in range(40)]
    assert (asked[0].from_seq, asked[0].to_seq, asked[0].summaries) == (1, 41, [])
    told = [(one["by"], one["summary"], one["to_seq"]) for one in await listed(device)]
    wins = {"append": [("deployment", "By the model.", 41)], "compact": [("caller", "by an agent", 30)], "erase": []}
    assert (made, told) == (len(wins[meanwhile]) if meanwhile == "append" else 0, wins[meanwhile])


@pytest.mark.requirement("T10")
@pytest.mark.parametrize("answer", ["", "x" * 16_001, None])
async def test_a_writer_that_fails_leaves_everything_in_detail(store: StoreWorld, answer: str | None) -> None:
    device = store.device()
    await talk(device, 60)
    before = await device.log()

    async def badly(_: Material) -> str:
        if answer is None:
            raise RuntimeError("no model today")
        return answer

    assert await compacting(store, Thresholds(events=30, keep=20), badly).compact_all() == 0
    assert await device.log() == before


@pytest.mark.requirement("T10", "T12")
async def test_what_was_taken_back_is_not_told(store: StoreWorld) -> None:
    device = store.device()
    await talk(device, 10)
    wrong = await device.post("/events", {"events": [event("the wrong court")]})
    seq = wrong.json()["first"]
    elided = {"task_id": "tsk_contract", "from_seq": seq, "to_seq": seq, "by_seq": 1, "why": "corrected"}
    await store.database.write(lambda connection: connection.execute(sa.insert(tables.elisions), elided).rowcount)
    await talk(device, 50)
    asked: list[Material] = []

    async def write(material: Material) -> str:
        asked.append(material)
        return "s"

    assert await compacting(store, Thresholds(events=30, keep=20), write).compact_all() == 1
    assert "the wrong court" not in str(asked)
