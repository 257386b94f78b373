"""LangGraph's store over a task: what an agent remembers beside its threads."""

from typing import Any

import pytest
from adapters.graphs import ASKED
from journey import Journey
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore, GetOp, PutOp, SearchOp
from segue_adapters.langgraph import TaskMoved, TaskStore
from segue_client.grant import Grant
from segue_client.task_state import TaskState

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]

PEOPLE = ("people", "Ngozi Adeyemi")


def store_of(journey: Journey, grant: Grant, **how: Any) -> TaskStore:
    return TaskStore(TaskState(grant, store=journey.site.store), **how)


@pytest.fixture
async def store(journey: Journey) -> TaskStore:
    return store_of(journey, await journey.begin())


async def remembered(store: BaseStore, *prefix: str, **how: Any) -> list[str]:
    return [item.key for item in await store.asearch(prefix, **how)]


async def test_an_item_is_kept_replaced_and_deleted(store: TaskStore) -> None:
    await store.aput(PEOPLE, "likes", {"food": "jollof"})
    first = await store.aget(PEOPLE, "likes")
    assert first is not None
    await store.aput(PEOPLE, "likes", {"food": "egusi"})
    second = await store.aget(PEOPLE, "likes")
    assert second is not None
    assert (second.namespace, second.key, second.value) == (PEOPLE, "likes", {"food": "egusi"})
    assert second.created_at == first.created_at <= second.updated_at
    await store.adelete(PEOPLE, "likes")
    assert await store.aget(PEOPLE, "likes") is None
    assert await store.aget(("people",), "likes") is None


async def test_a_search_is_for_a_namespace_and_below_with_a_filter_a_limit_and_an_offset(store: TaskStore) -> None:
    for number in range(4):
        await store.aput((*PEOPLE, "facts"), f"fact {number}", {"weight": number, "of": {"kind": "food"}})
    await store.aput(("people",), "above", {"weight": 9})
    await store.aput(("people!",), "beside", {"weight": 9})
    facts = {f"fact {number}" for number in range(4)}
    assert set(await remembered(store, *PEOPLE)) == facts
    assert set(await remembered(store, "people")) == {*facts, "above"}
    assert len(await remembered(store)) == 6
    assert await remembered(store, *PEOPLE, filter={"weight": 2}) == ["fact 2"]
    assert set(await remembered(store, *PEOPLE, filter={"weight": {"$gte": 1, "$lt": 3}})) == {"fact 1", "fact 2"}
    assert set(await remembered(store, "people", filter={"weight": {"$gt": 2}})) == {"fact 3", "above"}
    assert await remembered(store, "people", filter={"of": {"$eq": None}}) == ["above"]
    assert set(await remembered(store, *PEOPLE, filter={"of": {"kind": "food"}, "weight": {"$ne": 0}})) == facts - {
        "fact 0"
    }
    assert await remembered(store, *PEOPLE, filter={"weight": {"$lte": "much"}}) == []
    pages = [await remembered(store, *PEOPLE, limit=3, offset=offset) for offset in (0, 3)]
    assert ([len(page) for page in pages], {name for page in pages for name in page}) == ([3, 1], facts)
    assert set(await remembered(store, *PEOPLE, query="what do they eat")) == facts
    with pytest.raises(ValueError, match="no operator"):
        await remembered(store, *PEOPLE, filter={"weight": {"$near": 2}})


async def test_namespaces_are_listed_by_prefix_suffix_and_depth(store: TaskStore) -> None:
    there = [("a", "b", "d", "e"), ("a", "b", "d", "i"), ("a", "b", "f"), ("a", "c", "f"), ("b", "a", "f")]
    for namespace in there:
        await store.aput(namespace, "one", {})
        await store.aput(namespace, "two", {})
    assert await store.alist_namespaces() == there
    assert await store.alist_namespaces(prefix=("a", "b")) == there[:3]
    assert await store.alist_namespaces(prefix=("a", "*", "f")) == there[2:4]
    assert await store.alist_namespaces(suffix=("f",)) == there[2:]
    assert await store.alist_namespaces(prefix=("a",), suffix=("c", "f")) == [("a", "c", "f")]
    assert await store.alist_namespaces(prefix=("a", "b"), max_depth=3) == [("a", "b", "d"), ("a", "b", "f")]
    assert await store.alist_namespaces(limit=2, offset=1) == there[1:3]
    assert await store.alist_namespaces(prefix=("a", "b", "f", "g")) == []


