"""`/tasks/{task_id}/compactions`: a range of the log told in fewer words; facts and decisions outlive it (T10)."""

from typing import Annotated, Literal

from msgspec import Meta, field
from segue.problem import Problem
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.compaction import MAX_FACTS, MAX_SUMMARY, Compaction, Writer
from segue_resource.domain.refusal import (
    Conflict,
    CursorAhead,
    HandedOver,
    NotActive,
    NothingToCompact,
    Overlaps,
    TooMuch,
)
from segue_resource.domain.working_set import Content, ItemStatus, ItemType
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.header import Number
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import Identifier, Seq, Title
from segue_resource.endpoints.task_request import answer, caller_of, mutate, show
from segue_resource.stores.history import compactions
from segue_resource.stores.history.compactions import Range
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing

LARGEST_SEQ = 10**15 - 1
BEFORE = Number("before", default=LARGEST_SEQ, least=1, most=LARGEST_SEQ)


class FactToKeep(Shape, frozen=True):
    """A new item of the working set, and the event it was drawn from."""

    item_id: Identifier
    type: Literal["fact", "decision", "constraint", "question"]
    title: Title
    source_seq: Seq
    body: Annotated[str, Meta(max_length=20_000)] = ""
    status: ItemStatus = ItemStatus.SETTLED


class NewCompaction(Shape, frozen=True):
    """`from_seq` is where the last compaction ends, unless it is said."""

    to_seq: Seq
    summary: Annotated[str, Meta(min_length=1, max_length=MAX_SUMMARY)]
    from_seq: Seq | None = None
    facts: Annotated[list[FactToKeep], Meta(max_length=MAX_FACTS)] = field(default_factory=list)


class CompactionEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        return [route("/tasks/{task_id}/compactions", GET=self.list_compactions, POST=self.compact)]

    @operation(
        "Put a summary in the place of a range of the log",
        body=NewCompaction,
        answers={201: Compaction},
        refuses=[NotActive, HandedOver, CursorAhead, Overlaps, NothingToCompact, TooMuch, Conflict],
    )
    @requires("events:append", "working_set:write", task="task_id")
    async def compact(self, request: Request) -> Response:
        """No event is changed: the ordinary view leaves out what callers wrote there, but facts and decisions."""
        body, content = await read_body(request, NewCompaction)
        if body.from_seq is not None and body.from_seq > body.to_seq:
            raise Problem(400, "invalid-request", "The range is empty", "from_seq is at most to_seq")
        facts = [(fact.item_id, _content(fact)) for fact in body.facts]

        def work(writing: Writing) -> Answer:
            asked = Range(body.to_seq, body.from_seq)
            return answer(201, compactions.compact(writing, asked, body.summary, by=Writer.CALLER, facts=facts))

        return await mutate(self._store, request, content, work, expected=1 + len(facts))

    @operation(
        "The compactions, newest first",
        query=[BEFORE],
        answers={200: {"compactions": list[Compaction], "next_before": int | None}},
    )
    @requires("events:read", task="task_id")
    async def list_compactions(self, request: Request) -> Response:
        before = BEFORE.of(request)
        (page, next_before), head = await self._store.read(
            caller_of(request), lambda reading: compactions.compactions(reading, before=before)
        )
        return show({"compactions": page, "next_before": next_before}, head=head)


def _content(fact: FactToKeep) -> Content:
    return Content(ItemType(fact.type), fact.title, fact.body, fact.status, fact.source_seq)
