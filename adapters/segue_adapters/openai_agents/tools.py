"""The tools of an agent, each call of which runs once: under the id that the model gave the call."""

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from agents import RunContextWrapper, RunState, ToolApprovalItem
from agents.tool import (
    DEFAULT_APPROVAL_REJECTION_MESSAGE,
    FunctionTool,
    Tool,
    maybe_invoke_function_tool_failure_error_function,
    set_function_tool_failure_error_function,
)
from agents.tool_context import ToolContext
from agents.util._approvals import evaluate_function_tool_approval
from pydantic import BaseModel
from segue_client.task_client import Body, TaskClient
from segue_client.tool_runs import LEASE, AwaitsApproval, Denied, Failed, Lost, Run, ToolRuns

from segue_adapters.openai_agents.answer import INSIDE_A_TOOL, SPEAKING
from segue_adapters.openai_agents.refusal import TaskMoved, fenced
from segue_adapters.running import executing

APPROVED_FIRST = ("reconcilable", "irreversible")
"""Effects that a person approves before they happen."""


class OnceTools:
    """Function tools as calls of a task. `effects` says by their names which are not `idempotent`."""

    def __init__(self, task: TaskClient, *, effects: Mapping[str, str], lease: int = LEASE) -> None:
        self._task = task
        self._runs = ToolRuns(task, lease=lease)
        self._effects = effects

    def once(self, tool: Tool) -> Tool:
        """The tool, to be given to the model in its place. What the provider runs is not ours to run."""
        if not isinstance(tool, FunctionTool):
            return tool
        made = copy.copy(tool)
        if tool._is_agent_tool:  # it may be interrupted within, and is gone on with by its own state
            made.on_invoke_tool = _aside(tool)
            return made
        made.on_invoke_tool = _Once(self, tool)
        if self.effect(tool.name) in APPROVED_FIRST or callable(tool.needs_approval):
            made.needs_approval = _NeedsApproval(self, tool)
        return made

    def effect(self, tool: str) -> str:
        return self._effects.get(tool, "idempotent")

    async def proposed(self, tool: str, call_id: str, arguments: dict[str, Any]) -> Body:
        """The call as the store has it. Raises `TaskMoved`."""
        with fenced():
            return await self._runs.propose(call_id, tool=tool, arguments=arguments, effect=self.effect(tool))

    async def decide(self, state: RunState[Any]) -> None:
        """Say on a paused run what a person has said at the store."""
        for item, call in await self._asked(state.get_interruptions()):
            if call["state"] == "cancelled":
                state.reject(item)
            elif call["state"] != "proposed":
                state.approve(item)

    async def deny(self, waited: Sequence[ToolApprovalItem], said: RunContextWrapper[Any]) -> None:
        """Say at the store what a person has said no to on a run."""
        refused = [
            one
            for one in waited
            if said.get_approval_status(one.tool_name or "", one.call_id or "", existing_pending=one) is False
        ]
        for _, call in await self._asked(refused):
            if call["state"] == "proposed":
                with fenced():
                    await self._task.step(call["call_id"], "deny", reason=DEFAULT_APPROVAL_REJECTION_MESSAGE)

    async def _asked(self, items: Sequence[ToolApprovalItem]) -> list[tuple[ToolApprovalItem, Body]]:
        """The calls that wait for the approval of the store, and not for that of the application alone."""
        return [
            (item, await self.proposed(item.tool_name, item.call_id, json.loads(item.arguments or "{}")))
            for item in items
            if item.tool_name and item.call_id and self.effect(item.tool_name) in APPROVED_FIRST
        ]

    async def run(self, tool: FunctionTool, context: ToolContext[Any], text: str, arguments: dict[str, Any]) -> Any:
        """Raises `TaskMoved`, and what the tool raised."""
        bare = set_function_tool_failure_error_function(copy.copy(tool), None)

        async def do(run: Run) -> Any:
            SPEAKING.set(INSIDE_A_TOOL)
            with executing(run):
                return plain(await bare.on_invoke_tool(context, text))

        asked: dict[str, Any] = {"tool": tool.name, "arguments": arguments, "effect": self.effect(tool.name)}
        try:
            with fenced():
                try:
                    return await self._runs.run(context.tool_call_id, do, **asked)
                except AwaitsApproval as waits:  # the application's person said yes, by `RunState.approve`
                    await self._task.step(waits.call["call_id"], "approve")
                    return await self._runs.run(context.tool_call_id, do, **asked)
        except Lost as lost:
            raise TaskMoved("the task, or the call, goes on at another device") from lost
        except Denied:
            return DEFAULT_APPROVAL_REJECTION_MESSAGE
        except Failed as failed:
            error = failed.__cause__ or failed
            told = await maybe_invoke_function_tool_failure_error_function(
                function_tool=tool, context=context, error=error
            )
            if told is None:
                raise error from failed
            return told


class _Once:
    """Invokes a tool as a call of the task."""

    def __init__(self, tools: OnceTools, tool: FunctionTool) -> None:
        self._tools = tools
        self._tool = tool

    async def __call__(self, context: ToolContext[Any], text: str) -> Any:
        try:
            arguments = json.loads(text or "{}")
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):  # nothing will run: the tool says so in its own words
            return await self._tool.on_invoke_tool(context, text)
        return await self._tools.run(self._tool, context, text, arguments)


class _NeedsApproval:
    """Asks the store about the effects that need it, and then whatever the tool itself wants to be asked."""

    def __init__(self, tools: OnceTools, tool: FunctionTool) -> None:
        self._tools = tools
        self._tool = tool

    async def __call__(self, context: Any, arguments: dict[str, Any], call_id: str) -> bool:
        name = self._tool.name
        if self._tools.effect(name) in APPROVED_FIRST:
            call = await self._tools.proposed(name, call_id, arguments)
            if call["state"] == "proposed":
                return True
        asked = await evaluate_function_tool_approval(self._tool, context, json.dumps(arguments), call_id)
        return asked.outcome != "invoke"


def _aside(tool: FunctionTool) -> Any:
    async def invoke(context: ToolContext[Any], text: str) -> Any:
        speaking = SPEAKING.set(INSIDE_A_TOOL)
        try:
            return await tool.on_invoke_tool(context, text)
        finally:
            SPEAKING.reset(speaking)

    return invoke


def plain(result: Any) -> Any:
    """What the tool gave as JSON that the SDK makes the same of: content for the model, data, or else its text."""
    if isinstance(result, BaseModel) and getattr(result, "type", None) in ("text", "image", "file"):
        return result.model_dump(mode="json", exclude_none=True)
    if isinstance(result, list) and result and all(isinstance(one, BaseModel) for one in result):
        return [plain(one) for one in result]
    try:
        same = json.loads(json.dumps(result)) == result
    except (TypeError, ValueError):
        same = False
    return result if same else str(result)
