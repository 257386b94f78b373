"""Graphs as their authors write them, with a scripted model in place of a real one."""

from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.tools import BaseTool
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode, tools_condition

ASKED = {"messages": [("user", "Compare the cap on liability with our precedents.")]}


class Conversation(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def calling(tool: str, call_id: str = "call_7f", **arguments: Any) -> AIMessage:
    """What a model says that wants a tool called."""
    return AIMessage("", tool_calls=[{"name": tool, "args": arguments, "id": call_id, "type": "tool_call"}])


def agent(tools: Sequence[BaseTool], said: Sequence[AIMessage], **wrapped: Any) -> StateGraph[Any, Any, Any, Any]:
    """A model that calls tools until it has said its last; `wrapped` are arguments of its `ToolNode`."""
    model = GenericFakeChatModel(messages=iter(said))

    async def think(state: Conversation) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(Conversation)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode(tools, **wrapped))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    return graph
