"""LangGraph's checkpointer over a task: the published conformance tests, and what graphs do with it."""

import asyncio
import json
import operator
import re
from collections.abc import AsyncGenerator
from itertools import chain
from typing import Annotated, Any, TypedDict

import pytest
from adapters.graphs import calling
from clients_place import Place
from journey import Journey, open_journey
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.channels import DeltaChannel
from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint
from langgraph.checkpoint.base import id as ids
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send, interrupt
from segue_adapters.blocking import Blocking
from segue_adapters.langgraph import TaskMoved, TaskSaver, TaskStore, TaskTools, ThreadMoved, key
from segue_adapters.langgraph.form import Draft, value_of
from segue_client.grant import Grant
from segue_client.task_state import TaskState
from segue_client.tool_runs import ToolRuns

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]

THREAD: RunnableConfig = {"configurable": {"thread_id": "negotiation"}}


def saver_of(journey: Journey, grant: Grant) -> TaskSaver:
    return TaskSaver(TaskState(grant, store=journey.site.store))


def after(checkpoint: Checkpoint) -> Any:
    """The same once more."""
    return {**checkpoint, "id": str(ids.uuid6())}


async def test_the_published_conformance_tests_pass_in_full(journey: Journey) -> None:
    grant = await journey.begin()

    @checkpointer_test(name="TaskSaver")
    async def saver() -> AsyncGenerator[BaseCheckpointSaver[int], None]:
        yield saver_of(journey, grant)

    report = await validate(saver)
    assert {name: result.failures for name, result in report.results.items() if not result.passed} == {}
    assert sum(result.tests_passed for result in report.results.values()) > 70


class Route(TypedDict):
    steps: Annotated[list[str], operator.add]


def route(*names: str, **compiled: Any) -> Any:
    """One node after the other, each of which writes its name."""
    graph = StateGraph(Route)
    for before, name in zip((START, *names), names, strict=False):
        graph.add_node(name, lambda state, name=name: {"steps": [name]})
        graph.add_edge(before, name)
    return graph.compile(**compiled)


async def test_a_graph_goes_back_in_time_and_on_from_there(journey: Journey) -> None:
    grant = await journey.begin()
    graph = route("a", "b", "c", checkpointer=saver_of(journey, grant))
    assert (await graph.ainvoke({"steps": []}, THREAD))["steps"] == ["a", "b", "c"]
    past = [snapshot async for snapshot in graph.aget_state_history(THREAD)]
    assert [snapshot.values["steps"] for snapshot in past[:-1]] == [["a", "b", "c"], ["a", "b"], ["a"], []]
    assert [snapshot.parent_config for snapshot in past[:-1]] == [snapshot.config for snapshot in past[1:]]
    after_a = next(snapshot for snapshot in past if snapshot.values.get("steps") == ["a"])
    forked = await graph.aupdate_state(after_a.config, {"steps": ["else"]}, as_node="a")
    elsewhere = route("a", "b", "c", checkpointer=saver_of(journey, grant))
    assert (await elsewhere.ainvoke(None, forked))["steps"] == ["a", "else", "b", "c"]
    assert (await elsewhere.ainvoke(None, after_a.config))["steps"] == ["a", "b", "c"]
    assert (await graph.aget_state(past[0].config)).values == {"steps": ["a", "b", "c"]}


async def test_an_interrupt_is_answered_at_another_device(journey: Journey) -> None:
    def asks(state: Route) -> dict[str, Any]:
        return {"steps": [f"{interrupt('who?')} and {interrupt('when?')}"]}

    def asking(grant: Grant) -> Any:
        graph = StateGraph(Route)
        graph.add_node("asks", asks)
        graph.add_edge(START, "asks")
        return graph.compile(checkpointer=saver_of(journey, grant))

    desktop = await journey.begin()
    here = asking(desktop)
    assert (await here.ainvoke({"steps": []}, THREAD))["__interrupt__"][0].value == "who?"
    assert (await here.ainvoke(Command(resume="Ngozi"), THREAD))["__interrupt__"][0].value == "when?"
    there = asking(await journey.hand_over(desktop))
    [task] = (await there.aget_state(THREAD)).tasks
    assert [asked.value for asked in task.interrupts] == ["when?"]
    with pytest.raises(TaskMoved):
        await here.ainvoke(Command(resume="tomorrow"), THREAD)
    assert await there.ainvoke(Command(resume="today"), THREAD) == {"steps": ["Ngozi and today"]}


