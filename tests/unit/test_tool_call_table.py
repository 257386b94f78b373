"""The table of specs/protocol.md section 8 is what the rules do: every step in every state."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from segue_resource.domain import tool_call
from segue_resource.domain.refusal import Refused
from segue_resource.domain.tool_call import (
    CLOCKS_DIFFER,
    FINISHED,
    HELD,
    Effect,
    Fence,
    Grip,
    Holder,
    Outcome,
    State,
    Step,
    ToolCall,
    WaitsFor,
)

SPEC = Path(__file__).parents[2] / "specs" / "protocol.md"
NOW = 10_000
LIVING, LOST = NOW + 60, NOW - CLOCKS_DIFFER
HEIR = Holder("dev_heir", None, NOW + 60)
GRIP = Grip("dev_a", "1.1")

Row = dict[str, ToolCall]


def call(state: State, *, effect: Effect = Effect.IRREVERSIBLE, lease_until: int = LIVING) -> ToolCall:
    taken = state in HELD or state in (State.SUCCEEDED, State.FAILED)
    holder = Holder("dev_a", None, lease_until) if taken or state is State.UNKNOWN else None
    finder = WaitsFor.PROBE if effect is Effect.RECONCILABLE else WaitsFor.PERSON
    return ToolCall(
        task_id="tsk_1",
        call_id="call_1",
        tool="t",
        title="T",
        arguments={},
        effect=effect,
        state=state,
        attempt=int(holder is not None),
        fence=Fence(1, 1) if taken else None,
        holder=holder,
        result=1 if state is State.SUCCEEDED else None,
        error=1 if state is State.FAILED else None,
        proposed_seq=1,
        started_at=None,
        finished_at=None,
        unsettled=finder if state is State.UNKNOWN else None,
    )


COLUMNS: Row = {
    "proposed": call(State.PROPOSED),
    "approved": call(State.APPROVED),
    "claimed": call(State.CLAIMED),
    "claimed, lost": call(State.CLAIMED, lease_until=LOST),
    "running": call(State.RUNNING),
    "running, lost, repeatable": call(State.RUNNING, effect=Effect.IDEMPOTENT, lease_until=LOST),
    "running, lost, other": call(State.RUNNING, lease_until=LOST),
    "unknown, to be probed": call(State.UNKNOWN, effect=Effect.RECONCILABLE, lease_until=LOST),
    "unknown, probing": replace(
        call(State.UNKNOWN, effect=Effect.RECONCILABLE), fence=Fence(1, 1), holder=Holder("dev_a", None, LIVING)
    ),
    "unknown, for the person": call(State.UNKNOWN, lease_until=LOST),
    "finished": call(State.SUCCEEDED),
}
STEPS: dict[str, Callable[[ToolCall], Step]] = {
    "approve": tool_call.approve,
    "deny": lambda call: tool_call.deny(call, reason=None, now=NOW),
    "claim": lambda call: tool_call.claim(call, HEIR, epoch=1, now=NOW),
    "start": lambda call: tool_call.start(call, GRIP, lease_until=LIVING, now=NOW),
    "heartbeat": lambda call: tool_call.heartbeat(call, GRIP, lease_until=LIVING),
    "complete": lambda call: tool_call.complete(call, GRIP, result=1, now=NOW),
    "fail": lambda call: tool_call.fail(call, GRIP, error=1, now=NOW),
    "probe": lambda call: tool_call.probe(call, HEIR, epoch=1, now=NOW),
    "reconcile": lambda call: tool_call.reconcile(call, GRIP, Outcome.HAPPENED, result=1, now=NOW),
    "settle": lambda call: tool_call.settle(call, Outcome.HAPPENED, attempt=call.attempt, result=1, now=NOW),
    "cancel": lambda call: tool_call.cancel(call, None, now=NOW),
}


def cell(before: ToolCall, step: Callable[[ToolCall], Step]) -> str:
    try:
        after = step(before)
    except Refused:
        return ""
    state = str(after.call.state)
    if after.refusal is not None:
        return "" if after.call == before else state
    return "the same" if after.call.state is before.state and before.state in FINISHED else state


def table() -> str:
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    lines += [
        f"| {name} | " + " | ".join(cell(call, step) for call in COLUMNS.values()) + " |"
        for name, step in STEPS.items()
    ]
    return "\n".join(line.replace("|  |", "| |").replace("|  |", "| |") for line in lines)


@pytest.mark.requirement("T9")
def test_the_protocol_has_the_table_of_the_rules() -> None:
    assert table() in SPEC.read_text(), f"put this into specs/protocol.md section 8:\n{table()}"
