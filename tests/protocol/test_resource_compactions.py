"""Two tiers: what was said can be told in fewer words, what was found out and decided stays, and nothing is lost."""

import asyncio
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from participating import join
from resource_world import TASK, Device, StoreWorld, event, item, texts
from segue.authority import ACTIONS
from segue_resource.stores import tables
from segue_resource.stores.history import compactions

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio


async def talk(device: Device, count: int) -> int:
    """Messages `0`, `1`, ...; the number of the last event."""
    answer = await device.post("/events", {"events": [event(str(n)) for n in range(count)]})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["last"])


async def compact(device: Device, to_seq: int, summary: str = "They counted.", **more: Any) -> httpx2.Response:
    return await device.post("/compactions", {"to_seq": to_seq, "summary": summary, **more})


async def everything(device: Device, *, limit: int = 1000) -> list[dict[str, Any]]:
    """The full view, from the beginning."""
    events: list[dict[str, Any]] = []
    page: dict[str, Any] = {"next_after": 0, "head": 1}
    while page["next_after"] < page["head"]:
        page = await device.read(f"/events?view=full&after={page['next_after']}&limit={limit}")
        events += page["events"]
    return events


def fact(item_id: str = "cap", *, source_seq: int = 3, **members: Any) -> dict[str, Any]:
    return {"item_id": item_id, "type": "fact", "title": "The cap is 2 million", "source_seq": source_seq, **members}


@pytest.mark.requirement("T10", "R20", "R28")
async def test_a_reader_from_the_beginning_gets_the_summary_in_place_of_the_words(store: StoreWorld) -> None:
    device = store.device()
    await talk(device, 30)
    answer = await compact(device, 21, "They counted to twenty.")
    assert (answer.status_code, answer.json()["by_seq"], answer.json()["events"]) == (201, 32, 20)
    page = await device.read("/events")
    assert [found["seq"] for found in page["events"]] == [1, *range(22, 33)]  # 1 says that the task was made
    told = {"from_seq": 1, "to_seq": 21, "by_seq": 32, "why": "compacted", "summary": "They counted to twenty."}
    assert page["elided"] == [told]
    assert (page["next_after"], page["head"]) == (32, 32)
    assert texts((await device.read("/resume"))["events"]) == [str(n) for n in range(20, 30)]


@pytest.mark.requirement("T10", "T7")
async def test_no_event_that_is_not_hidden_is_ever_skipped_whatever_the_cursor_and_the_page(store: StoreWorld) -> None:
    device = store.device()
    await talk(device, 12)
    await device.propose()
    await talk(device, 12)
    await compact(device, 20)
    visible = [found["seq"] for found in (await device.read("/events"))["events"]]
    assert visible == [1, 14, *range(21, 28)]  # 14 is the tool call
    for limit in (1, 2, 5, 1000):
        for start in range(27):
            seen, after = [], start
            while after < 27:
                page = await device.read(f"/events?after={after}&limit={limit}")
                assert page["events"]
                assert page["next_after"] > after
                seen += [found["seq"] for found in page["events"]]
                after = page["next_after"]
            assert seen == [seq for seq in visible if seq > start]


@pytest.mark.requirement("T10", "R21")
async def test_what_the_store_wrote_and_facts_and_decisions_of_callers_are_never_hidden(store: StoreWorld) -> None:
    device = store.device()
    await device.post("/sessions", {"name": "Desktop", "transport": "web"})
    await device.put("draft", item())
    call_id, fence = await device.running()
    await device.step(call_id, "complete", fence=fence, result=1)
    for kind in ("fact", "decision.made", "thought"):
        await device.post("/events", {"events": [{"kind": kind, "role": "agent", "body": {"text": kind}}]})
    before = await device.log()
    calls, items = await device.read("/tool-calls"), await device.read("/working-set")
    audit = (await device.read("/audit"))["entries"]
    await compact(device, before[-1]["seq"])
    shown = (await device.read("/events"))["events"]
    assert [found for found in before if found not in shown] == [before[-1]]
    assert before[-1]["kind"] == "thought"
    assert await device.read("/tool-calls") == calls
    assert await device.read("/working-set") == items
    assert (await device.read("/audit"))["entries"][: len(audit)] == audit


@pytest.mark.requirement("T10", "R21")
async def test_no_event_row_is_touched_and_the_full_view_shows_all_of_them_marked(store: StoreWorld) -> None:
    device = store.device()
    await talk(device, 10)
    before, rows = await device.log(), await _rows(store)
    by_seq = (await compact(device, 8)).json()["by_seq"]
    assert (await _rows(store))[: len(rows)] == rows
    full = await everything(device, limit=3)
    assert [found["seq"] for found in full] == list(range(1, 13))
    marked = {found["seq"]: found.pop("elided_by") for found in full if "elided_by" in found}
    assert marked == dict.fromkeys(range(2, 9), by_seq)
    assert full[:11] == before


