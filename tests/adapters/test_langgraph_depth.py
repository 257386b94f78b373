"""What a turn of a LangGraph agent keeps and reads, however long its conversation is already."""

import json
import math
from collections.abc import Collection, Mapping
from typing import Any

import pytest
from adapters.graphs import agent, calling
from journey import Journey
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from segue_adapters.langgraph import TaskSaver
from segue_client.task_state import TaskState

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]

TURN = 30_000
GROWTH = 0.1
SAID = "The supplier's liability is limited to the fees of the last twelve months. " * 4


class CountingState(TaskState):
    """Counts what is kept, with the keys: `written` in bytes, `entries`."""

    written = 0
    entries = 0

    async def keep(
        self,
        entries: Mapping[str, Any],
        *,
        drop: Collection[str] = (),
        expect: Mapping[str, int] | None = None,
        key: str | None = None,
    ) -> int:
        self.written += len(json.dumps(dict(entries)).encode())
        self.entries += len(entries)
        return await super().keep(entries, drop=drop, expect=expect, key=key)


@tool
def compare_precedents(clause: str) -> str:
    """Compare a clause with our precedents."""
    return f"{clause}: {SAID}"


async def turn_at(journey: Journey, depth: int) -> tuple[int, int]:
    """Bytes and entries of a turn with a tool call, behind so many messages."""
    grant = await journey.begin()
    state = CountingState(grant, store=journey.site.store)
    said = [calling("compare_precedents", clause="7.2"), AIMessage(SAID)]
    graph = agent([compare_precedents], said).compile(checkpointer=TaskSaver(state))
    thread: RunnableConfig = {"configurable": {"thread_id": "negotiation"}}
    before = [(HumanMessage, AIMessage)[number % 2](f"{number}. {SAID}", id=str(number)) for number in range(depth)]
    await graph.aupdate_state(thread, {"messages": before}, as_node="tools")
    await graph.aupdate_state(thread, {"messages": [AIMessage("Go on.")]}, as_node="think")
    state.written = state.entries = 0
    answer = await graph.ainvoke({"messages": [("user", SAID)]}, thread)
    assert len(answer["messages"]) == depth + 5
    return state.written, state.entries


async def test_a_turn_keeps_the_same_however_deep_the_conversation_is(journey: Journey) -> None:
    (few, entries), (many, more_entries) = await turn_at(journey, 50), await turn_at(journey, 1_000)
    assert max(few, many) <= TURN
    assert math.log(many / few) / math.log(1_000 / 50) <= GROWTH, (few, many)
    assert more_entries <= entries + 8
