"""Tool calls of Pydantic AI that run once, on whichever device: the id of a call is its reference in the task."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred, ModelRetry, ToolFailed
from pydantic_ai.messages import ToolReturn, ToolReturnContent
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, RunContext, ToolDenied
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset
from pydantic_core import to_jsonable_python
from segue_client.task_client import TaskClient
from segue_client.tool_runs import AwaitsApproval, Denied, Failed, InDoubt, Run, ToolRuns

from segue_adapters.running import executing

_returned: TypeAdapter[Any] = TypeAdapter(ToolReturn[Any])
_content: TypeAdapter[Any] = TypeAdapter(
    ToolReturnContent, config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
)
_PUT_OFF = (ApprovalRequired, CallDeferred)


@dataclass
class RunOnce(AbstractCapability[Any]):
    """Every tool of the agent through `runs`. `effects` has the effect of tools by name, where not idempotent."""

    runs: ToolRuns
    effects: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def get_serialization_name(cls) -> str | None:
        return None

    def get_wrapper_toolset(self, toolset: AbstractToolset[Any]) -> AbstractToolset[Any]:
        return OnceToolset(toolset, runs=self.runs, effects=self.effects)


@dataclass
class OnceToolset(WrapperToolset[Any]):
    """One set of tools through `runs`, for agents of which not all tools are to be kept."""

    runs: ToolRuns
    effects: Mapping[str, str] = field(default_factory=dict)

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        """Raises `ApprovalRequired`, `ToolFailed`, what the tool tells the framework, and `Lost`."""

        async def do(run: Run) -> Any:
            with executing(run):
                return _dumped(await self.wrapped.call_tool(name, tool_args, ctx, tool))

        if ctx.tool_call_id is None:
            return await self.wrapped.call_tool(name, tool_args, ctx, tool)
        arguments, effect = to_jsonable_python(tool_args), self.effects.get(name, "idempotent")
        reference = ctx.tool_call_id
        while True:
            try:
                result = await self.runs.run(reference, do, tool=name, arguments=arguments, effect=effect)
                return _loaded(result)
            except AwaitsApproval as waits:
                raise ApprovalRequired(metadata={"call_id": waits.call["call_id"]}) from waits
            except (Denied, InDoubt) as refused:
                raise ToolFailed(str(refused)) from refused
            except Failed as failed:
                if isinstance(failed.__cause__, _PUT_OFF):
                    raise failed.__cause__ from None
                if _put_off(failed) and ctx.tool_call_approved and reference == ctx.tool_call_id:
                    reference = f"{ctx.tool_call_id}.approved"
                    continue
                raise _told(failed) from failed


async def decided(requests: DeferredToolRequests, task: TaskClient) -> DeferredToolResults:
    """What people have decided in the task about the calls that a run waits for; who waits longer is left out."""
    results = DeferredToolResults()
    for asked in requests.approvals:
        call_id = requests.metadata.get(asked.tool_call_id, {}).get("call_id")
        state = (await task.tool_call(call_id))["state"] if call_id else "proposed"
        if state == "cancelled":
            results.approvals[asked.tool_call_id] = ToolDenied()
        elif state != "proposed":
            results.approvals[asked.tool_call_id] = True
    return results


def _put_off(failed: Failed) -> bool:
    """Whether the tool itself asked for a person's approval, now or on another device."""
    return isinstance(failed.error, Mapping) and failed.error.get("type") == ApprovalRequired.__name__


def _told(failed: Failed) -> Exception:
    """What the framework is told about a failure, the same when it is told again."""
    if _put_off(failed):
        return ApprovalRequired()
    if isinstance(failed.error, Mapping) and failed.error.get("type") == ModelRetry.__name__:
        return ModelRetry(str(failed))
    return ToolFailed(str(failed))


def _dumped(result: Any) -> dict[str, Any]:
    if isinstance(result, ToolReturn):
        return {"return": _returned.dump_python(result, mode="json")}
    return {"content": _content.dump_python(result, mode="json")}


def _loaded(kept: Mapping[str, Any]) -> Any:
    if "return" in kept:
        return _returned.validate_python(kept["return"])
    return _content.validate_python(kept["content"])