@pytest.mark.requirement("T10", "T17")
async def test_the_full_view_takes_the_right_to_the_audit(store: StoreWorld) -> None:
    await talk(store.device(), 3)
    answer = await store.device(actions=ACTIONS - {"audit:read"}).get("/events?view=full")
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    for query in ("view=all", "view=", "view=full&view=full"):
        assert (await store.device().get(f"/events?{query}")).status_code == 400, query
    stream = await store.device().get("/events?view=full", headers={"Accept": "text/event-stream"})
    assert stream.status_code == 400


@pytest.mark.requirement("T10", "R21")
async def test_facts_come_with_the_summary_or_not_at_all(store: StoreWorld) -> None:
    device = store.device()
    last = await talk(device, 8)
    answer = await compact(device, last, facts=[fact(), fact("court", type="decision", title="Munich", body="7.2")])
    assert answer.json()["items"] == ["cap", "court"]
    items = {found["item_id"]: found for found in (await device.read("/working-set"))["items"]}
    assert [(items[name]["type"], items[name]["source_seq"]) for name in ("cap", "court")] == [
        ("fact", 3),
        ("decision", 3),
    ]
    last = await talk(device, 8)
    head = (await device.read())["head"]
    taken = await compact(device, last, facts=[fact("new"), fact("cap")])
    assert (taken.status_code, taken.json()["current"]["item_id"]) == (412, "cap")
    ahead = await compact(device, last, facts=[fact("new", source_seq=head + 1)])
    assert (ahead.status_code, ahead.json()["type"]) == (409, "urn:segue:problem:cursor-ahead")
    assert (await device.read())["head"] == head
    assert {found["item_id"] for found in (await device.read("/working-set"))["items"]} == {"cap", "court"}
    assert len((await device.read("/compactions"))["compactions"]) == 1


@pytest.mark.requirement("T10", "T3")
async def test_an_item_keeps_the_place_it_was_drawn_from_when_it_is_patched(store: StoreWorld) -> None:
    device = store.device()
    last = await talk(device, 3)
    created = await device.put("cap", {**item(), "source_seq": last})
    assert created.json()["source_seq"] == last
    headers = {"If-Match": '"1"', "Content-Type": "application/merge-patch+json"}
    patched = await device.send("PATCH", "/working-set/cap", content=b'{"title":"New"}', headers=headers)
    assert (patched.json()["title"], patched.json()["source_seq"]) == ("New", last)
    ahead = await device.put("other", {**item(), "source_seq": last + 10})
    assert (ahead.status_code, ahead.json()["type"]) == (409, "urn:segue:problem:cursor-ahead")


