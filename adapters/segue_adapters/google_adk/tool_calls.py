"""Tool calls of ADK agents that run once, whichever devices resume the invocation: a plugin, with agents as they are.

The tool itself is what goes through the task's tool calls: callbacks, other plugins and ADK's own confirmation see
nothing of it.
"""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from google.adk.plugins.base_plugin import BasePlugin
from google.adk.tools.agent_tool import AgentTool
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.tool_context import ToolContext
from segue_client.device import Refused
from segue_client.grant import Grant
from segue_client.task_client import TaskClient
from segue_client.task_state import LARGE, TaskState
from segue_client.tool_runs import LEASE, AwaitsApproval, Denied, Failed, Run, ToolRuns

from segue_adapters.google_adk.outcome import act, actions_told, added, asks_somebody, meant, told
from segue_adapters.google_adk.place import digest
from segue_adapters.running import executing

OF_THE_CONVERSATION = frozenset(
    {"adk_request_input", "exit_loop", "finish_task", "set_model_response", "transfer_to_agent"}
)
"""Tools of ADK that have no effect anywhere else, and agents as tools: what they do is done by the tools they call."""
UNCONFIRMED = {"error": "This tool call requires confirmation, please approve or reject."}
REJECTED = {"error": "This tool call is rejected."}
_REFERENCE = re.compile(r"[!-~]{1,180}")

Execute = Callable[..., Awaitable[Any]]

_called: ContextVar["TaskToolsPlugin | None"] = ContextVar("called", default=None)
"""Whose tool is about to be called in this asyncio task. None while it runs: what a tool itself calls is its own."""


class TaskToolsPlugin(BasePlugin):
    """`effects` names what tools do where that is not `idempotent`: `pure`, `reconcilable` or `irreversible`.

    What a person has to approve is asked for as ADK's tool confirmation. A run ends with `Lost` once another device
    goes on with the task, and with `InDoubt` if nobody knows whether the tool had its effect.
    """

    def __init__(
        self,
        grant: Grant,
        *,
        store: str,
        effects: Mapping[str, str] | None = None,
        lease: int = LEASE,
        name: str = "task_tools",
    ) -> None:
        super().__init__(name)
        self._task = TaskClient(grant, store=store)
        self._state = TaskState(grant, store=store)
        self._runs = ToolRuns(self._task, lease=lease)
        self._effects = effects or {}

    async def before_tool_callback(
        self,
        *,
        tool: BaseTool,
        tool_args: dict[str, Any],  # noqa: ARG002
        tool_context: ToolContext,
    ) -> dict[str, Any] | None:
        if tool_context.function_call_id and not isinstance(tool, AgentTool) and tool.name not in OF_THE_CONVERSATION:
            _called.set(self)  # seen by the tool, which is called in the same asyncio task
            _divert(tool)
        return None

    async def run(self, tool: BaseTool, execute: Execute, args: dict[str, Any], context: ToolContext) -> Any:
        """What the tool gives, and what it did by its context. A call that somebody had to confirm runs anew."""
        reference, asked = _reference(context), 0
        while True:
            call = _Call(self._state, f"{reference}.{asked}" if asked else reference, execute, args, context)
            try:
                outcome = await self._approved(tool, call)
            except Denied:
                return REJECTED
            except AwaitsApproval:
                context.request_confirmation(hint=f"{tool.name}: approve or reject it.")
                context.actions.skip_summarization = True
                return UNCONFIRMED
            if call.ran:
                return call.result
            outcome = await self._whole(outcome)
            if not outcome["asks"]:
                act(context, outcome["actions"])
                return meant(outcome["result"])
            asked += 1

    async def _approved(self, tool: BaseTool, call: "_Call") -> Any:
        """Run it; first say to the store what the person has said to ADK."""
        effect = self._effects.get(tool.name, "idempotent")
        proposed = {"tool": tool.name, "arguments": told(call.args), "effect": effect}
        try:
            try:
                return await self._runs.run(call.reference, call.do, **proposed)
            except AwaitsApproval as waiting:
                if call.context.tool_confirmation is None:
                    raise
                await self._decide(waiting.call["call_id"], confirmed=call.context.tool_confirmation.confirmed)
                return await self._runs.run(call.reference, call.do, **proposed)
        except Failed as failed:
            if isinstance(failed.__cause__, Exception):  # it ran here: handlers of errors know its own type
                raise failed.__cause__ from None
            raise

    async def _decide(self, call_id: str, *, confirmed: bool) -> None:
        try:
            if confirmed:
                await self._task.step(call_id, "approve")
            else:
                await self._task.step(call_id, "deny", reason="rejected")
        except Refused as refused:
            if refused.error != "wrong-state":  # it was decided elsewhere
                raise

    async def _whole(self, outcome: Any) -> Any:
        if "kept" not in outcome:
            return outcome
        found = await self._state.get(outcome["kept"])
        if found is None:
            raise Failed({"message": "what the tool gave is not kept any more"})
        return found.value


class _Call:
    """One call of a tool: `do` is what `ToolRuns` executes if it is this device that does."""

    def __init__(
        self, state: TaskState, reference: str, execute: Execute, args: dict[str, Any], context: ToolContext
    ) -> None:
        self._state = state
        self.reference = reference
        self._execute = execute
        self.args = args
        self.context = context
        self.ran = False
        self.result: Any = None

    async def do(self, run: Run) -> Any:
        _called.set(None)
        before = actions_told(self.context)
        with executing(run):
            self.result = await self._execute(args=self.args, tool_context=self.context)
        self.ran = True
        actions = added(before, actions_told(self.context))
        outcome = {"result": told(self.result), "actions": actions, "asks": asks_somebody(self.context)}
        if len(json.dumps(outcome)) < LARGE:
            return outcome
        key = f"google-adk/outcomes/{digest(self.reference)}"
        await self._state.keep({key: outcome})
        return {"kept": key}


def _reference(context: ToolContext) -> str:
    """Names the call wherever its invocation is resumed. A tool that is a node has a new call id each time."""
    its = context.function_call_id if context.node is None else f"{context.node_path}#{context.attempt_count}"
    reference = f"{context.invocation_id}/{its}"
    if _REFERENCE.fullmatch(reference):
        return reference
    return hashlib.sha256(reference.encode()).hexdigest()


def _divert(tool: BaseTool) -> None:
    """Have the tool ask, each time it is called, whether its call goes through a task: it may serve other apps too."""
    execute = tool.run_async
    if getattr(execute, "asks_for_a_task", False):
        return

    async def run_async(*, args: dict[str, Any], tool_context: ToolContext) -> Any:
        plugin = _called.get()
        if plugin is None:
            return await execute(args=args, tool_context=tool_context)
        return await plugin.run(tool, execute, args, tool_context)

    run_async.asks_for_a_task = True  # type: ignore[attr-defined]  # a mark on a function of ours
    tool.run_async = run_async  # type: ignore[method-assign]  # of this one tool: ADK has no place between it and its callbacks
