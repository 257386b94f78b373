"""Tools of a crew that run once in a task, however often an agent asks for them and on however many devices."""

import asyncio
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from crewai.hooks.dispatch import HookAborted, InterceptionPoint, register, unregister
from crewai.tools import BaseTool
from crewai.tools.tool_failure import ToolFailure
from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from segue_client.device import Refused
from segue_client.tool_runs import AwaitsApproval, Failed, InDoubt, Lost, Run, ToolRuns

from segue_adapters.blocking import Blocking
from segue_adapters.crewai.persistence import TaskPersistence
from segue_adapters.crewai.step import Step, current_step, follow_steps, stopped
from segue_adapters.running import executing

STOPS = (AwaitsApproval, InDoubt, Lost, Refused)
"""What no agent can do anything about: it ends the run, which goes on later or elsewhere."""
_FAILURE = "$tool_failure"


class TaskTools:
    """Makes tools run through `runs`. `effects` has the effect of tools that are not idempotent, by their name."""

    def __init__(
        self,
        runs: ToolRuns,
        flows: TaskPersistence,
        blocking: Blocking,
        *,
        effects: Mapping[str, str] | None = None,
    ) -> None:
        self._runs = runs
        self._flows = flows
        self._blocking = blocking
        self._effects = effects or {}
        follow_steps()

    def tool(self, tool: BaseTool) -> BaseTool:
        """The same tool for the agent; what it does goes through the task."""
        return _TaskTool.of(tool._tool if isinstance(tool, _TaskTool) else tool, self)

    def crew(self, crew: Any) -> Any:
        """The crew itself, whose agents and tasks now have such tools."""
        for holder in (*crew.agents, *crew.tasks):
            holder.tools = [self.tool(tool) for tool in holder.tools or []]
        return crew

    @contextmanager
    def every_crew(self) -> Iterator[None]:
        """Until its end every crew that starts in this process has such tools, also those that a flow makes."""

        def wrap(context: Any) -> None:
            try:
                if context.crew is not None:
                    self.crew(context.crew)
            except Exception as broken:  # CrewAI would go on with tools that are not ours
                raise HookAborted(f"its tools could not be kept: {broken}", source="segue") from broken

        register(InterceptionPoint.EXECUTION_START, wrap)
        try:
            yield
        finally:
            unregister(InterceptionPoint.EXECUTION_START, wrap)

    def run(self, tool: BaseTool, arguments: Mapping[str, Any]) -> Any:
        """The result of the call. Raises what `ToolRuns.run` raises, and `NoStep`."""
        stopped(None)
        step = current_step()
        completed = 0 if step.flow_id is None else self._flows.completed(step.flow_id, step.name)
        try:
            return self._blocking.run(self._run(tool, arguments, step=step, completed=completed))
        except STOPS as stop:
            stopped(stop)
            raise

    async def _run(self, tool: BaseTool, arguments: Mapping[str, Any], *, step: Step, completed: int) -> Any:
        plain = to_jsonable_python(arguments)
        while True:
            ours = False

            async def do(run: Run) -> Any:
                nonlocal ours
                ours = True
                with executing(run):
                    result = await asyncio.to_thread(tool._run, **arguments)
                    return _kept(await result if inspect.isawaitable(result) else result)

            reference = step.reference(tool.name, plain, completed=completed)
            effect = self._effects.get(tool.name, "idempotent")
            try:
                return _given(await self._runs.run(reference, do, tool=tool.name, arguments=plain, effect=effect), tool)
            except Failed:
                if ours:
                    raise  # the agent hears it, and may try again; what failed earlier was heard then


class _TaskTool(BaseTool):  # type: ignore[misc]  # CrewAI cannot be where mypy runs: it is Any there
    _tool: BaseTool
    _tools: TaskTools

    @classmethod
    def of(cls, tool: BaseTool, tools: TaskTools) -> "_TaskTool":
        made = cls(**{name: getattr(tool, name) for name in BaseTool.model_fields if name != "current_usage_count"})
        made._tool, made._tools = tool, tools
        return made

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        named = dict(zip(self.args_schema.model_fields, args, strict=False))
        return self._tools.run(self._tool, named | kwargs)

    async def _arun(self, *args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(self._run, *args, **kwargs)

    def format_output_for_agent(self, raw_result: Any) -> str:
        text: str = self._tool.format_output_for_agent(raw_result)
        return text


def _kept(result: Any) -> Any:
    if isinstance(result, ToolFailure):
        return {_FAILURE: result.model_dump(mode="json")}
    return to_jsonable_python(result, fallback=str)


def _given(result: Any, tool: BaseTool) -> Any:
    """What the tool gave, in its own type again, on whichever device it ran."""
    if isinstance(result, dict) and result.keys() == {_FAILURE}:
        return ToolFailure.model_validate(result[_FAILURE])
    schema = tool.result_schema
    if isinstance(result, dict) and isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema.model_validate(result)
    return result