@pytest.mark.requirement("T10")
async def test_of_compactions_that_race_for_one_range_one_wins(store: StoreWorld) -> None:
    devices = [store.device() for _ in range(4)]
    last = await talk(devices[0], 20)
    for device in devices:
        await device.get()
    answers = await asyncio.gather(
        *(compact(device, last - n, f"by {n}", from_seq=2) for n, device in enumerate(devices))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    refused = next(answer.json() for answer in answers if answer.status_code == 409)
    won = next(answer.json() for answer in answers if answer.status_code == 201)
    assert refused["type"] == "urn:segue:problem:overlaps"
    assert (refused["from_seq"], refused["to_seq"]) == (2, won["to_seq"])
    assert len((await devices[0].read("/compactions"))["compactions"]) == 1


@pytest.mark.requirement("T10")
@pytest.mark.parametrize(("from_seq", "to_seq"), [(6, 9), (2, 5), (4, 4), (2, 10), (10, 12), (11, 20)])
async def test_a_compaction_takes_another_in_whole_or_leaves_it_alone(
    store: StoreWorld, from_seq: int, to_seq: int
) -> None:
    device = store.device()
    await talk(device, 30)
    await compact(device, 10, from_seq=3)
    answer = await compact(device, to_seq, from_seq=from_seq)
    apart = to_seq < 3 or from_seq > 10 or (from_seq <= 3 and to_seq >= 10)
    assert answer.status_code == (201 if apart else 409), answer.text


@pytest.mark.requirement("T10", "R28")
async def test_a_summary_of_summaries_takes_their_place(store: StoreWorld) -> None:
    device = store.device()
    await talk(device, 30)
    first = (await compact(device, 10, "one")).json()["by_seq"]
    second = (await compact(device, 20, "two")).json()["by_seq"]
    assert [told["summary"] for told in (await device.read("/events"))["elided"]] == ["one", "two"]
    third = (await compact(device, 25, "all", from_seq=1)).json()["by_seq"]
    assert [told["summary"] for told in (await device.read("/events"))["elided"]] == ["all"]
    listed = (await device.read("/compactions"))["compactions"]
    assert [(found["by_seq"], found["folded_into"]) for found in listed] == [
        (third, None),
        (second, third),
        (first, third),
    ]
    assert listed[0]["events"] == 24 - 19 + 0  # those that the two had not told


@pytest.mark.requirement("T10")
async def test_bad_ranges_are_refused(store: StoreWorld) -> None:
    device = store.device()
    head = await talk(device, 10)
    for told, status, slug in [
        ({"to_seq": head + 1}, 409, "cursor-ahead"),
        ({"to_seq": 3, "from_seq": 4}, 400, "invalid-request"),
        ({"to_seq": 0}, 400, "invalid-request"),
        ({"to_seq": 1}, 409, "nothing-to-compact"),
        ({"to_seq": 3, "summary": ""}, 400, "invalid-request"),
        ({"to_seq": 3, "summary": "x" * 16_001}, 400, "invalid-request"),
        ({"to_seq": 3, "facts": [fact(type="output")]}, 400, "invalid-request"),
    ]:
        answer = await device.post("/compactions", {"summary": "s", **told})
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:segue:problem:{slug}"), told
    assert (await device.read())["head"] == head
    await compact(device, 6)
    again = await compact(device, 6)
    assert (again.status_code, again.json()["type"]) == (409, "urn:segue:problem:overlaps")


@pytest.mark.requirement("T10")
async def test_compacting_takes_the_rights_to_append_and_to_write_the_working_set(store: StoreWorld) -> None:
    last = await talk(store.device(), 5)
    for missing in ("events:append", "working_set:write"):
        answer = await compact(store.device(actions=ACTIONS - {missing}), last)
        assert answer.status_code == 403
    assert (await compact(store.device(actions={"events:append", "working_set:write"}), last)).status_code == 201


@pytest.mark.requirement("T10", "T11")
async def test_a_repeated_compaction_is_answered_like_the_first(store: StoreWorld) -> None:
    device = store.device()
    last = await talk(device, 5)
    told = {"to_seq": last, "summary": "s", "facts": [fact()]}
    first, again = [await device.post("/compactions", told, key="k1") for _ in range(2)]
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.requirement("T10", "T7")
async def test_a_follower_hears_of_the_compaction_and_a_late_one_is_told_of_the_range(store: StoreWorld) -> None:
    device = store.device()
    last = await talk(device, 8)
    async with device.follow(last_event_id=last) as live:
        await live.start()
        await compact(device, 6, "They counted.")
        (heard,) = await live.events(1)
    assert (heard["kind"], heard["body"]["summary"]) == ("log.compacted", "They counted.")
    assert (heard["body"]["from_seq"], heard["body"]["to_seq"]) == (1, 6)
    async with device.follow(last_event_id=0) as late:
        await late.start()
        blocks = [await late.block() for _ in range(7)][1:]  # the first says when to come back
    assert [block.get("id", block.get("event")) for block in blocks] == ["elided", "1", "7", "8", "9", "10"]
    assert '"summary":"They counted."' in blocks[0]["data"]


@pytest.mark.requirement("T10")
async def test_a_long_hidden_range_is_one_page(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segue_resource.stores.events.WINDOW", 7)
    device = store.device()
    last = 0
    for _ in range(3):
        last = await talk(device, 100)
    await compact(device, last)
    page = await device.read("/events?after=1&limit=10")
    assert [found["kind"] for found in page["events"]] == ["log.compacted"]
    assert page["next_after"] == page["head"] == last + 1


@pytest.mark.requirement("T10", "T17", "T18")
async def test_a_summary_is_sealed_for_everybody_whose_words_it_tells(store: StoreWorld) -> None:
    device, guest = store.device(), await join(store)
    await talk(device, 3)
    await guest.post("/events", {"events": [event("from the office", role="human_agent")]})
    last = (await device.read())["head"]
    by_seq = (await compact(device, last, "A secret summary")).json()["by_seq"]
    found = await store.database.read(lambda connection: compactions.compactions_covering(connection, "usr_other"))
    assert [(one.task_id, one.by_seq) for one in found] == [(TASK, by_seq)]
    keys = tables.data_keys
    destroy = sa.update(keys).where(keys.c.task_id == TASK, keys.c.key_no == found[0].key_no).values(wrapped=None)
    await store.database.write(lambda connection: connection.execute(destroy).rowcount)
    assert (await device.read("/events"))["elided"][0]["summary"] is None
    assert (await device.read("/compactions"))["compactions"][0]["summary"] is None
    assert texts(await everything(device)) == ["0", "1", "2", "from the office"]  # under keys of their own
    entries = (await device.read("/audit"))["entries"]
    (about,) = [entry["about"] for entry in entries if entry["kind"] == "log.compacted"]
    assert about == {"from_seq": 1, "to_seq": last, "by": "caller"}


async def _rows(store: StoreWorld) -> list[Any]:
    every = sa.select(tables.events).order_by(tables.events.c.seq)
    return await store.database.read(lambda connection: [tuple(row) for row in connection.execute(every)])
