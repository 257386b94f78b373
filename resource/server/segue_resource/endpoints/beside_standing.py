"""Where a task stands, in the words that other protocols have for a task: is it worked on, who is waited for.

Segue has no turns: whoever takes part may write at any time. So whose turn it is follows from what is open: a tool call
that a person has to decide about, a call that is at work, and else from who spoke last.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

CANCELLED = "cancelled"
"""The reason of closing a task that says that it was not finished."""
_PEOPLE = frozenset({"customer"})
_ANSWERING = frozenset({"agent", "human_agent"})
_ENDED_CALLS = frozenset({"succeeded", "failed", "cancelled"})


class State(StrEnum):
    """`SUBMITTED`: nobody has said anything yet. `WAITING`: for an answer or a decision of the person."""

    SUBMITTED = "submitted"
    WORKING = "working"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


AT_WORK = frozenset({State.SUBMITTED, State.WORKING})
ENDED = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})


@dataclass(frozen=True)
class Standing:
    """`calls` says of each unfinished tool call whether the person is waited for.

    `speaker` is the role that spoke last, `cancelled` why the task was closed.
    """

    status: str
    speaker: str | None
    calls: Mapping[str, bool]
    cancelled: bool = False

    @property
    def state(self) -> State:
        if self.status in ("closed", "archived"):
            return State.CANCELLED if self.cancelled else State.COMPLETED
        if self.status == "erased":
            return State.CANCELLED
        if self.status == "paused" or any(self.calls.values()):
            return State.WAITING
        if self.calls or self.speaker in _PEOPLE:
            return State.WORKING
        if self.speaker in _ANSWERING:
            return State.WAITING
        return State.SUBMITTED if self.status == "open" else State.WORKING

    def after(self, event: Mapping[str, Any]) -> "Standing":
        """Once the event has happened."""
        kind, body = event["kind"], event["body"]
        if kind == "message" and event["role"] in _PEOPLE | _ANSWERING:
            return replace(self, speaker=event["role"])
        if kind == "task.status_changed" and "to" in body:
            return replace(self, status=body["to"], cancelled=says_cancelled(event))
        if kind == "task.erased":
            return replace(self, status="erased")
        if kind == "task.reverted":
            left = {call_id: waits for call_id, waits in self.calls.items() if call_id not in body.get("cancelled", ())}
            return replace(self, calls=left, speaker=None)
        if kind.startswith("tool_call.") and "state" in body:
            others = {call_id: waits for call_id, waits in self.calls.items() if call_id != body["call_id"]}
            ended = body["state"] in _ENDED_CALLS
            return replace(self, calls=others if ended else others | {body["call_id"]: waits_for_person(body)})
        return self


def standing_of(resume: Mapping[str, Any], *, cancelled: bool = False) -> Standing:
    """As a resume tells it."""
    spoken = [event["role"] for event in resume["events"] if event["kind"] == "message"]
    return Standing(
        status=resume["task"]["status"],
        speaker=next((role for role in reversed(spoken) if role in _PEOPLE | _ANSWERING), None),
        calls={call["call_id"]: waits_for_person(call) for call in resume["tool_calls"]},
        cancelled=cancelled,
    )


def call_state(call: Mapping[str, Any]) -> State:
    """Where one tool call stands."""
    match call["state"]:
        case "succeeded":
            return State.COMPLETED
        case "failed":
            return State.FAILED
        case "cancelled":
            return State.CANCELLED
        case _:
            return State.WAITING if waits_for_person(call) else State.WORKING


def waits_for_person(call: Mapping[str, Any]) -> bool:
    """An unfinished call, or what an event says of one."""
    if call["state"] == "unknown":
        return bool(call.get("waits_for", None if call["effect"] == "reconcilable" else "person") == "person")
    return bool(call["state"] == "proposed")


def says_cancelled(event: Mapping[str, Any]) -> bool:
    """Whether the event closes the task without its being finished."""
    closes = event["kind"] == "task.status_changed" and event["body"].get("to") == "closed"
    return bool(closes and event["body"].get("reason") == CANCELLED)
