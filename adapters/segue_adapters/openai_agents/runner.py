"""Runs an agent so that what it does belongs to the task: `TaskRunner.run` takes what the SDK's `Runner.run` takes."""

import copy
import weakref
from collections.abc import Mapping
from dataclasses import replace
from types import MethodType
from typing import Any

from agents import Agent, Handoff, Model, RunConfig, Runner, RunResult, RunResultStreaming, RunState
from agents.items import TResponseInputItem
from agents.run_config import _coerce_run_config
from agents.run_context import RunContextWrapper
from agents.tool import Tool
from segue_client.task_client import TaskClient
from segue_client.tool_runs import LEASE

from segue_adapters.openai_agents.answer import INSIDE_A_TOOL, SPEAKING, KeptModel, KeptProvider
from segue_adapters.openai_agents.seen import with_what_was_seen
from segue_adapters.openai_agents.session import TaskSession
from segue_adapters.openai_agents.tools import OnceTools

Input = str | list[TResponseInputItem] | RunState[Any]


class TaskRunner:
    """One conversation of one task: its session, and its tools, of which `effects` names those not `idempotent`.

    The agents are used as they are, and neither they nor their tools are changed.
    """

    def __init__(
        self, session: TaskSession, task: TaskClient, *, effects: Mapping[str, str] | None = None, lease: int = LEASE
    ) -> None:
        self.session = session
        self._tools = OnceTools(task, effects=effects or {}, lease=lease)
        self._agents: dict[int, tuple[Agent[Any], Agent[Any]]] = {}

    async def run(self, agent: Agent[Any], given: Input, **options: Any) -> RunResult:
        """As `Runner.run`; a run that waits for an approval is kept. Raises `TaskMoved`."""
        waited = given.get_interruptions() if isinstance(given, RunState) else []
        self.session.history.speaking = agent.name
        result = await Runner.run(self.in_task(agent), given, **self._options(options))
        await self._tools.deny(waited, result.context_wrapper)
        await self.pause(result)
        return result

    def run_streamed(self, agent: Agent[Any], given: Input, **options: Any) -> RunResultStreaming:
        """As `Runner.run_streamed`; call `pause` with the result once the stream has ended."""
        self.session.history.speaking = agent.name
        return Runner.run_streamed(self.in_task(agent), given, **self._options(options))

    async def pause(self, result: RunResult | RunResultStreaming) -> None:
        """Keep a run that waits for an approval, so that `resume` goes on with it on any device."""
        history, paused = self.session.history, self.session.history.keys.paused
        if result.interruptions:
            told = result.to_state().to_json()
            seen, told["original_input"] = self.session.seen.without(told["original_input"])
            await history.keep({paused: {"seen": seen, "run": told}})
        elif await history.state.get(paused) is not None:
            await history.drop([paused])

    async def paused(self, agent: Agent[Any], *, context: Any = None) -> RunState[Any] | None:
        """The run that waits for an approval, wherever it was paused: say yes or no on it, and `run` it.

        What was said at the task store is said on it already. Raises `TaskMoved`.
        """
        history = self.session.history
        found = await history.state.get(history.keys.paused)
        if found is None:
            return None
        run, override = dict(found.value["run"]), None if context is None else RunContextWrapper(context)
        run["original_input"] = await with_what_was_seen(history, found.value["seen"], run["original_input"])
        state = await RunState.from_json(self.in_task(agent), run, context_override=override)
        await self._tools.decide(state)
        return state

    async def resume(self, agent: Agent[Any], **options: Any) -> RunResult | None:
        """Go on with what another device, or this one, did not bring to its end; None if there is nothing.

        `agent` is the one that conversations begin with: the one whose turn it was is found from there.
        """
        if (state := await self.paused(agent, context=options.get("context"))) is not None:
            return await self.run(agent, state, **options)
        answer = await self.session.answers.find()
        last = await self.session.history.last(await self.session.current(), 1)
        if answer is None and (not last or last[0].kind == "assistant"):
            return None
        speaking = answer[0] if answer is not None else last[0].by
        return await self.run(_named(speaking, agent), [], **options)

    def in_task(self, agent: Agent[Any]) -> Agent[Any]:
        """The agent as it works in this task, and whoever it hands over to."""
        if any(ours is agent for _, ours in self._agents.values()):
            return agent
        if id(agent) not in self._agents:
            ours = agent.clone(handoffs=[], model_settings=agent.model_settings)
            self._agents[id(agent)] = (agent, ours)
            if isinstance(agent.model, Model):
                ours.model = KeptModel(agent.model, self.session.answers)
            ours.get_all_tools = MethodType(self._tools_of(agent), ours)  # type: ignore[method-assign]
            ours.handoffs = [self._handoff(each) for each in agent.handoffs]
        return self._agents[id(agent)][1]

    def _tools_of(self, agent: Agent[Any]) -> Any:
        kind, speaking = type(agent), agent.name

        async def get_all_tools(ours: Agent[Any], context: RunContextWrapper[Any]) -> list[Tool]:
            if SPEAKING.get() != INSIDE_A_TOOL:
                SPEAKING.set(speaking)
                self.session.history.speaking = speaking
            return [self._tools.once(tool) for tool in await kind.get_all_tools(ours, context)]

        return get_all_tools

    def _handoff(self, given: Agent[Any] | Handoff[Any, Any]) -> Agent[Any] | Handoff[Any, Any]:
        if isinstance(given, Agent):
            return self.in_task(given)

        async def hand_over(context: RunContextWrapper[Any], text: str) -> Agent[Any]:
            return self.in_task(await given.on_invoke_handoff(context, text))

        made = copy.copy(given)
        made.on_invoke_handoff = hand_over
        if given._agent_ref is not None and isinstance(target := given._agent_ref(), Agent):
            made._agent_ref = weakref.ref(self.in_task(target))
        return made

    def _options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        config = _coerce_run_config(options.get("run_config") or RunConfig())
        answers = self.session.answers
        model = KeptModel(config.model, answers) if isinstance(config.model, Model) else config.model
        ours = replace(config, model=model, model_provider=KeptProvider(config.model_provider, answers))
        return {**options, "session": self.session, "run_config": ours}


def _named(name: str | None, first: Agent[Any]) -> Agent[Any]:
    """The agent of that name among those that `first` can hand over to; else `first`."""
    seen: dict[int, Agent[Any]] = {}
    waiting = [first]
    while waiting:
        agent = waiting.pop()
        if agent.name == name:
            return agent
        if id(agent) not in seen:
            seen[id(agent)] = agent
            given = [
                each._agent_ref() if isinstance(each, Handoff) and each._agent_ref else each for each in agent.handoffs
            ]
            waiting += [each for each in given if isinstance(each, Agent)]
    return first
