"""Search through a task's history over HTTP, without an index and with either, on both storage sets (T20)."""

import asyncio
import dataclasses
import secrets
import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from resource_world import OWNER, TASK, Device, StoreWorld, event, item
from segue_resource.domain.search import SearchMode
from segue_resource.stores import tables
from segue_resource.stores.finding import search, search_index

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T20")]


@pytest.fixture(params=list(SearchMode))
async def searched(request: pytest.FixtureRequest, store: StoreWorld) -> StoreWorld:
    """The store under one policy of search."""
    await turn(store, request.param)
    return store


async def turn(store: StoreWorld, mode: SearchMode) -> None:
    store.settings = dataclasses.replace(store.settings, search=mode)
    await store.restart()


async def ask(device: Device, query: str, **more: Any) -> dict[str, Any]:
    answer = await device.post("/search", {"query": query, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def places(device: Device, query: str) -> list[int]:
    """Where it was found, over all pages."""
    found = await ask(device, query, limit=2)
    hits = found["hits"]
    while found["next_before"] is not None:
        found = await ask(device, query, limit=2, before=found["next_before"])
        hits += found["hits"]
    return [hit["seq"] for hit in hits]


async def test_words_are_found_in_messages_items_and_tool_calls_newest_first(searched: StoreWorld) -> None:
    device = searched.device()
    await device.say("The walrus is in clause 7")
    await device.put("draft", item("Draft", body="Walrus, as agreed."))
    call_id = await device.propose(arguments={"about": ["walrus"]})
    fence = (await device.step(call_id, "claim", lease=60)).json()["fence"]
    await device.step(call_id, "start", fence=fence, lease=60)
    await device.step(call_id, "complete", fence=fence, result={"found": "no WALRUS"})
    await device.say("nothing of the kind")
    found = await ask(device, "walrus")
    assert [hit["kind"] for hit in found["hits"]] == [
        "tool_call.succeeded",
        "tool_call.proposed",
        "working_set.changed",
        "message",
    ]
    assert [(hit["item_id"], hit["call_id"]) for hit in found["hits"]] == [
        (None, call_id),
        (None, call_id),
        ("draft", None),
        (None, None),
    ]
    message = found["hits"][-1]
    assert (message["seq"], message["role"], message["actor"]["device_id"]) == (2, "agent", device.device_id)
    assert message["excerpt"] == {"text": "The walrus is in clause 7", "marks": [[4, 10]]}
    assert found["next_before"] is None
    assert await places(device, "clause 7 walrus") == [2]
    assert await places(device, "seal") == []


async def test_pages_find_each_event_once_while_the_log_grows(
    searched: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WINDOW", 4)
    monkeypatch.setattr(search, "OPENED", 8)
    monkeypatch.setattr(search, "BATCH", 5)
    device = searched.device()
    for _ in range(10):
        await device.post("/events", {"events": [event("walrus" if n % 3 == 0 else "seal") for n in range(4)]})
    expected = [kept["seq"] for kept in await device.log() if kept["body"].get("text") == "walrus"][::-1]
    assert len(expected) == 20
    assert await places(device, "walrus") == expected
    await device.say("a late walrus")
    assert await places(device, "walrus") == [expected[0] + 1, *expected]


async def test_what_an_ordinary_reader_is_spared_is_not_found(searched: StoreWorld) -> None:
    device = searched.device()
    for text in ("a walrus", "a second walrus", "a seal"):
        await device.say(text)
    assert await places(device, "walrus") == [3, 2]
    compacted = await device.post("/compactions", {"from_seq": 1, "to_seq": 3, "summary": "Animals were named."})
    assert compacted.status_code == 201, compacted.text
    assert await places(device, "walrus") == []
    assert await places(device, "seal") == [4]


@pytest.mark.requirement("T13")
async def test_a_fork_finds_what_was_before_it_and_nothing_that_the_other_wrote_since(searched: StoreWorld) -> None:
    device = searched.device()
    await device.put("draft", item("Draft", body="A walrus."))
    forked = await device.post("/forks", {"name": "Another way"})
    assert forked.status_code == 201, forked.text
    fork = searched.device(task_id=forked.json()["task_id"])
    await device.say("a second walrus")
    await fork.say("a walrus of its own")
    own = (await fork.log())[-1]["seq"]
    assert await places(fork, "walrus") == [own, 2]
    assert await places(fork, "second") == []
    assert await places(device, "own") == []
    assert await places(device, "walrus") == [4, 2]


@pytest.mark.parametrize("mode", list(SearchMode))
async def test_another_task_is_never_searched(store: StoreWorld, mode: SearchMode) -> None:
    await turn(store, mode)
    await store.begin("tsk_other")
    other = store.device(task_id="tsk_other")
    await other.say("a walrus")
    assert await places(other, "walrus") == [2]
    await store.device().say("a seal")
    assert await places(store.device(), "walrus") == []


async def test_the_beginning_of_a_word_is_found_unless_the_index_is_blind(searched: StoreWorld) -> None:
    device = searched.device()
    await device.say("a walrus")
    await ask(device, "walrus")
    answer = await device.post("/search", {"query": "walr*"})
    if searched.settings.search is SearchMode.BLIND:
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:segue:problem:no-beginnings")
    else:
        assert [hit["seq"] for hit in answer.json()["hits"]] == [2]


async def test_what_cannot_be_searched_for_is_refused(searched: StoreWorld) -> None:
    device = searched.device()
    refused = [
        ({"query": "!?"}, 422),
        ({"query": ""}, 400),
        ({"query": "x" * 201}, 400),
        ({"query": "walrus", "limit": 0}, 400),
        ({"query": "walrus", "before": 0}, 400),
        ({"query": "walrus", "before": 1000}, 409),
        ({"query": '"walrus" OR 1', "limit": 5}, 200),
        ({"query": "'); DROP TABLE tasks; --"}, 200),
        ({"query": "walrus NEAR(a b) ^ : & | ! \\ \u0000 \ud7ff"}, 200),
    ]
    for content, status in refused:
        assert (await device.post("/search", content)).status_code == status, content
    half = searched.device(actions={"events:read", "task:read"})
    assert (await half.post("/search", {"query": "walrus"})).status_code == 403


@pytest.mark.requirement("T18")
async def test_a_blind_index_has_no_word_and_two_tasks_spell_one_word_differently(store: StoreWorld) -> None:
    await turn(store, SearchMode.BLIND)
    await store.begin("tsk_other")
    for task_id in (TASK, "tsk_other"):
        await store.device(task_id=task_id).say("walrus")
        assert await places(store.device(task_id=task_id), "walrus") == [2]
    rows = await store.database.read(documents)
    assert all("walrus" not in row.terms for row in rows)
    spelled = [set(row.terms.split()) for row in rows if row.seq == 2]
    assert [len(terms) for terms in spelled] == [2, 2]
    assert not spelled[0] & spelled[1]


@pytest.mark.requirement("T18", "R32")
async def test_words_of_whoever_is_erased_are_found_no_more(searched: StoreWorld) -> None:
    device = searched.device()
    await device.say("a walrus")
    assert await places(device, "walrus") == [2]
    destroyed = sa.update(tables.data_keys).where(tables.data_keys.c.sub == OWNER).values(wrapped=None, destroyed_at=1)
    await searched.database.write(lambda connection: connection.execute(destroyed).rowcount)
    await searched.restart()
    assert await places(device, "walrus") == []
    await searched.database.write(lambda connection: search_index.forget(connection, TASK, sub=OWNER))
    assert await searched.database.read(documents) == []


@pytest.mark.requirement("T18")
async def test_an_erasure_waits_for_words_that_are_being_indexed(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it could clear the index a moment before they are added."""
    await turn(store, SearchMode.READABLE)
    device = store.device()
    await device.say("a walrus")
    opening, go_on = threading.Event(), threading.Event()
    opened = search._opened

    def slowly(*named: Any) -> Any:
        opening.set()
        assert go_on.wait(20)
        return opened(*named)

    monkeypatch.setattr(search, "_opened", slowly)
    destroyed = sa.update(tables.data_keys).where(tables.data_keys.c.sub == OWNER).values(wrapped=None, destroyed_at=1)
    searching = asyncio.create_task(ask(device, "walrus"))
    assert await asyncio.to_thread(opening.wait, 20)
    erasing = asyncio.create_task(store.database.write(lambda connection: connection.execute(destroyed).rowcount))
    done, _ = await asyncio.wait({erasing}, timeout=0.3)
    go_on.set()
    assert not done
    assert await erasing == 1
    await searching


async def test_another_policy_never_answers_from_the_index_of_the_one_before(store: StoreWorld) -> None:
    device = store.device()
    await device.say("a walrus")
    for mode in (SearchMode.READABLE, SearchMode.BLIND, SearchMode.SCAN, SearchMode.READABLE):
        await turn(store, mode)
        assert await places(device, "walrus") == [2]
        rows = await store.database.read(documents)
        if mode is not SearchMode.SCAN:
            assert any("walrus" in row.terms for row in rows) is (mode is SearchMode.READABLE)


async def test_of_two_processes_that_index_at_once_one_does_it(store: StoreWorld) -> None:
    device = store.device()
    await device.say("a walrus")

    def index(connection: sa.Connection) -> search_index.SearchIndex:
        return search_index.SearchIndex(connection, TASK, mode=SearchMode.READABLE, begins=0, keys={})

    one = search_index.Document(2, OWNER, frozenset({"walrus"}))
    add: Callable[[sa.Connection], bool] = lambda connection: index(connection).advance([one], before=0, after=2)  # noqa: E731
    again: Callable[[sa.Connection], bool] = lambda connection: index(connection).advance([one], before=1, after=2)  # noqa: E731
    assert await store.database.write(add)
    assert not await store.database.write(again)
    assert await store.database.read(lambda connection: index(connection).through()) == 2
    assert len(await store.database.read(documents)) == 1


async def test_the_index_opens_what_it_names_and_not_the_whole_log(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await turn(store, SearchMode.BLIND)
    device = store.device()
    await device.say("a walrus")
    for _ in range(5):
        await device.post("/events", {"events": [event(secrets.token_hex(4)) for _ in range(100)]})
    await ask(device, "walrus")
    monkeypatch.setattr(search, "OPENED", 3)
    found = await ask(device, "walrus")
    assert [hit["seq"] for hit in found["hits"]] == [2]
    await turn(store, SearchMode.SCAN)
    found = await ask(device, "walrus")
    assert (found["hits"], found["next_before"]) == ([], 500)


def documents(connection: sa.Connection) -> list[Any]:
    return list(connection.execute(tables.search_documents.select()).all())
