"""`/tasks/{task_id}/drafts`: an answer while it is written, shown live and never put into the database (T7, T16)."""

import time
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.draft import LONGEST, Draft
from segue_resource.domain.presence import require_attended
from segue_resource.domain.refusal import (
    BudgetExhausted,
    DraftInterrupted,
    HandedOver,
    NobodyPresent,
    NotActive,
    NotFound,
    TooMuch,
    WrongOffset,
)
from segue_resource.domain.usage import require_left
from segue_resource.endpoints.body import Nothing, Shape, read_body
from segue_resource.endpoints.header import path_id
from segue_resource.endpoints.live import Lives
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.task_request import answer, caller_of, mutate, show
from segue_resource.stores import drafts, tasks
from segue_resource.stores.billing import usage
from segue_resource.stores.drafts import Drafts
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.presence import Presence
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Reading, Writing

RECHECK = 1.0
"""Seconds for which a writer's right to go on, once read in the database, is believed."""
REMEMBERED = 10_000
GROWN = {"draft_id": str, "length": int}


class NewDraft(Shape, frozen=True):
    role: Literal["customer", "agent", "human_agent", "system"]


class Piece(Shape, frozen=True):
    offset: Annotated[int, Meta(ge=0, le=LONGEST)]
    text: Annotated[str, Meta(min_length=1, max_length=LONGEST)]


class DraftEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore, texts: Drafts, presence: Presence, lives: Lives) -> None:
        self._store = store
        self._drafts = texts
        self._presence = presence
        self._lives = lives
        self._permitted: dict[tuple[str, str], float] = {}

    def routes(self) -> list[Route]:
        return [
            route("/tasks/{task_id}/drafts", GET=self.read, POST=self.begin),
            route("/tasks/{task_id}/drafts/{draft_id}", PATCH=self.append),
            route("/tasks/{task_id}/drafts/{draft_id}/interrupt", POST=self.interrupt),
        ]

    @operation("The drafts as they stand", answers={200: {"known": bool, "drafts": list[Draft]}})
    @requires("events:read", task="task_id")
    async def read(self, request: Request) -> Response:
        caller = caller_of(request)
        _, head = await self._store.read(caller, lambda _: None)
        with self._lives.of(caller.task_id) as live:
            found = (await live.read()).drafts
        return show({"known": found is not None, "drafts": list((found or {}).values())}, head=head)

    @operation(
        "Begin a draft",
        body=NewDraft,
        answers={201: GROWN},
        refuses=[NotActive, HandedOver, NobodyPresent, BudgetExhausted, TooMuch],
        idempotency=False,
    )
    @requires("events:append", task="task_id")
    async def begin(self, request: Request) -> Response:
        body, _ = await read_body(request, NewDraft)
        caller = caller_of(request)
        attended = await self._presence.somebody(caller.task_id)

        def allowed(reading: Reading) -> None:
            drafts.require_may_write(reading, body.role)
            budget = tasks.budget(reading)
            require_attended(budget, attended=attended)
            if budget is not None:
                require_left(budget, usage.spent(reading, budget.unit))

        _, head = await self._store.read(caller, allowed)
        draft_id = await self._drafts.begin(caller, body.role, head=head)
        return _answered(201, {"draft_id": draft_id, "length": 0})

    @operation(
        "Write on",
        body=Piece,
        answers={200: GROWN},
        refuses=[NotActive, HandedOver, TooMuch, WrongOffset, DraftInterrupted],
        idempotency=False,
    )
    @requires("events:append", task="task_id")
    async def append(self, request: Request) -> Response:
        body, _ = await read_body(request, Piece)
        draft_id = path_id(request, "draft_id")
        await self._require_writer(request, draft_id)
        length = await self._drafts.append(caller_of(request), draft_id, offset=body.offset, text=body.text)
        return _answered(200, {"draft_id": draft_id, "length": length})

    @operation(
        "Stop the writer",
        body=Nothing,
        answers={200: {"draft_id": str, "role": str, "length": int}},
        refuses=[NotActive],
    )
    @requires("events:append", task="task_id")
    async def interrupt(self, request: Request) -> Response:
        """First the right to do it, then the stop, then the record: a repeat completes what broke off in between."""
        _, content = await read_body(request, Nothing)
        caller, draft_id = caller_of(request), path_id(request, "draft_id")
        await self._store.read(caller, drafts.require_may_interrupt)
        about = await self._drafts.about(caller.task_id, draft_id)
        length = await self._drafts.stop(caller.task_id, draft_id)

        def work(writing: Writing) -> Answer:
            writing.require_not_ended()
            return answer(200, drafts.interrupt(writing, draft_id, role=about.role, length=length))

        return await mutate(self._store, request, content, work)

    async def _require_writer(self, request: Request, draft_id: str) -> None:
        """Its own device writes a draft, while it may still append to the log. Raises `Refused`."""
        caller = caller_of(request)
        key, now = (caller.token, draft_id), time.monotonic()
        if key in self._permitted and now < self._permitted[key] + RECHECK:
            return
        about = await self._drafts.about(caller.task_id, draft_id)
        if about.actor != caller.actor:
            raise NotFound
        await self._store.read(caller, lambda reading: drafts.require_may_write(reading, about.role))
        if len(self._permitted) >= REMEMBERED:
            self._permitted.clear()
        self._permitted[key] = now


def _answered(status: int, content: dict[str, str | int]) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