async def test_deep_namespaces_and_any_words_are_kept_apart_and_out_of_keys(journey: Journey) -> None:
    grant = await journey.begin()
    store = store_of(journey, grant)
    deep = tuple(f"level {number}/é" for number in range(20))
    await store.aput(deep, "Ngozi's key", {"at": "the end"})
    await store.aput(deep[:-1], "Ngozi's key", {"at": "above"})
    assert [item.value for item in await store.asearch(deep)] == [{"at": "the end"}]
    assert len(await store.asearch(deep[:12])) == 2
    keys = [entry.key async for entry in TaskState(grant, store=journey.site.store).scan("langgraph/")]
    assert len(keys) == 2
    assert not any("level" in name or "Ngozi" in name for name in keys)


async def test_a_batch_reads_what_was_there_before_and_writes_what_was_said_last(store: TaskStore) -> None:
    await store.aput(PEOPLE, "likes", {"n": 1})
    put = [PutOp(PEOPLE, "likes", {"n": 2}), PutOp(PEOPLE, "likes", {"n": 3}), PutOp(PEOPLE, "gone", None)]
    got, *_, found = await store.abatch([GetOp(PEOPLE, "likes"), *put, SearchOp(PEOPLE)])
    assert got.value == {"n": 1}  # type: ignore[union-attr] # of all that a batch may answer, this is an item
    assert [item.value for item in found] == [{"n": 1}]  # type: ignore[union-attr] # and this a list of them
    assert [item.value for item in await store.asearch(PEOPLE)] == [{"n": 3}]


async def test_an_item_is_gone_when_its_time_is_over_unless_it_was_read(journey: Journey) -> None:
    moment = 1_000_000
    store = store_of(journey, await journey.begin(), clock=lambda: moment)
    for name in ("read", "looked at", "unread"):
        await store.aput(PEOPLE, name, {}, ttl=10)
    await store.aput(PEOPLE, "lasting", {})
    moment += 9 * 60
    assert await store.aget(PEOPLE, "read") is not None
    assert await store.aget(PEOPLE, "looked at", refresh_ttl=False) is not None
    moment += 60
    assert set(await remembered(store, *PEOPLE, refresh_ttl=False)) == {"read", "lasting"}
    assert await store.aget(PEOPLE, "unread") is None
    assert await store.sweep_ttl() == 2
    moment += 9 * 60
    assert await store.alist_namespaces() == [PEOPLE]
    assert await remembered(store, *PEOPLE) == ["lasting"]


async def test_reading_an_item_does_not_undo_what_another_device_writes_meanwhile(journey: Journey) -> None:
    grant = await journey.begin()
    other = store_of(journey, grant)
    await other.aput(PEOPLE, "likes", {"food": "jollof"}, ttl=10)

    class Slow(TaskState):
        async def keep(self, entries: Any, **how: Any) -> int:
            await other.aput(PEOPLE, "likes", {"food": "egusi"}, ttl=10)
            return await super().keep(entries, **how)

    read = await TaskStore(Slow(grant, store=journey.site.store)).aget(PEOPLE, "likes")
    assert read is not None
    now = await other.aget(PEOPLE, "likes")
    assert now is not None
    assert (read.value, now.value) == ({"food": "jollof"}, {"food": "egusi"})


async def test_a_graph_remembers_at_the_next_device_and_no_longer_at_the_first(journey: Journey) -> None:
    async def remember(state: MessagesState, runtime: Runtime) -> dict[str, Any]:
        assert runtime.store is not None
        await runtime.store.aput(PEOPLE, str(len(state["messages"])), {"said": state["messages"][-1].content})
        return {}

    graph = StateGraph(MessagesState)
    graph.add_node("remember", remember)
    graph.add_edge(START, "remember")
    desktop = await journey.begin()
    await graph.compile(store=store_of(journey, desktop)).ainvoke(ASKED)
    await store_of(journey, desktop).aput(PEOPLE, "for now", {}, ttl=60)
    phone = await journey.hand_over(desktop)
    assert set(await remembered(store_of(journey, phone), "people")) == {"1", "for now"}
    assert await store_of(journey, desktop).aget(PEOPLE, "for now") is not None
    with pytest.raises(TaskMoved):
        await graph.compile(store=store_of(journey, desktop)).ainvoke(ASKED)
