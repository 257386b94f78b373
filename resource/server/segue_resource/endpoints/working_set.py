"""`/tasks/{task_id}/working-set`: items with a version each; nobody overwrites what they have not seen (T3, T11)."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from segue.problem import Problem
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.merge_patch import merge_patch
from segue_resource.domain.refusal import CursorAhead, NotActive, TooMuch
from segue_resource.domain.working_set import Content, Item, ItemStatus, ItemType, ItemVersion
from segue_resource.endpoints.body import MERGE_PATCH, Nothing, Shape, read_body
from segue_resource.endpoints.header import Number, creates, path_id, required_version, seen
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import Seq, Title
from segue_resource.endpoints.task_request import answer, caller_of, mutate, show, unchanged
from segue_resource.stores import working_set, working_set_history
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Reading, Writing

LARGEST_SEQ = 10**15 - 1
LARGEST_VERSION = 2**31 - 1
AS_OF = Number("as_of", default=0, least=0, most=LARGEST_SEQ)
BEFORE = Number("before", default=LARGEST_VERSION, least=1, most=LARGEST_VERSION)


class NewItem(Shape, frozen=True):
    type: ItemType
    title: Title
    body: Annotated[str, Meta(max_length=200_000)]
    status: ItemStatus
    source_seq: Seq | None = None


class WorkingSetEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        return [
            route("/tasks/{task_id}/working-set", GET=self.list_items),
            route(
                "/tasks/{task_id}/working-set/{item_id}",
                GET=self.show_item,
                PUT=self.put,
                PATCH=self.patch,
                DELETE=self.delete,
            ),
            route("/tasks/{task_id}/working-set/{item_id}/versions", GET=self.list_versions),
        ]

    @operation(
        "The working set",
        query=[AS_OF],
        headers=["If-None-Match"],
        answers={200: {"items": list[Item]}, 304: None},
        refuses=[CursorAhead],
        etag=True,
    )
    @requires("working_set:read", task="task_id")
    async def list_items(self, request: Request) -> Response:
        """The set as it is, or as it was right after one event: `as_of`."""
        if "as_of" in request.query_params:
            return await self._list_items_as_of(request)

        def work(reading: Reading) -> tuple[list[Item] | None, int]:
            version = reading.working_set_version
            return None if seen(request, version) else working_set.items(reading), version

        (items, version), head = await self._store.read(caller_of(request), work)
        return unchanged(head=head, etag=version) if items is None else show({"items": items}, head=head, etag=version)

    async def _list_items_as_of(self, request: Request) -> Response:
        seq = AS_OF.of(request)
        items, head = await self._store.read(
            caller_of(request), lambda reading: working_set_history.items_as_of(reading, seq)
        )
        return show({"items": items, "as_of": seq}, head=head)

    @operation(
        "What an item was", query=[BEFORE], answers={200: {"versions": list[ItemVersion], "next_before": int | None}}
    )
    @requires("working_set:read", task="task_id")
    async def list_versions(self, request: Request) -> Response:
        """The newest first, in pages: `before` is the `next_before` of the page before."""
        item_id = path_id(request, "item_id")
        before = BEFORE.of(request)
        (versions, next_before), head = await self._store.read(
            caller_of(request), lambda reading: working_set_history.versions(reading, item_id, before=before)
        )
        return show({"versions": versions, "next_before": next_before}, head=head)

    @operation("An item", headers=["If-None-Match"], answers={200: Item, 304: None}, etag=True)
    @requires("working_set:read", task="task_id")
    async def show_item(self, request: Request) -> Response:
        item_id = path_id(request, "item_id")
        item, head = await self._store.read(caller_of(request), lambda reading: working_set.item(reading, item_id))
        if seen(request, item.version):
            return unchanged(head=head, etag=item.version)
        return show(item, head=head, etag=item.version)

    @operation(
        "Create or replace an item",
        body=NewItem,
        headers=["If-Match", "If-None-Match"],
        answers={200: Item, 201: Item},
        refuses=[NotActive, TooMuch, CursorAhead],
        etag=True,
    )
    @requires("working_set:write", task="task_id")
    async def put(self, request: Request) -> Response:
        """Create with `If-None-Match: *`, replace with `If-Match`; there is no third way."""
        item_id = path_id(request, "item_id")
        body, content = await read_body(request, NewItem)
        new = Content(body.type, body.title, body.body, body.status, body.source_seq)
        if creates(request):
            return await mutate(self._store, request, content, lambda writing: _created(writing, item_id, new))
        version = required_version(request)
        return await mutate(self._store, request, content, lambda writing: _replaced(writing, item_id, new, version))

    @operation(
        "Change members of an item",
        body=dict[str, Any],
        media_type=MERGE_PATCH,
        headers=["If-Match!"],
        answers={200: Item},
        refuses=[NotActive, TooMuch, CursorAhead, (422, "unprocessable-patch")],
        etag=True,
    )
    @requires("working_set:write", task="task_id")
    async def patch(self, request: Request) -> Response:
        """Change members of the item that the client has seen (RFC 7396)."""
        item_id = path_id(request, "item_id")
        changes, content = await read_body(request, dict[str, Any], media_type=MERGE_PATCH)
        version = required_version(request)

        def work(writing: Writing) -> Answer:
            writing.require_working()
            new = _patched(working_set.item_at(writing, item_id, version=version), changes)
            return _replaced(writing, item_id, new, version)

        return await mutate(self._store, request, content, work)

    @operation("Delete an item", body=Nothing, headers=["If-Match!"], answers={204: None}, refuses=[NotActive])
    @requires("working_set:write", task="task_id")
    async def delete(self, request: Request) -> Response:
        item_id = path_id(request, "item_id")
        _, content = await read_body(request, Nothing)
        version = required_version(request)

        def work(writing: Writing) -> Answer:
            working_set.delete(writing, item_id, version=version)
            return answer(204)

        return await mutate(self._store, request, content, work)


def _patched(item: Item, changes: dict[str, Any]) -> Content:
    """Raises `Problem` 422 if what comes of it is no item (RFC 5789 section 2.2)."""
    members: dict[str, Any] = {"type": item.type, "title": item.title, "body": item.body, "status": item.status}
    members |= {} if item.source_seq is None else {"source_seq": item.source_seq}
    try:
        new = msgspec.convert(merge_patch(members, changes), NewItem)
    except msgspec.ValidationError as wrong:
        raise Problem(422, "unprocessable-patch", "What comes of the patch is no item", str(wrong)[:300]) from wrong
    return Content(new.type, new.title, new.body, new.status, new.source_seq)


def _created(writing: Writing, item_id: str, new: Content) -> Answer:
    return _answer(201, working_set.create(writing, item_id, new))


def _replaced(writing: Writing, item_id: str, new: Content, version: int) -> Answer:
    return _answer(200, working_set.replace(writing, item_id, new, version=version))


def _answer(status: int, item: Item) -> Answer:
    return answer(status, item, ETag=f'"{item.version}"')
