"""Agents of LangGraph that go from one device to another in the middle of a tool call; each call runs once."""

import asyncio
from typing import Any

import pytest
from adapters.downstream import Downstream
from adapters.graphs import ASKED, agent, calling
from journey import Journey
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, tool
from langgraph.types import Command, interrupt
from segue_adapters.langgraph import TaskMoved, TaskSaver, TaskTools
from segue_adapters.running import running
from segue_client.grant import Grant
from segue_client.task_state import TaskState
from segue_client.tool_runs import ToolRuns

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]

THREAD: RunnableConfig = {"configurable": {"thread_id": "negotiation with Ms Ngozi"}}
FOUND = "lower than in 38 of 40"
COMPARE, TOLD = calling("compare_precedents", clause="7.2"), AIMessage("The cap is low.")


def comparing(downstream: Downstream) -> BaseTool:
    @tool
    async def compare_precedents(clause: str) -> str:
        """Compare a clause with our precedents."""
        run = running()
        assert run is not None
        return str(await downstream.execute(run.downstream_key, f"{clause} is {FOUND}"))

    return compare_precedents


def at(journey: Journey, grant: Grant, made: BaseTool, *said: AIMessage, lease: int = 30, **effects: str) -> Any:
    """The same agent on the device of a grant."""
    tools = TaskTools(ToolRuns(journey.task(grant), lease=lease), effects=effects)
    graph = agent([made], said, awrap_tool_call=tools.awrap_tool_call)
    return graph.compile(checkpointer=TaskSaver(TaskState(grant, store=journey.site.store)))


def answers(state: dict[str, Any]) -> list[tuple[str, str]]:
    return [(said.content, said.status) for said in state["messages"] if isinstance(said, ToolMessage)]


async def calls(journey: Journey, grant: Grant) -> list[dict[str, Any]]:
    answer = await journey.at_store(grant, "GET", f"/tasks/{grant.task_id}/tool-calls")
    return list(answer.json()["tool_calls"])


async def test_an_agent_goes_on_at_another_device_in_the_middle_of_a_call_that_runs_once(journey: Journey) -> None:
    downstream = Downstream()
    desktop = await journey.begin()
    here = at(journey, desktop, comparing(downstream), COMPARE, lease=3)
    left_behind = asyncio.create_task(here.ainvoke(ASKED, THREAD))
    await downstream.running.wait()
    phone = await journey.hand_over(desktop)
    there = at(journey, phone, comparing(downstream), TOLD)
    downstream.running.clear()
    going_on = asyncio.create_task(there.ainvoke(None, THREAD))
    await downstream.running.wait()
    downstream.finish()
    state = await going_on
    assert [said.type for said in state["messages"]] == ["human", "ai", "tool", "ai"]
    assert answers(state) == [(f"7.2 is {FOUND}", "success")]
    assert len(downstream.executed) == 1
    assert [call["state"] for call in await calls(journey, phone)] == ["succeeded"]
    with pytest.raises(TaskMoved):
        await left_behind
    with pytest.raises(TaskMoved):
        await here.aupdate_state(THREAD, {"messages": [("user", "And clause 8?")]})
    assert answers((await there.aget_state(THREAD)).values) == answers(state)


async def test_an_answer_that_was_given_is_not_asked_for_again(journey: Journey) -> None:
    downstream = Downstream()
    downstream.finish()
    grant = await journey.begin()
    first = await at(journey, grant, comparing(downstream), COMPARE, TOLD).ainvoke(ASKED, THREAD)
    elsewhere: RunnableConfig = {"configurable": {"thread_id": "another"}}
    again = await at(journey, grant, comparing(downstream), COMPARE, TOLD).ainvoke(ASKED, elsewhere)
    assert answers(first) == answers(again)
    assert len(downstream.asked) == 1


