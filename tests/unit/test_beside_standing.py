"""Whose turn it is in a task, for protocols that have turns."""

from typing import Any

import pytest
from segue_resource.endpoints.beside_standing import Standing, State, call_state, standing_of

pytestmark = pytest.mark.requirement("E2")

CALL = {"call_id": "call_1", "effect": "irreversible", "state": "running"}
AT_EASE = Standing(status="active", speaker="agent", calls={})


def call(kind: str, **body: Any) -> dict[str, Any]:
    return event(f"tool_call.{kind}", **CALL | body)


def event(kind: str, *, role: str = "agent", **body: Any) -> dict[str, Any]:
    return {"kind": kind, "role": role, "body": body}


@pytest.mark.parametrize(
    ("happened", "then"),
    [
        ([event("message", role="customer")], State.WORKING),
        ([event("message", role="customer"), event("message", role="human_agent")], State.WAITING),
        ([event("message", role="customer"), event("message", role="system")], State.WORKING),
        ([call("proposed", state="proposed")], State.WAITING),
        ([call("started")], State.WORKING),
        (
            [call("started"), call("succeeded", state="succeeded")],
            State.WAITING,
        ),
        ([call("unknown", state="unknown")], State.WAITING),
        ([call("unknown", state="unknown", effect="reconcilable")], State.WORKING),
        (
            [
                event(
                    "tool_call.unknown", **CALL | {"state": "unknown", "effect": "reconcilable", "waits_for": "person"}
                )
            ],
            State.WAITING,
        ),
        ([call("started"), event("task.reverted", cancelled=["call_1"])], State.WORKING),
        ([event("task.status_changed", to="paused", reason=None)], State.WAITING),
        ([event("task.status_changed", to="closed", reason="done")], State.COMPLETED),
        ([event("task.status_changed", to="closed", reason="cancelled")], State.CANCELLED),
        ([event("task.erased")], State.CANCELLED),
        ([event("tool_call.started"), event("task.status_changed"), event("task.reverted")], State.WORKING),
    ],
)
def test_every_event_moves_the_task_to_where_it_stands(happened: list[dict[str, Any]], then: State) -> None:
    """The last one: events whose content was erased say nothing, but for a rollback that takes back what was said."""
    standing = AT_EASE
    for each in happened:
        standing = standing.after(each)
    assert standing.state is then


def test_a_resume_says_the_same_as_the_events_that_led_to_it() -> None:
    events = [
        event("message", role="customer"),
        event("message"),
        call("proposed", state="proposed"),
    ]
    resume = {"task": {"status": "active"}, "events": events, "tool_calls": [CALL | {"state": "proposed"}]}
    standing = Standing(status="active", speaker=None, calls={})
    for each in events:
        standing = standing.after(each)
    assert standing_of(resume) == standing


def test_a_task_in_which_nobody_has_spoken_is_submitted_until_it_is_active() -> None:
    silent = Standing(status="open", speaker=None, calls={})
    assert silent.state is State.SUBMITTED
    assert silent.after(event("task.status_changed", to="active", reason=None)).state is State.WORKING


@pytest.mark.parametrize(
    ("state", "then"),
    [
        ("proposed", State.WAITING),
        ("approved", State.WORKING),
        ("claimed", State.WORKING),
        ("running", State.WORKING),
        ("unknown", State.WAITING),
        ("succeeded", State.COMPLETED),
        ("failed", State.FAILED),
        ("cancelled", State.CANCELLED),
    ],
)
def test_every_state_of_a_call_has_its_place(state: str, then: State) -> None:
    assert call_state(CALL | {"state": state, "waits_for": "person"}) is then
