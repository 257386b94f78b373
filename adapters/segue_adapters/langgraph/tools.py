"""Tools that run once: as wrappers of the calls of a `ToolNode`, under the id that the model gave the call."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import ToolMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.errors import GraphBubbleUp
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command, interrupt
from segue_client.tool_runs import AwaitsApproval, Denied, Do, Failed, InDoubt, Lost, Run, ToolRuns

from segue_adapters.blocking import Blocking
from segue_adapters.langgraph.form import packed, unpacked
from segue_adapters.langgraph.moved import TaskMoved, fenced
from segue_adapters.running import executing

Answer = ToolMessage | Command[Any]
_SERDE = JsonPlusSerializer()


@dataclass(frozen=True)
class _Question:
    """What the graph waits for, as the value of an interrupt."""

    value: Mapping[str, Any]


class TaskTools:
    """`ToolNode(tools, awrap_tool_call=task_tools.awrap_tool_call)`.

    `effects` says by the tools' names which are not `idempotent`. A call that a person has to approve, or to find out
    about, interrupts the graph; whoever resumes it afterwards, with whatever value, has it go on. `wrap_tool_call` is
    for graphs that block: it needs `blocking`, and a grant whose HTTP client was made in it.
    """

    def __init__(
        self, runs: ToolRuns, *, effects: Mapping[str, str] | None = None, blocking: Blocking | None = None
    ) -> None:
        self._runs = runs
        self._effects = effects or {}
        self._blocking = blocking

    async def awrap_tool_call(
        self, request: ToolCallRequest, execute: Callable[[ToolCallRequest], Awaitable[Answer]]
    ) -> Answer:
        if request.tool is None:
            return await execute(request)  # which tells the model that there is no such tool

        async def do(run: Run) -> Any:
            with executing(run):
                return await execute(request)

        while isinstance(answer := await self._answer(request, do), _Question):
            interrupt(answer.value)
        return answer

    def wrap_tool_call(self, request: ToolCallRequest, execute: Callable[[ToolCallRequest], Answer]) -> Answer:
        if self._blocking is None:
            raise RuntimeError("without `blocking` TaskTools serve asynchronous graphs alone")
        if request.tool is None:
            return execute(request)
        context = copy_context()

        def work(run: Run) -> Answer:
            with executing(run):
                return execute(request)

        async def do(run: Run) -> Any:
            return await asyncio.to_thread(context.copy().run, work, run)

        while isinstance(answer := self._blocking.run(self._answer(request, do)), _Question):
            interrupt(answer.value)
        return answer

    async def _answer(self, request: ToolCallRequest, do: Do) -> Answer | _Question:
        """What the tool answered, on whichever device. Raises `TaskMoved`, and what the tool raised."""
        call = request.tool_call
        effect = self._effects.get(call["name"], "idempotent")
        try:
            with fenced():
                kept = await self._runs.run(
                    str(call["id"]), _keeping(do), tool=call["name"], arguments=call["args"], effect=effect
                )
        except Lost as lost:
            if isinstance(lost.__cause__, GraphBubbleUp):
                raise lost.__cause__ from None
            raise TaskMoved("the task, or the call, goes on at another device") from lost
        except AwaitsApproval as waiting:
            return _question("approval", waiting.call)
        except InDoubt as doubt:
            return _question("outcome", doubt.call)
        except Denied as denied:
            return ToolMessage(str(denied), name=call["name"], tool_call_id=call["id"], status="error")
        except Failed as failed:
            error = failed.__cause__ or failed
        else:
            return _given(kept, call)
        raise error


def _keeping(do: Do) -> Do:
    """Keeps what the tool answers. An interrupt within the tool is no answer: the call is left, to be gone on with."""

    async def done(run: Run) -> Any:
        try:
            answer = await do(run)
        except GraphBubbleUp as interrupted:
            raise Lost from interrupted
        if isinstance(answer, ToolMessage) and answer == _message(answer.content, answer.status, answer):
            return {"content": answer.content, "status": answer.status}
        return {"packed": packed(answer, _SERDE)}

    return done


def _given(kept: Mapping[str, Any], call: Mapping[str, Any]) -> Answer:
    if "packed" in kept:
        answer: Answer = unpacked(kept["packed"], _SERDE)
        return answer
    return ToolMessage(kept["content"], name=call["name"], tool_call_id=call["id"], status=kept["status"])


def _message(content: Any, status: Any, like: ToolMessage) -> ToolMessage:
    """A message with nothing else in it."""
    return ToolMessage(content, name=like.name, tool_call_id=like.tool_call_id, status=status)


def _question(what: str, call: Mapping[str, Any]) -> _Question:
    told = {name: call[name] for name in ("call_id", "tool", "title", "arguments", "effect")}
    return _Question({"awaits": what, **told})