async def test_a_call_that_a_person_has_to_approve_interrupts_the_graph_until_they_have(journey: Journey) -> None:
    downstream = Downstream()
    downstream.finish()
    desktop = await journey.begin()
    asking = at(journey, desktop, comparing(downstream), COMPARE, compare_precedents="irreversible")
    asked = await asking.ainvoke(ASKED, THREAD)
    [question] = asked["__interrupt__"]
    assert (question.value["awaits"], question.value["arguments"]) == ("approval", {"clause": "7.2"})
    early = await asking.ainvoke(Command(resume=True), THREAD)
    assert [each.value for each in early["__interrupt__"]] == [question.value]
    phone = await journey.hand_over(desktop)
    await journey.task(phone).step(question.value["call_id"], "approve")
    there = at(journey, phone, comparing(downstream), TOLD, compare_precedents="irreversible")
    state = await there.ainvoke(Command(resume=True), THREAD)
    assert answers(state) == [(f"7.2 is {FOUND}", "success")]
    assert len(downstream.executed) == 1


async def test_what_a_person_does_not_want_is_told_to_the_model(journey: Journey) -> None:
    downstream = Downstream()
    grant = await journey.begin()
    graph = at(journey, grant, comparing(downstream), COMPARE, TOLD, compare_precedents="irreversible")
    [question] = (await graph.ainvoke(ASKED, THREAD))["__interrupt__"]
    await journey.task(grant).step(question.value["call_id"], "deny", reason="not now")
    state = await graph.ainvoke(Command(resume=True), THREAD)
    assert answers(state) == [("compare_precedents: it was not allowed", "error")]
    assert downstream.asked == []


async def test_a_tool_that_fails_raises_what_it_raised(journey: Journey) -> None:
    @tool
    async def compare_precedents(clause: str) -> str:
        """Compare a clause with our precedents."""
        raise OSError(f"no precedents of {clause}")

    grant = await journey.begin()
    graph = at(journey, grant, compare_precedents, COMPARE)
    with pytest.raises(OSError, match="no precedents"):
        await graph.ainvoke(ASKED, THREAD)
    assert [call["state"] for call in await calls(journey, grant)] == ["failed"]


async def test_a_tool_that_asks_a_person_itself_is_gone_on_with(journey: Journey) -> None:
    keys: list[str] = []

    @tool
    async def compare_precedents(clause: str) -> str:
        """Compare a clause with our precedents."""
        run = running()
        assert run is not None
        keys.append(run.downstream_key)
        return f"{clause} with {interrupt('how many?')}"

    grant = await journey.begin()
    graph = at(journey, grant, compare_precedents, COMPARE, TOLD, lease=1)
    [question] = (await graph.ainvoke(ASKED, THREAD))["__interrupt__"]
    assert question.value == "how many?"
    state = await graph.ainvoke(Command(resume="forty"), THREAD)
    assert answers(state) == [("7.2 with forty", "success")]
    assert (len(keys), len(set(keys))) == (2, 1)


async def test_a_tool_that_answers_with_a_command_answers_with_it_again(journey: Journey) -> None:
    ran: list[str] = []

    @tool
    async def compare_precedents(clause: str) -> Command[Any]:
        """Compare a clause with our precedents."""
        ran.append(clause)
        return Command(update={"messages": [ToolMessage("done", tool_call_id="call_7f")]})

    grant = await journey.begin()
    for name in ("one", "two"):
        thread: RunnableConfig = {"configurable": {"thread_id": name}}
        state = await at(journey, grant, compare_precedents, COMPARE, TOLD).ainvoke(ASKED, thread)
        assert answers(state) == [("done", "success")]
    assert ran == ["7.2"]


async def test_a_tool_that_is_not_there_is_no_call_of_the_task(journey: Journey) -> None:
    grant = await journey.begin()
    graph = at(journey, grant, comparing(Downstream()), calling("compare_prices"), TOLD)
    state = await graph.ainvoke(ASKED, THREAD)
    assert "not a valid tool" in answers(state)[0][0]
    assert await calls(journey, grant) == []
