"""The life of a task as one table: what may follow on what, and what has to be settled before."""

from dataclasses import replace

import pytest
from segue_resource.domain.lifecycle import (
    ENDED,
    TRANSITIONS,
    WORKING,
    Status,
    require_legal,
    require_not_ended,
    require_settled,
    require_working,
)
from segue_resource.domain.refusal import IllegalTransition, NotActive, Unsettled
from segue_resource.domain.tool_call import Effect, Fence, Holder, State, ToolCall

pytestmark = pytest.mark.requirement("T6", "R26")

NOW = 1_800_000_000
CALL = ToolCall(
    task_id="tsk_1",
    call_id="call_1",
    tool="pay",
    title="Pay the invoice",
    arguments={},
    effect=Effect.IRREVERSIBLE,
    state=State.RUNNING,
    attempt=1,
    fence=Fence(3, 1),
    holder=Holder("dev_1", None, NOW + 1),
    result=None,
    error=None,
    proposed_seq=2,
    started_at=NOW - 10,
    finished_at=None,
)


def follows(status: Status, to: Status) -> bool:
    try:
        require_legal(status, to)
    except IllegalTransition as illegal:
        return (illegal.status, set(illegal.allowed)) != (status, TRANSITIONS[status])
    return True


def test_every_pair_of_statuses_is_legal_or_refused_as_the_protocol_says() -> None:
    legal = {f"{status} {to}" for status in Status for to in Status if follows(status, to)}
    assert legal == {
        *("open active", "open paused", "open closed"),
        *("active paused", "active closed"),
        *("paused active", "paused resumed", "paused closed"),
        *("resumed active", "resumed paused", "resumed closed"),
        "closed archived",
    }


def test_nothing_comes_back_from_the_end() -> None:
    reached = set(ENDED)
    while more := {to for status in reached for to in TRANSITIONS[status]} - reached:
        reached |= more
    assert reached == ENDED
    assert not ENDED & WORKING


@pytest.mark.parametrize("status", Status)
def test_something_new_begins_only_while_the_task_is_worked_on(status: Status) -> None:
    for require, allowed in ((require_working, WORKING), (require_not_ended, set(Status) - ENDED)):
        if status in allowed:
            require(status)
        else:
            with pytest.raises(NotActive):
                require(status)


@pytest.mark.requirement("T9")
@pytest.mark.parametrize(
    ("call", "in_doubt"),
    [
        (replace(CALL, state=State.UNKNOWN, fence=None), True),
        (CALL, False),
        (replace(CALL, holder=Holder("dev_1", None, NOW)), True),
        (replace(CALL, fence=Fence(2, 1)), True),
        (replace(CALL, effect=Effect.RECONCILABLE, holder=Holder("dev_1", None, NOW)), True),
        (replace(CALL, effect=Effect.IDEMPOTENT, holder=Holder("dev_1", None, NOW)), False),
        (replace(CALL, state=State.CLAIMED, holder=Holder("dev_1", None, NOW)), False),
        (replace(CALL, state=State.PROPOSED, fence=None, holder=None), False),
    ],
)
def test_work_goes_on_once_nobody_is_in_doubt_and_ends_once_every_call_has(call: ToolCall, *, in_doubt: bool) -> None:
    require_settled(Status.ACTIVE, [], epoch=3, now=NOW)
    require_settled(Status.CLOSED, [], epoch=3, now=NOW)
    for to in (Status.PAUSED, Status.RESUMED):
        require_settled(to, [call], epoch=3, now=NOW)
    if in_doubt:
        with pytest.raises(Unsettled) as unsettled:
            require_settled(Status.ACTIVE, [call], epoch=3, now=NOW)
        assert unsettled.value.calls == [{"call_id": "call_1", "title": "Pay the invoice", "state": call.state}]
    else:
        require_settled(Status.ACTIVE, [call], epoch=3, now=NOW)
    with pytest.raises(Unsettled):
        require_settled(Status.CLOSED, [call], epoch=3, now=NOW)