async def test_a_subgraph_goes_on_within_the_graph(journey: Journey) -> None:
    ran: list[str] = []

    def first(state: Route) -> dict[str, Any]:
        ran.append("first")
        return {"steps": ["first"]}

    def whole(grant: Grant) -> Any:
        inner = StateGraph(Route)
        inner.add_node("first", first)
        inner.add_node("asks", lambda state: {"steps": [interrupt("go on?")]})
        inner.add_edge(START, "first")
        inner.add_edge("first", "asks")
        outer = StateGraph(Route)
        outer.add_node("inner", inner.compile())
        outer.add_edge(START, "inner")
        return outer.compile(checkpointer=saver_of(journey, grant))

    desktop = await journey.begin()
    await whole(desktop).ainvoke({"steps": ["outer"]}, THREAD)
    phone = await journey.hand_over(desktop)
    graph = whole(phone)
    [task] = (await graph.aget_state(THREAD, subgraphs=True)).tasks
    assert task.state.values == {"steps": ["outer", "first"]}
    state = await graph.ainvoke(Command(resume="yes"), THREAD)
    assert state["steps"][-2:] == ["first", "yes"]
    assert ran == ["first"]


async def test_what_parallel_nodes_wrote_before_one_failed_is_not_done_again(journey: Journey) -> None:
    ran: list[str] = []
    broken = True

    def parallel(name: str) -> Any:
        def node(state: Route) -> dict[str, Any]:
            ran.append(name)
            if name == "b" and broken:
                raise OSError("the line is down")
            return {"steps": [name]}

        return node

    def fan(grant: Grant) -> Any:
        graph = StateGraph(Route)
        for name in "cba":
            graph.add_node(name, parallel(name))
            graph.add_edge(START, name)
        return graph.compile(checkpointer=saver_of(journey, grant))

    desktop = await journey.begin()
    with pytest.raises(OSError, match="down"):
        await fan(desktop).ainvoke({"steps": []}, THREAD)
    broken, first = False, sorted(ran)
    phone = await journey.hand_over(desktop)
    assert (await fan(phone).ainvoke(None, THREAD))["steps"] == ["a", "b", "c"]
    assert sorted(ran) == sorted([*first, "b", *({"a", "b", "c"} - set(first))])


async def test_of_two_devices_that_resume_one_thread_one_goes_on(journey: Journey) -> None:
    desktop = await journey.begin()
    graphs = [route("a", "b", checkpointer=saver_of(journey, desktop))]
    await graphs[0].ainvoke({"steps": []}, THREAD)
    phone = await journey.hand_over(desktop, mode="share")
    graphs = [route("a", "b", checkpointer=saver_of(journey, grant)) for grant in (desktop, phone)]
    savers = [graph.checkpointer for graph in graphs]
    tips = [await saver.aget_tuple(THREAD) for saver in savers]
    assert tips[0].config == tips[1].config
    ends = await asyncio.gather(
        *(
            saver.aput(tips[0].config, after(tips[0].checkpoint), {"source": "update", "step": 3}, {})
            for saver in savers
        ),
        return_exceptions=True,
    )
    assert sorted(type(end) for end in ends if isinstance(end, Exception)) == [ThreadMoved]
    [won] = [end for end in ends if not isinstance(end, BaseException)]
    assert (await savers[0].aget_tuple(THREAD)).config == won
    assert (await graphs[1].ainvoke({"steps": ["x"]}, THREAD))["steps"] == ["a", "b", "x", "a", "b"]


async def test_what_a_task_wrote_first_stays_whoever_writes_it_again(journey: Journey) -> None:
    grant = await journey.begin()
    savers = [saver_of(journey, grant) for _ in range(2)]
    await route("a", checkpointer=savers[0]).ainvoke({"steps": []}, THREAD)
    tip = await savers[0].aget_tuple(THREAD)
    assert tip is not None
    whose = str(ids.uuid6())
    both = [("steps", ["first"]), ("more", "second")]
    await savers[0].aput_writes(tip.config, both[:1], whose)
    again = [("steps", ["other"]), both[1]]
    await asyncio.gather(*(saver.aput_writes(tip.config, again, whose) for saver in savers))
    for said in ("one", "two"):
        await savers[1].aput_writes(tip.config, [("__resume__", said)], whose)
    written = await savers[1].aget_tuple(THREAD)
    assert written is not None
    assert sorted(written.pending_writes or ()) == sorted((whose, *each) for each in [*both, ("__resume__", "two")])


