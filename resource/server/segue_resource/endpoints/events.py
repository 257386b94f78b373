"""`/tasks/{task_id}/events`: append to the log, read it by cursor, follow it live."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace
from segue.clock import Clock
from segue.problem import Problem
from segue.requires import check, requires
from segue_storage.ephemeral import Ephemeral, MemoryUnavailable
from segue_storage.going_away import GoingAway
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.actor import Actor, Caller
from segue_resource.domain.draft import begun_after
from segue_resource.domain.elision import Elided
from segue_resource.domain.event import NewEvent, written_by_the_store
from segue_resource.domain.refusal import CursorAhead, HandedOver, NotActive, NotFound, NotYourSession
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.event_stream import EventStream, Followed
from segue_resource.endpoints.header import Number, event_id
from segue_resource.endpoints.heads import Heads
from segue_resource.endpoints.live import Lives
from segue_resource.endpoints.operation import Text, operation
from segue_resource.endpoints.places import Places
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import Identifier, Kind
from segue_resource.endpoints.tail import Tails
from segue_resource.endpoints.task_request import answer, caller_of, mutate, show, token_of
from segue_resource.stores import events
from segue_resource.stores.drafts import Drafts, live_topic
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.log import ShownEvent
from segue_resource.stores.task_store import TaskStore, topic
from segue_resource.stores.unit import Writing

PAGE = 100
LONGEST_PAGE = 1000
LARGEST_CURSOR = 10**15 - 1
AFTER = Number("after", default=0, least=0, most=LARGEST_CURSOR)
LIMIT = Number("limit", default=PAGE, least=1, most=LONGEST_PAGE)
VIEW = Text("view", Literal["full"])


class LoggedEvent(Struct, frozen=True):
    """`elided_by` is there in a full view alone: the event that took this one out of the ordinary view.

    `expired` is there, and true, where the retention policy has dropped the body.
    """

    seq: int
    kind: str
    role: str
    at: int
    actor: Actor
    session_id: str | None
    body: dict[str, Any]
    elided_by: int | UnsetType = UNSET
    expired: bool | UnsetType = UNSET


CURSOR_PAGE = {"events": list[LoggedEvent], "head": int, "next_after": int, "elided": list[Elided]}


class EventToAppend(Shape, frozen=True):
    kind: Kind
    role: Literal["customer", "agent", "human_agent", "system"]
    body: dict[str, Any]


class NewEvents(Shape, frozen=True):
    events: Annotated[list[EventToAppend], Meta(min_length=1, max_length=100)]
    session_id: Identifier | None = None


class EventEndpoints:
    """The handlers."""

    def __init__(
        self,
        store: TaskStore,
        ephemeral: Ephemeral,
        *,
        texts: Drafts,
        lives: Lives,
        heads: Heads,
        clock: Clock,
        going_away: GoingAway,
    ) -> None:
        self._store = store
        self._ephemeral = ephemeral
        self._clock = clock
        self._going_away = going_away
        self._drafts = texts
        self._lives = lives
        self._heads = heads
        self._tails = Tails(store)
        self._places = Places()

    def routes(self) -> list[Route]:
        return [route("/tasks/{task_id}/events", GET=self.read, POST=self.append)]

    @operation(
        "Append to the log",
        body=NewEvents,
        answers={201: {"first": int, "last": int}},
        refuses=[NotActive, NotYourSession, HandedOver, (422, "reserved-kind")],
    )
    @requires("events:append", task="task_id")
    async def append(self, request: Request) -> Response:
        body, content = await read_body(request, NewEvents)
        if any(written_by_the_store(event.kind) for event in body.events):
            detail = "kinds that say what the store did are written by the store alone"
            raise Problem(422, "reserved-kind", "The kind is reserved", detail)
        new = [NewEvent(event.kind, event.role, event.body) for event in body.events]

        def work(writing: Writing) -> Answer:
            first, last = events.append(writing, new, session_id=body.session_id)
            return answer(201, {"first": first, "last": last})

        answered = await mutate(self._store, request, content, work, expected=len(new), only_logs=True)
        for event in new:
            await self._finish(caller_of(request), event)
        return answered

    async def _finish(self, caller: Caller, event: NewEvent) -> None:
        """The text of a draft is in the log now. If its writer's draft cannot be dropped it is soon forgotten."""
        name = event.body.get("draft_id")
        if isinstance(name, str) and begun_after(name) is not None:
            with suppress(MemoryUnavailable, NotFound):
                if (await self._drafts.about(caller.task_id, name)).actor == caller.actor:
                    await self._drafts.drop(caller.task_id, name)

    @operation(
        "Read the log, or follow it live",
        query=[AFTER, LIMIT, VIEW],
        answers={200: CURSOR_PAGE},
        refuses=[CursorAhead, (429, "too-many-streams")],
        stream=True,
    )
    @requires("events:read", task="task_id")
    async def read(self, request: Request) -> Response | EventStream:
        """What was elided is left out and told of; a page with `view=full`, which takes `audit:read` too, has it."""
        after = AFTER.of(request)
        most = LIMIT.of(request)
        resumed = event_id(request)
        full = _full(request)
        if "text/event-stream" in request.headers.get("Accept", "").lower():
            return await self._follow(request, after if resumed is None else resumed)
        page, head = await self._store.read(
            caller_of(request), lambda reading: events.page(reading, after=after, most=most, full=full)
        )
        return show(_shown(page), head=head)

    async def _follow(self, request: Request, after: int) -> EventStream:
        """The first page is read here, so that whoever may not read hears it as any other answer."""
        caller = caller_of(request)
        await self._store.read(caller, lambda reading: events.page(reading, after=after, most=1))
        tail, token = self._tails.of(caller), token_of(request)
        task = Followed(
            log=topic(caller.task_id),
            live=live_topic(caller.task_id),
            listening=self._ephemeral.listen(topic(caller.task_id), live_topic(caller.task_id)),
            watched=self._heads.watching(caller.task_id),
            lives=self._lives.of(caller.task_id),
            place=self._places.take((token.grant_id, token.jkt)),
        )
        lasts = token.exp - self._clock()
        return EventStream(tail, task, after=after, lasts=lasts, going_away=self._going_away, clock=self._clock)


def _full(request: Request) -> bool:
    """Whether the hidden events are asked for too: who reads them reads what the audit refers to."""
    views = request.query_params.getlist("view")
    if not views:
        return False
    if views != ["full"] or "text/event-stream" in request.headers.get("Accept", "").lower():
        detail = "view is full, in a request for a page"
        raise Problem(400, "invalid-request", "The request is not of the documented form", detail)
    check(request.scope, ("events:read", "audit:read"), task="task_id", arguments={})
    return True


def _shown(page: events.Page) -> dict[str, Any]:
    return {
        "events": [_marked(event, page.hidden) for event in page.events] if page.hidden else page.events,
        "head": page.head,
        "next_after": page.next_after,
        "elided": page.elided,
    }


def _marked(event: ShownEvent, hidden: Mapping[int, int]) -> ShownEvent:
    return replace(event, elided_by=hidden.get(event.seq, UNSET))
