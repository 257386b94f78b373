"""`/tasks/{task_id}/state`: the entries that an agent keeps in its task (specs/protocol.md section 8.6)."""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from segue.problem import Problem
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain import kept_state as domain
from segue_resource.domain.refusal import Conflict, CursorAhead, NotActive
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.header import Number
from segue_resource.endpoints.operation import Text, operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.task_request import answer, caller_of, mutate, show
from segue_resource.stores import kept_state
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.kept_state import Span
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing

_KEY = r"[A-Za-z0-9][A-Za-z0-9_.:@=~/-]{0,254}"
Key = Annotated[str, Meta(pattern=rf"^{_KEY}\Z", max_length=255)]
"""Of ids and numbers: it is readable in the database."""
LARGEST = 10**15 - 1
LIMIT = Number("limit", default=100, least=1, most=1000)
AS_OF = Number("as_of", default=LARGEST, least=0, most=LARGEST)
ORDER = Text("order", Literal["asc", "desc"])
PREFIX, AFTER = Text("prefix", Key), Text("after", Key)


class Changes(Shape, frozen=True):
    """`expect` says by which event a key has to have been kept, 0 if it has to hold nothing."""

    keep: Annotated[dict[Key, Any], Meta(max_length=100)] = msgspec.field(default_factory=dict)
    drop: Annotated[list[Key], Meta(max_length=100)] = msgspec.field(default_factory=list)
    expect: Annotated[dict[Key, Annotated[int, Meta(ge=0, le=LARGEST)]], Meta(max_length=100)] = msgspec.field(
        default_factory=dict
    )


class Wanted(Shape, frozen=True):
    keys: Annotated[list[Key], Meta(min_length=1, max_length=100)]
    as_of: Annotated[int, Meta(ge=0, le=LARGEST)] | None = None


class ShownEntry(msgspec.Struct, frozen=True):
    """`expired` is there, and true, where nobody can read any more what the entry held."""

    key: str
    seq: int
    at: int
    value: Any
    expired: bool | UnsetType = UNSET


class StateEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        return [
            route("/tasks/{task_id}/state", GET=self.scan, POST=self.keep),
            route("/tasks/{task_id}/state/read", POST=self.read),
        ]

    @operation(
        "Keep and drop entries",
        body=Changes,
        answers={201: {"first": int, "last": int}},
        refuses=[NotActive, Conflict],
    )
    @requires("events:append", task="task_id")
    async def keep(self, request: Request) -> Response:
        """All of them or none, in this order, each one event of the log; `first` is behind `last` if there are none."""
        body, content = await read_body(request, Changes)
        changes = [domain.Change(key, value) for key, value in body.keep.items()]
        changes += [domain.Change(key, None, dropped=True) for key in body.drop]

        def work(writing: Writing) -> Answer:
            first, last = kept_state.keep(writing, changes, expected=body.expect)
            return answer(201, {"first": first, "last": last})

        alone = bool(body.expect) or not changes  # what others who share its transaction write is not there yet
        return await mutate(self._store, request, content, work, expected=len(changes), only_logs=not alone)

    @operation(
        "The entries, in the order of their keys",
        query=[PREFIX, AFTER, ORDER, LIMIT, AS_OF],
        answers={200: {"entries": list[ShownEntry], "next_after": str | None, "head": int}},
        refuses=[CursorAhead],
    )
    @requires("events:read", task="task_id")
    async def scan(self, request: Request) -> Response:
        span = Span(
            prefix=_key(request, "prefix") or "",
            after=_key(request, "after"),
            descending=_descending(request),
            most=LIMIT.of(request),
        )
        as_of = AS_OF.of(request) if "as_of" in request.query_params else None
        page, head = await self._store.read(
            caller_of(request), lambda reading: kept_state.scan(reading, span, as_of=as_of)
        )
        entries = [_shown(entry) for entry in page.entries]
        return show({"entries": entries, "next_after": page.next_after, "head": head}, head=head)

    @operation(
        "The entries of some keys",
        body=Wanted,
        answers={200: {"entries": list[ShownEntry], "left": list[str], "head": int}},
        refuses=[CursorAhead],
        idempotency=False,
    )
    @requires("events:read", task="task_id")
    async def read(self, request: Request) -> Response:
        """A POST, although it changes nothing: many keys make no address. `left` are to be asked for again."""
        body, _ = await read_body(request, Wanted)
        found, head = await self._store.read(
            caller_of(request), lambda reading: kept_state.read(reading, body.keys, as_of=body.as_of)
        )
        entries = [_shown(entry) for entry in found.entries]
        return show({"entries": entries, "left": found.left, "head": head}, head=head)


def _shown(entry: domain.Entry) -> ShownEntry:
    return ShownEntry(entry.key, entry.seq, entry.at, entry.value, expired=entry.expired or UNSET)


def _key(request: Request, name: str) -> str | None:
    """A query parameter that is a key, given at most once."""
    values = request.query_params.getlist(name)
    if not values:
        return None
    if len(values) == 1 and re.fullmatch(_KEY, values[0], re.ASCII):
        return str(values[0])
    raise _invalid(f"{name} is not one key")


def _descending(request: Request) -> bool:
    values = request.query_params.getlist("order")
    if values not in ([], ["asc"], ["desc"]):
        raise _invalid("order is asc or desc")
    return values == ["desc"]


def _invalid(detail: str) -> Problem:
    return Problem(400, "invalid-request", "The request is not of the documented form", detail)
