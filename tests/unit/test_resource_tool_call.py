"""The states of a tool call, by themselves: what may follow, and what never does."""

from dataclasses import replace
from itertools import product

import pytest
from segue_resource.domain import tool_call
from segue_resource.domain.refusal import Fenced, Held, NotApproved, OutcomeUnknown, WrongState
from segue_resource.domain.tool_call import (
    FINISHED,
    HELD,
    REPEATABLE,
    UNFINISHED,
    Effect,
    Fence,
    Grip,
    Holder,
    State,
    Step,
    ToolCall,
)

NOW = 1000
HEIR = Holder("dev_heir", None, NOW + 60)
GRIP = Grip("dev_a", "1.1")


def call(state: State, effect: Effect = Effect.PURE, *, lease_until: int = NOW + 60) -> ToolCall:
    held = state not in (State.PROPOSED, State.APPROVED)
    return ToolCall(
        task_id="tsk_1",
        call_id="call_1",
        tool="t",
        title="T",
        arguments={},
        effect=effect,
        state=state,
        attempt=int(held),
        fence=Fence(1, 1) if held and state not in (State.UNKNOWN, State.CANCELLED) else None,
        holder=Holder("dev_a", None, lease_until) if held else None,
        result=1 if state is State.SUCCEEDED else None,
        error=1 if state is State.FAILED else None,
        proposed_seq=1,
        started_at=None,
        finished_at=None,
    )


def claim(before: ToolCall, *, epoch: int = 1) -> Step:
    return tool_call.claim(before, HEIR, epoch=epoch, now=NOW)


@pytest.mark.requirement("T9")
def test_every_state_is_either_finished_or_not() -> None:
    assert set(State) == FINISHED | UNFINISHED
    assert not FINISHED & UNFINISHED
    assert HELD <= UNFINISHED


@pytest.mark.requirement("T9", "R15")
@pytest.mark.parametrize(("state", "effect"), list(product(State, Effect)))
def test_a_claim_never_takes_a_call_from_a_living_holder(state: State, effect: Effect) -> None:
    before = call(state, effect)
    try:
        step = claim(before)
    except Held:
        assert state in HELD
    except NotApproved:
        assert state is State.PROPOSED
    except OutcomeUnknown:
        assert state is State.UNKNOWN
    else:
        assert state is State.APPROVED or (state in FINISHED and step == Step(before))


@pytest.mark.requirement("T9", "R15")
@pytest.mark.parametrize(("state", "effect", "how"), list(product(sorted(HELD), Effect, ["lease", "epoch"])))
def test_a_lost_call_is_repeated_only_where_that_does_no_harm(state: State, effect: Effect, how: str) -> None:
    before = call(state, effect, lease_until=NOW if how == "lease" else NOW + 60)
    step = claim(before, epoch=1 if how == "lease" else 2)
    if state is State.RUNNING and effect not in REPEATABLE:
        assert (step.call.state, step.call.fence, step.call.attempt) == (State.UNKNOWN, None, 1)
        assert isinstance(step.refusal, OutcomeUnknown)
    else:
        assert (step.call.state, step.call.attempt, step.call.holder) == (State.CLAIMED, 2, HEIR)
        assert str(step.call.fence) == ("1.2" if how == "lease" else "2.2")
        assert step.call.downstream_key == before.downstream_key


@pytest.mark.requirement("T9")
@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("grip", [Grip("dev_b", "1.1"), Grip("dev_a", "1.2"), Grip("dev_a", "None"), Grip("dev_a", "")])
def test_only_the_holders_device_with_the_current_fence_acts(state: State, grip: Grip) -> None:
    before = call(state)
    steps = [
        tool_call.start(before, grip, lease_until=NOW, now=NOW),
        tool_call.heartbeat(before, grip, lease_until=NOW),
        tool_call.complete(before, grip, result=1, now=NOW),
        tool_call.fail(before, grip, error=1, now=NOW),
    ]
    if state is not State.CANCELLED:
        steps.append(tool_call.cancel(before, grip, now=NOW))
    for step in steps:
        assert (step.call, step.logs) == (before, "tool_call.refused")
        assert isinstance(step.refusal, Fenced)


@pytest.mark.requirement("T9")
@pytest.mark.parametrize("state", [state for state in State if call(state).fence])
def test_the_holder_moves_the_call_forward_and_never_back(state: State) -> None:
    before = call(state)
    moves = {
        "start": lambda: tool_call.start(before, GRIP, lease_until=NOW + 9, now=NOW),
        "heartbeat": lambda: tool_call.heartbeat(before, GRIP, lease_until=NOW + 9),
        "complete": lambda: tool_call.complete(before, GRIP, result=2, now=NOW),
        "fail": lambda: tool_call.fail(before, GRIP, error=2, now=NOW),
        "cancel": lambda: tool_call.cancel(before, GRIP, now=NOW),
        "approve": lambda: tool_call.approve(before),
    }
    reached: dict[str, State] = {}
    wrong: list[str] = []
    for name, move in moves.items():
        try:
            reached[name] = move().call.state
        except WrongState as refused:
            wrong.append(refused.state)
    allowed = {
        State.CLAIMED: {"start": State.RUNNING, "heartbeat": State.CLAIMED, "cancel": State.CANCELLED},
        State.RUNNING: {
            "heartbeat": State.RUNNING,
            "complete": State.SUCCEEDED,
            "fail": State.FAILED,
            "cancel": State.CANCELLED,
        },
    }
    assert reached == allowed.get(state, {})
    assert wrong == [state] * (len(moves) - len(reached))


@pytest.mark.requirement("T9", "T11")
def test_the_last_word_may_be_said_again_but_not_changed() -> None:
    done = replace(call(State.SUCCEEDED), result={"a": [1]})
    assert tool_call.complete(done, GRIP, result={"a": [1]}, now=NOW) == Step(done)
    with pytest.raises(WrongState):
        tool_call.complete(done, GRIP, result={"a": [2]}, now=NOW)
    failed = call(State.FAILED)
    assert tool_call.fail(failed, GRIP, error=1, now=NOW) == Step(failed)


@pytest.mark.requirement("T9")
def test_a_lease_moves_with_each_sign_of_life() -> None:
    started = tool_call.start(call(State.CLAIMED), GRIP, lease_until=5, now=NOW).call
    assert started.holder is not None
    assert (started.holder.lease_until, started.started_at) == (5, NOW)
    beaten = tool_call.heartbeat(started, GRIP, lease_until=7).call
    assert beaten.holder is not None
    assert (beaten.holder.lease_until, beaten.state) == (7, State.RUNNING)


@pytest.mark.requirement("T9")
@pytest.mark.parametrize("effect", list(Effect))
def test_what_may_be_repeated_needs_no_approval(effect: Effect) -> None:
    expected = State.APPROVED if effect in (Effect.PURE, Effect.IDEMPOTENT) else State.PROPOSED
    assert tool_call.first_state(effect) is expected
