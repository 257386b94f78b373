"""`/tasks/{task_id}/handoffs`: who answers the customer passes on, warm or cold, and back (T16)."""

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.handoff import Handoff, Mode
from segue_resource.domain.participant import Role
from segue_resource.domain.refusal import AlreadyLeads, HandedOver, HandoffOpen, NotActive, NotYours, WrongHandoffState
from segue_resource.endpoints.body import Nothing, Shape, read_body
from segue_resource.endpoints.header import Number, path_id
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import Identifier, Word
from segue_resource.endpoints.task_request import answer, caller_of, mutate, show
from segue_resource.stores import handoffs
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.keys.master_key import Random
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing

LARGEST = 10**15 - 1
BEFORE = Number("before", default=LARGEST, least=1, most=LARGEST)


class Limit(Shape, frozen=True):
    """The authorization limit that was met: its name for programs, and the tool call that it stopped."""

    name: Word
    call_id: Identifier | None = None


class NewHandoff(Shape, frozen=True):
    mode: Mode
    to_role: Literal["agent", "human_agent"]
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]
    to_sub: Identifier | None = None
    limit: Limit | None = None


class HandoffEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore, *, random: Random) -> None:
        self._store = store
        self._random = random

    def routes(self) -> list[Route]:
        one = "/tasks/{task_id}/handoffs/{handoff_id}"
        return [
            route("/tasks/{task_id}/handoffs", GET=self.list_handoffs, POST=self.offer),
            route(one, GET=self.show_handoff),
            route(f"{one}/accept", POST=self.accept),
            route(f"{one}/decline", POST=self.decline),
            route(f"{one}/return", POST=self.give_back),
            route(f"{one}/cancel", POST=self.cancel),
        ]

    @operation(
        "The hand-offs, newest first",
        query=[BEFORE],
        answers={200: {"handoffs": list[Handoff], "next_before": int | None}},
    )
    @requires("task:read", task="task_id")
    async def list_handoffs(self, request: Request) -> Response:
        """The newest first, in pages: `before` is the `next_before` of the page before."""
        before = BEFORE.of(request)
        (found, next_before), head = await self._store.read(
            caller_of(request), lambda reading: handoffs.page(reading, before=before)
        )
        return show({"handoffs": found, "next_before": next_before}, head=head)

    @operation("A hand-off", answers={200: Handoff})
    @requires("task:read", task="task_id")
    async def show_handoff(self, request: Request) -> Response:
        handoff_id = path_id(request, "handoff_id")
        found, head = await self._store.read(caller_of(request), lambda reading: handoffs.find(reading, handoff_id))
        return show(found, head=head)

    @operation(
        "Offer the task to another role",
        body=NewHandoff,
        answers={201: Handoff},
        refuses=[NotActive, HandoffOpen, AlreadyLeads, HandedOver],
    )
    @requires("handoffs:write", task="task_id")
    async def offer(self, request: Request) -> Response:
        body, content = await read_body(request, NewHandoff)
        handoff_id = f"hof_{self._random(12).hex()}"

        def work(writing: Writing) -> Answer:
            offered = handoffs.offer(
                writing,
                handoff_id=handoff_id,
                mode=body.mode,
                to_role=Role(body.to_role),
                to_sub=body.to_sub,
                reason=body.reason,
                limit=None if body.limit is None else msgspec.to_builtins(body.limit),
            )
            return answer(201, offered)

        return await mutate(self._store, request, content, work)

    @operation(
        "Accept", body=Nothing, answers={200: Handoff}, refuses=[WrongHandoffState, NotYours, AlreadyLeads, NotActive]
    )
    @requires("handoffs:write", task="task_id")
    async def accept(self, request: Request) -> Response:
        return await self._step(request, handoffs.accept)

    @operation(
        "Decline", body=Nothing, answers={200: Handoff}, refuses=[WrongHandoffState, NotYours, AlreadyLeads, NotActive]
    )
    @requires("handoffs:write", task="task_id")
    async def decline(self, request: Request) -> Response:
        return await self._step(request, handoffs.decline)

    @operation(
        "Hand back",
        body=Nothing,
        answers={200: Handoff},
        refuses=[WrongHandoffState, NotYours, AlreadyLeads, NotActive],
    )
    @requires("handoffs:write", task="task_id")
    async def give_back(self, request: Request) -> Response:
        return await self._step(request, handoffs.give_back)

    @operation(
        "Take the offer back",
        body=Nothing,
        answers={200: Handoff},
        refuses=[WrongHandoffState, NotYours, AlreadyLeads, NotActive],
    )
    @requires("handoffs:write", task="task_id")
    async def cancel(self, request: Request) -> Response:
        return await self._step(request, handoffs.cancel)

    async def _step(self, request: Request, change: Callable[[Writing, str], Handoff]) -> Response:
        _, content = await read_body(request, Nothing)
        handoff_id = path_id(request, "handoff_id")
        return await mutate(self._store, request, content, lambda writing: answer(200, change(writing, handoff_id)))