async def test_a_graph_whose_task_was_set_back_meanwhile_does_not_go_on(journey: Journey) -> None:
    grant = await journey.begin()
    saver = saver_of(journey, grant)
    graph = route("a", "b", checkpointer=saver)
    long = "the same words, which are in a part of their own " * 5
    await graph.ainvoke({"steps": ["one"]}, THREAD)
    before = await journey.task(grant).events()
    await graph.ainvoke({"steps": [long]}, THREAD)
    tip = await saver.aget_tuple(THREAD)
    assert tip is not None
    body = {"to": before[-1]["seq"], "head": (await journey.task(grant).events())[-1]["seq"], "reason": None}
    answer = await journey.at_store(
        grant, "POST", f"/tasks/{grant.task_id}/rollbacks", json=body, headers={"Idempotency-Key": "back"}
    )
    assert answer.status_code == 201, answer.text
    with pytest.raises(ThreadMoved):
        await saver.aput(tip.config, after(tip.checkpoint), {"source": "update", "step": 9}, {})
    assert (await graph.ainvoke({"steps": [long]}, THREAD))["steps"] == ["one", "a", "b", long, "a", "b"]
    elsewhere = route("a", "b", checkpointer=saver_of(journey, grant))
    assert (await elsewhere.aget_state(THREAD)).values["steps"] == ["one", "a", "b", long, "a", "b"]


async def test_a_device_with_a_slow_clock_writes_the_newest_checkpoint(journey: Journey) -> None:
    grant = await journey.begin()
    graph = route("a", checkpointer=saver_of(journey, grant))
    await graph.ainvoke({"steps": []}, THREAD)
    tip = await graph.checkpointer.aget_tuple(THREAD)
    ahead = {**tip.checkpoint, "id": "1ffffff1" + tip.checkpoint["id"][8:]}
    await graph.checkpointer.aput(tip.config, ahead, {"source": "loop", "step": 2}, {})
    made = ids._last_v6_timestamp
    try:
        slow = route("a", checkpointer=saver_of(journey, grant))
        assert (await slow.ainvoke({"steps": ["b"]}, THREAD))["steps"] == ["a", "b", "a"]
        assert (await slow.aget_state(THREAD)).values["steps"] == ["a", "b", "a"]
    finally:
        ids._last_v6_timestamp = made


class Said(TypedDict):
    said: Annotated[list[str], DeltaChannel(lambda state, writes: [*state, *chain(*writes)], snapshot_frequency=4)]


def saying(**compiled: Any) -> Any:
    graph = StateGraph(Said)
    graph.add_node("say", lambda state: {"said": [str(len(state["said"]))]})
    graph.add_edge(START, "say")
    return graph.compile(**compiled)


@pytest.mark.parametrize("durability", ["async", "exit"])
async def test_delta_channels_are_put_together_from_their_last_snapshot(journey: Journey, durability: Any) -> None:
    grant = await journey.begin()
    graph = saying(checkpointer=saver_of(journey, grant))
    for turn in range(7):
        await graph.ainvoke({"said": ["?"]}, THREAD, durability=durability)
        elsewhere = saying(checkpointer=saver_of(journey, grant))
        expected = [each for asked in range(turn + 1) for each in ("?", str(2 * asked + 1))]
        assert (await elsewhere.aget_state(THREAD)).values["said"] == expected
        tip = await elsewhere.checkpointer.aget_tuple(THREAD)
        told = {"config": tip.config, "channels": ["said", "none"]}
        generic = await BaseCheckpointSaver.aget_delta_channel_history(elsewhere.checkpointer, **told)
        assert await elsewhere.checkpointer.aget_delta_channel_history(**told) == generic
    await graph.checkpointer.aprune(["negotiation"])
    left = [saved async for saved in graph.checkpointer.alist(THREAD)]
    assert len(left) < 6
    assert (await saying(checkpointer=saver_of(journey, grant)).aget_state(THREAD)).values["said"] == expected


