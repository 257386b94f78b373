"""What other protocols do with a whole task: look where it stands, and cancel it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from segue_resource.endpoints.beside_standing import CANCELLED, Standing, says_cancelled, standing_of
from segue_resource.endpoints.beside_store import Answered, BesideStore

_PAGE = 100
_TRIES = 5
"""How often a task is tried to be closed: somebody may propose a call meanwhile."""


class NotAnswered(Exception):
    """The store refused. `answered` has its problem document."""

    def __init__(self, answered: Answered) -> None:
        super().__init__(answered.problem)
        self.answered = answered


@dataclass(frozen=True)
class Looked:
    """A resume of the task, and what it says of where the task stands."""

    resume: Mapping[str, Any]
    standing: Standing

    @property
    def task(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.resume["task"]
        return found

    @property
    def cursor(self) -> int:
        return int(self.resume["cursor"])


async def look(store: BesideStore, request: Request, task_id: str) -> Looked:
    """Raises `NotAnswered`, and what the store raises when challenged."""
    resume = good(await store.ask(request, "GET", f"/tasks/{task_id}/resume")).value
    ended = resume["task"]["status"] in ("closed", "archived")
    cancelled = ended and await _was_cancelled(store, request, task_id, resume)
    return Looked(resume, standing_of(resume, cancelled=cancelled))


async def cancel(store: BesideStore, request: Request, task_id: str) -> Answered:
    """Close the task as one that was not finished, with every tool call that has not ended; the last answer."""
    answered = await _close(store, request, task_id)
    for _ in range(_TRIES):
        if answered.problem != "unsettled":
            break
        for call in answered.value["tool_calls"]:
            cancelled = await cancel_call(store, request, task_id, call["call_id"])
            if cancelled.problem not in (None, "wrong-state"):
                return cancelled
        answered = await _close(store, request, task_id)
    return answered


async def cancel_call(store: BesideStore, request: Request, task_id: str, call_id: str) -> Answered:
    """Nobody's result counts any more; whether the call took effect is not said."""
    return await store.post(request, f"/tasks/{task_id}/tool-calls/{call_id}/cancel", {})


def good(answered: Answered) -> Answered:
    """Raises `NotAnswered`."""
    if answered.status >= 400:
        raise NotAnswered(answered)
    return answered


async def _close(store: BesideStore, request: Request, task_id: str) -> Answered:
    return await store.post(request, f"/tasks/{task_id}/status", {"to": "closed", "reason": CANCELLED})


async def _was_cancelled(store: BesideStore, request: Request, task_id: str, resume: Mapping[str, Any]) -> bool:
    """Look for the event that closed the task, newest first: little happens after it."""
    events = resume["events"]
    first = events[0]["seq"] if events else int(resume["cursor"]) + 1
    while True:
        closings = [event for event in events if _closes(event)]
        if closings or first <= 1:
            return any(says_cancelled(event) for event in closings)
        if "events:read" not in request.scope["segue"].authority.actions:
            return False
        first, limit = max(1, first - _PAGE), min(_PAGE, first - 1)
        asked = f"/tasks/{task_id}/events?after={first - 1}&limit={limit}"
        events = good(await store.ask(request, "GET", asked)).value["events"]


def _closes(event: Mapping[str, Any]) -> bool:
    return bool(event["kind"] == "task.status_changed" and event["body"].get("to") == "closed")
