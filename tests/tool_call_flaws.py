"""Rules of the tool call and of storing it with one thing wrong in each: the simulation has to find every one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from segue_resource.domain import tool_call
from segue_resource.domain.refusal import OutcomeUnknown
from segue_resource.domain.tool_call import Effect, Fence, Grip, Holder, Outcome, State, Step, ToolCall, WaitsFor
from tool_call_simulation import Simulation

Patch = pytest.MonkeyPatch

_claim, _start, _complete = tool_call.claim, tool_call.start, tool_call.complete
_heartbeat, _probe, _settled = tool_call.heartbeat, tool_call.probe, tool_call._settled


def any_fence_will_do(patch: Patch) -> None:
    patch.setattr(tool_call, "_grips", lambda call, _: call.holder is not None)


def the_fence_stays_the_same(patch: Patch) -> None:
    def claim(call: ToolCall, holder: Holder, *, epoch: int, now: int) -> Step:
        step = _claim(call, holder, epoch=epoch, now=now)
        taken = step.logs == "tool_call.claimed"
        return replace(step, call=replace(step.call, fence=Fence(1, 1), attempt=1)) if taken else step

    def grips(call: ToolCall, grip: Grip) -> bool:
        return call.fence is not None and str(call.fence) == grip.fence

    patch.setattr(tool_call, "claim", claim)
    patch.setattr(tool_call, "_grips", grips)


def whatever_ran_may_run_again(patch: Patch) -> None:
    patch.setattr(tool_call, "REPEATABLE", frozenset(Effect))


def a_living_lease_is_no_obstacle(patch: Patch) -> None:
    patch.setattr(tool_call, "_lost", lambda *_, **__: True)


def what_nobody_knows_may_be_claimed(patch: Patch) -> None:
    def claim(call: ToolCall, holder: Holder, *, epoch: int, now: int) -> Step:
        if call.state is State.UNKNOWN:
            call = replace(call, state=State.APPROVED, unsettled=None)
        return _claim(call, holder, epoch=epoch, now=now)

    patch.setattr(tool_call, "claim", claim)


def the_start_is_not_recorded(patch: Patch) -> None:
    def start(call: ToolCall, grip: Grip, *, lease_until: int, now: int) -> Step:
        _start(call, grip, lease_until=lease_until, now=now)
        return Step(call)

    def complete(call: ToolCall, grip: Grip, *, result: Any, now: int) -> Step:
        running = replace(call, state=State.RUNNING) if call.state is State.CLAIMED else call
        return _complete(running, grip, result=result, now=now)

    patch.setattr(tool_call, "start", start)
    patch.setattr(tool_call, "complete", complete)


def a_probe_does_not_wait(patch: Patch) -> None:
    patch.setattr(tool_call, "_require_quiet", lambda *_, **__: None)


def clocks_are_believed(patch: Patch) -> None:
    patch.setattr(tool_call, "CLOCKS_DIFFER", 0)


def in_doubt_it_runs_again(patch: Patch) -> None:
    def settled(call: ToolCall, outcome: Outcome, *, result: Any, now: int) -> Step:
        unsure = outcome is Outcome.CANNOT_TELL
        return _settled(call, Outcome.DID_NOT_HAPPEN if unsure else outcome, result=result, now=now)

    patch.setattr(tool_call, "_settled", settled)


def in_doubt_nobody_is_asked(patch: Patch) -> None:
    def settled(call: ToolCall, outcome: Outcome, *, result: Any, now: int) -> Step:
        step = _settled(call, outcome, result=result, now=now)
        return replace(step, call=replace(step.call, unsettled=None)) if outcome is Outcome.CANNOT_TELL else step

    def probe(call: ToolCall, holder: Holder, *, epoch: int, now: int) -> Step:
        if call.state is State.UNKNOWN and call.unsettled is None:
            raise OutcomeUnknown(WaitsFor.PERSON)
        return _probe(call, holder, epoch=epoch, now=now)

    patch.setattr(tool_call, "_settled", settled)
    patch.setattr(tool_call, "probe", probe)


def a_result_is_answered_and_not_kept(patch: Patch) -> None:
    def complete(call: ToolCall, grip: Grip, *, result: Any, now: int) -> Step:
        step = _complete(call, grip, result=result, now=now)
        return replace(step, call=replace(step.call, result=None))

    patch.setattr(tool_call, "complete", complete)


def it_may_start_twice(patch: Patch) -> None:
    def start(call: ToolCall, grip: Grip, *, lease_until: int, now: int) -> Step:
        again = replace(call, state=State.CLAIMED) if call.state is State.RUNNING else call
        return _start(again, grip, lease_until=lease_until, now=now)

    patch.setattr(tool_call, "start", start)


def a_heartbeat_renews_nothing(patch: Patch) -> None:
    def heartbeat(call: ToolCall, grip: Grip, *, lease_until: int) -> Step:
        _heartbeat(call, grip, lease_until=lease_until)
        return Step(call)

    patch.setattr(tool_call, "heartbeat", heartbeat)


def the_epoch_is_not_compared(patch: Patch) -> None:
    patch.setattr(tool_call, "_lost", lambda _, holder, *, epoch, now: holder.lease_until <= now)


def nothing_is_compared_when_it_is_set(patch: Patch) -> None:
    patch.setattr(Simulation, "is_unchanged", lambda *_: True)


FLAWS: dict[str, Callable[[Patch], None]] = {
    flaw.__name__: flaw
    for flaw in (
        any_fence_will_do,
        the_fence_stays_the_same,
        whatever_ran_may_run_again,
        a_living_lease_is_no_obstacle,
        what_nobody_knows_may_be_claimed,
        the_start_is_not_recorded,
        a_probe_does_not_wait,
        clocks_are_believed,
        in_doubt_it_runs_again,
        in_doubt_nobody_is_asked,
        a_result_is_answered_and_not_kept,
        it_may_start_twice,
        a_heartbeat_renews_nothing,
        the_epoch_is_not_compared,
        nothing_is_compared_when_it_is_set,
    )
}
