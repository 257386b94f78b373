"""Options of an agent, as they are in a task: the session is kept there, and its own tools run once."""

import copy
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from claude_agent_sdk import ClaudeAgentOptions, HookContext, HookInput, HookJSONOutput, HookMatcher
from claude_agent_sdk.types import HookEvent
from segue_client.tool_runs import AwaitsApproval, Denied, Failed, InDoubt, Lost, Run, ToolRuns

from segue_adapters.claude_agent.sessions import Moved, TaskSessions
from segue_adapters.running import executing

MOVED = "The task goes on on another device."
NOT_KEPT = "The call could not be kept in the task, so it was not run."
_REPEATED = ("pure", "idempotent")
"""Effects of which no person has to hear first."""


def in_task(
    options: ClaudeAgentOptions,
    *,
    sessions: TaskSessions,
    runs: ToolRuns,
    effects: Mapping[str, str] | None = None,
) -> ClaudeAgentOptions:
    """The options with `sessions` as session store, and the tools of in-process MCP servers through `runs`.

    `effects` has the effect of tools by name (`mcp__server__tool`), where not idempotent.
    """
    servers: dict[str, Any] = dict(options.mcp_servers) if isinstance(options.mcp_servers, dict) else {}
    own = [name for name, server in servers.items() if server.get("type") == "sdk"]
    sessions.runs_again([f"mcp__{name}__" for name in own])
    once = _Once(sessions, runs, effects or {})
    for name in own:
        instance = copy.copy(servers[name]["instance"])  # with middleware of its own: the options may be used again
        instance.middleware = [*instance.middleware, once.of(name)]
        servers[name] = {**servers[name], "instance": instance}
    return replace(
        options,
        session_store=sessions,
        session_store_flush="eager",
        mcp_servers=servers if own else options.mcp_servers,
        hooks=_with_hooks(options.hooks, once),
    )


@dataclass
class _Once:
    """The way of a tool call through the task, and what Claude Code hears before and after it."""

    sessions: TaskSessions
    runs: ToolRuns
    effects: Mapping[str, str]

    def of(self, server: str) -> Callable[[Any, Any], Awaitable[Any]]:
        async def middleware(ctx: Any, call_next: Any) -> Any:
            call_id = (ctx.meta or {}).get("claudecode/toolUseId")
            if ctx.method != "tools/call" or call_id is None:
                return await call_next(ctx)
            tool = f"mcp__{server}__{ctx.params['name']}"
            return await self.called(call_id, tool, ctx.params.get("arguments") or {}, lambda: call_next(ctx))

        return middleware

    async def called(
        self, call_id: str, tool: str, arguments: dict[str, Any], execute: Callable[[], Awaitable[Any]]
    ) -> Any:
        """The result of the call, as MCP has it; what stands in its way is an error that the model can read."""

        async def do(run: Run) -> Any:
            with executing(run):
                return _succeeded(await execute())

        try:
            if not await self.sessions.kept(call_id):
                return _error(NOT_KEPT)
            reference = self.sessions.reference(call_id, tool, arguments)
            effect = self.effects.get(tool, "idempotent")
            return await self.runs.run(reference, do, tool=tool, arguments=arguments, effect=effect)
        except (Lost, Moved):
            self.sessions.moved = True
            return {"content": [{"type": "text", "text": MOVED}]}  # no error: those are not stopped after
        except (Failed, Denied, InDoubt, AwaitsApproval) as refused:
            return _error(str(refused))

    async def before(self, told: HookInput, call_id: str | None, _: HookContext) -> HookJSONOutput:
        """Nothing starts any more where the task has moved on, and what a person has to approve is put off."""
        if self.sessions.moved:
            return {
                "continue_": False,
                "stopReason": MOVED,
                "hookSpecificOutput": {
                    "hookEventName": "PreToolUse",
                    "permissionDecision": "deny",
                    "permissionDecisionReason": MOVED,
                },
            }
        asked: Any = told
        tool, effect = asked["tool_name"], self.effects.get(asked["tool_name"], "idempotent")
        if effect not in _REPEATED and call_id is not None:
            call = await self.runs.propose(call_id, tool=tool, arguments=asked["tool_input"], effect=effect)
            if call["state"] == "proposed":
                return {"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "defer"}}
        return {}

    async def stop(self, told: HookInput, call_id: str | None, _: HookContext) -> HookJSONOutput:  # noqa: ARG002
        """The agent goes no further where the task has moved on."""
        return {"continue_": False, "stopReason": MOVED} if self.sessions.moved else {}


def _with_hooks(hooks: Mapping[HookEvent, list[HookMatcher]] | None, once: _Once) -> dict[HookEvent, list[HookMatcher]]:
    ours: dict[HookEvent, HookMatcher] = {
        "PreToolUse": HookMatcher(hooks=[once.before]),
        "PostToolUse": HookMatcher(hooks=[once.stop]),
        "UserPromptSubmit": HookMatcher(hooks=[once.stop]),
    }
    theirs = dict(hooks or {})
    return {**theirs, **{event: [*theirs.get(event, []), matcher] for event, matcher in ours.items()}}


class _ToolError(Exception):
    """The tool says that it failed."""


def _succeeded(result: Any) -> Any:
    """The result of a tool as JSON. Raises `_ToolError` if it is an error."""
    told = result if isinstance(result, dict) else result.model_dump(by_alias=True, mode="json", exclude_none=True)
    if told.get("isError"):
        raise _ToolError("\n".join(block.get("text", "") for block in told.get("content", [])))
    return told


def _error(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": True}
