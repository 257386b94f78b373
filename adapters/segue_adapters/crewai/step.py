"""Where a flow is: what tells a tool call that is asked for again from one that is asked for anew.

CrewAI resumes a flow by running its methods again, and an agent in them begins its conversation anew, with new ids of
calls. What stays the same on every device is the flow, the method, how often that method has been completed, the tool,
its arguments, and which of equal calls it is.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from crewai.hooks.dispatch import HookAborted, InterceptionPoint, get_hooks, register


class NoStep(Exception):
    """A tool was called where nothing says which call it is: see `step` and `@persist`."""


class Step:
    """One execution of one method. `flow_id` is None for what the developer named."""

    def __init__(self, flow_id: str | None, name: str, *, kept: bool = True) -> None:
        self.flow_id = flow_id
        self.name = name
        self.kept = kept
        self._counts: dict[str, Iterator[int]] = {}

    def reference(self, tool: str, arguments: Mapping[str, Any], *, completed: int) -> str:
        """The name of the next call of that tool with these arguments, the same on whichever device runs the step."""
        call = json.dumps([tool, arguments], sort_keys=True)
        nth = next(self._counts.setdefault(call, itertools.count(1)))
        what = json.dumps([self.flow_id, self.name, completed, call, nth])
        return f"crewai-{hashlib.sha256(what.encode()).hexdigest()[:40]}"


_step: ContextVar[Step | None] = ContextVar("segue_crewai_step", default=None)
_stop: ContextVar[Exception | None] = ContextVar("segue_crewai_stop", default=None)


def current_step() -> Step:
    found = _step.get()
    if found is None:
        raise NoStep("this tool was called outside a flow: name what it is part of, with step(...)")
    if not found.kept:
        raise NoStep(
            f"the method {found.name} has no @persist: nobody could tell its calls from those of the next time"
        )
    return found


@contextmanager
def step(name: str) -> Iterator[None]:
    """What a crew outside a flow does, under a name that is given once: what is named again is done again."""
    token = _step.set(Step(None, name))
    try:
        yield
    finally:
        _step.reset(token)


def stopped(by: Exception | None) -> None:
    """CrewAI tells the agent what a tool raises, and goes on. This ends the run, right after the call."""
    _stop.set(by)


def follow_steps() -> None:
    """Learn from CrewAI's hooks which method runs. Once for the process, however often it is asked for."""
    for point, hook in ((InterceptionPoint.PRE_STEP, _enter), (InterceptionPoint.POST_TOOL_CALL, _leave)):
        if hook not in get_hooks(point):
            register(point, hook)


def _enter(context: Any) -> None:
    if context.kind == "flow_method":
        definition = context.flow._definition
        persist = definition.methods[context.step_name].persist or definition.persist
        _step.set(Step(context.flow.flow_id, context.step_name, kept=persist is not None and persist.enabled))


def _leave(_: Any) -> None:
    if (by := _stop.get()) is not None:
        _stop.set(None)
        raise HookAborted(str(by), source="segue") from by
