"""`/tasks/{task_id}/corrections`, `/rollbacks`: what was said is corrected or taken back, not deleted (T12)."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, UnsetType
from segue.problem import Problem
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.correction import Correction
from segue_resource.domain.refusal import (
    AtWork,
    CursorAhead,
    HandedOver,
    NotActive,
    NotCorrectable,
    NotYours,
    TooMuch,
)
from segue_resource.domain.rollback import Rollback
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import Seq, Title
from segue_resource.endpoints.task_request import answer, mutate, token_of
from segue_resource.stores.history import corrections, rollbacks
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing

OVERRULES = "task:write"
"""The action by which the customer corrects what others said."""


class NewCorrection(Shape, frozen=True):
    """What is said instead of an event in `body`, or `withdraw`: nothing is."""

    seq: Seq
    body: dict[str, Any] | UnsetType = msgspec.UNSET
    withdraw: bool = False
    reason: Title | None = None


class NewRollback(Shape, frozen=True):
    """`to` is the event that the task is to be after again, `head` the last one that whoever asks has seen."""

    to: Seq
    head: Annotated[int, Meta(ge=2, le=10**15 - 1)]
    reason: Title | None = None


class HistoryEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        return [
            route("/tasks/{task_id}/corrections", POST=self.correct),
            route("/tasks/{task_id}/rollbacks", POST=self.revert),
        ]

    @operation(
        "Correct an event, or withdraw it",
        body=NewCorrection,
        answers={201: {"seq": int}},
        refuses=[NotActive, CursorAhead, NotCorrectable, NotYours, HandedOver, TooMuch, (412, "conflict")],
    )
    @requires("events:append", task="task_id")
    async def correct(self, request: Request) -> Response:
        body, content = await read_body(request, NewCorrection)
        if body.withdraw == (body.body is not msgspec.UNSET):
            raise Problem(400, "invalid-request", "The request is not of the documented form", "say body or withdraw")
        instead = None if body.body is msgspec.UNSET else body.body
        overrules = _overrules(request)

        def work(writing: Writing) -> Answer:
            correction = Correction(body.seq, instead, body.reason)
            return answer(201, {"seq": corrections.correct(writing, correction, overrules=overrules)})

        return await mutate(self._store, request, content, work)

    @operation(
        "Go back to what the task was after an event",
        body=NewRollback,
        answers={201: Rollback},
        refuses=[NotActive, AtWork, TooMuch, (412, "conflict")],
    )
    @requires("task:write", task="task_id")
    async def revert(self, request: Request) -> Response:
        body, content = await read_body(request, NewRollback)
        if body.to >= body.head:
            raise Problem(400, "invalid-request", "There is nothing to take back", "the member to is below head")

        def work(writing: Writing) -> Answer:
            return answer(201, rollbacks.revert(writing, rollbacks.Asked(body.to, body.head, body.reason)))

        return await mutate(self._store, request, content, work)


def _overrules(request: Request) -> bool:
    """Whether the token has the action, and no fresh sign-in is wanted for it."""
    return OVERRULES in token_of(request).authority.actions and OVERRULES not in request.scope["segue.step_up"]