async def test_nothing_of_what_was_dropped_stays_and_nothing_that_is_led_to_goes(journey: Journey) -> None:
    grant = await journey.begin()
    state = TaskState(grant, store=journey.site.store)
    long = [f"{number} {'x' * 200}" for number in range(30)]
    graph = route("a", checkpointer=TaskSaver(state))
    for part in (long[:20], long[20:]):
        await graph.ainvoke({"steps": part}, THREAD)
    whole = (await graph.aget_state(THREAD)).values
    await graph.checkpointer.acopy_thread("negotiation", "copy")
    parts = [entry.key async for entry in state.scan(key.of_thread(key.PARTS, "negotiation"))]
    await graph.checkpointer.aprune(["negotiation"])
    fewer = [entry.key async for entry in state.scan(key.of_thread(key.PARTS, "negotiation"))]
    assert set(fewer) < set(parts)
    assert (await graph.aget_state(THREAD)).values == whole
    await graph.ainvoke({"steps": long[:3]}, THREAD)
    await graph.checkpointer.adelete_thread("negotiation")
    left = [entry.key async for entry in state.scan("langgraph/")]
    assert all(key.hashed("copy") in name for name in left)
    copied = route("a", checkpointer=saver_of(journey, grant))
    assert (await copied.aget_state({"configurable": {"thread_id": "copy"}})).values == whole


def test_parts_are_shared_in_all_that_graphs_keep() -> None:
    serde = JsonPlusSerializer()
    words = [f"{number} {'x' * 200}" for number in range(600)]
    values = [
        words,
        {"messages": words, "of": {1: "one"}},
        Send("tools", {"state": {"messages": words}}),
    ]
    known = dict[bytes, str]()
    parts = dict[str, Any]()
    for value in [*values, [*words, "more"], _DeltaSnapshot(words)]:
        draft = Draft(serde, known)
        form = draft.held(value)
        parts |= draft.new
        known |= draft.learned
        assert len(draft.new) < 5 or value is words
        assert value_of(json.loads(json.dumps(form)), parts, serde) == value
    timed = Send("tools", words[0], timeout=5)
    draft = Draft(serde, known)
    form = draft.held(timed)
    assert value_of(form, draft.new, serde) == timed
    with pytest.raises(LookupError):
        value_of({"of": "tomorrow"}, parts, serde)


async def test_keys_have_no_words(journey: Journey) -> None:
    grant = await journey.begin()
    thread: RunnableConfig = {"configurable": {"thread_id": "Ngozi's divorce"}}
    await route("settle", checkpointer=saver_of(journey, grant)).ainvoke({"steps": ["it"]}, thread)
    keys = [entry.key async for entry in TaskState(grant, store=journey.site.store).scan("langgraph/")]
    assert keys
    assert not any(re.search("Ngozi|divorce|settle|steps", name) for name in keys)


def test_a_graph_that_blocks_is_served_in_a_loop_of_its_own(place: Place) -> None:
    blocking = Blocking()
    opened = open_journey(place.site, place.person)
    journey = blocking.run(opened.__aenter__())
    try:
        grant = blocking.run(journey.begin())
        state = TaskState(grant, store=journey.site.store)
        store = TaskStore(state, blocking=blocking)
        ran: list[str] = []

        @tool
        def compare_precedents(clause: str) -> str:
            """Compare a clause with our precedents."""
            ran.append(clause)
            return "lower"

        tools = TaskTools(ToolRuns(journey.task(grant)), blocking=blocking)
        node = ToolNode([compare_precedents], wrap_tool_call=tools.wrap_tool_call)
        graph = StateGraph(MessagesState)
        graph.add_node("tools", node)
        graph.add_edge(START, "tools")
        saver = TaskSaver(state, blocking=blocking)
        compiled = graph.compile(checkpointer=saver, store=store)
        for _ in range(2):
            said = compiled.invoke({"messages": [calling("compare_precedents", clause="7.2")]}, THREAD)
            assert said["messages"][-1].content == "lower"
        assert ran == ["7.2"]
        assert len(list(compiled.get_state_history(THREAD))) == len(list(saver.list(THREAD))) == 6
        saver.copy_thread("negotiation", "copy")
        saver.prune(["negotiation"])
        assert len(list(saver.list(THREAD))) == 1
        saver.delete_for_runs(["none"])
        saver.delete_thread("copy")
        assert len(list(saver.list(None))) == 1
        store.put(("a",), "b", {})
        assert store.get(("a",), "b") is not None
    finally:
        blocking.run(opened.__aexit__(None, None, None))
        blocking.close()


async def test_without_a_loop_of_its_own_a_graph_that_blocks_is_told_so(journey: Journey) -> None:
    grant = await journey.begin()
    with pytest.raises(RuntimeError, match="blocking"):
        saver_of(journey, grant).get_tuple(THREAD)
    with pytest.raises(RuntimeError, match="blocking"):
        TaskStore(TaskState(grant, store=journey.site.store)).get(("a",), "b")
