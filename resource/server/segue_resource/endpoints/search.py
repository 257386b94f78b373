"""`/tasks/{task_id}/search`: find a word in the task's history.

A POST, although it changes nothing: what a person looks for has no place in an address, which proxies write down.
"""

from typing import Annotated

from msgspec import Meta
from segue.problem import Problem
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.actor import Caller
from segue_resource.domain.refusal import CursorAhead
from segue_resource.domain.search import MAX_QUERY, NothingToFind, Query, SearchMode, parse
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.task_request import caller_of, show
from segue_resource.stores.finding import search
from segue_resource.stores.finding.search import Found
from segue_resource.stores.finding.search_index import NoBeginnings
from segue_resource.stores.task_store import TaskStore

BATCHES = 3
"""Of events that one request puts into the index before it searches; what is left is read in the log."""
LARGEST = 10**15 - 1


class Search(Shape, frozen=True):
    query: Annotated[str, Meta(min_length=1, max_length=MAX_QUERY)]
    before: Annotated[int, Meta(ge=1, le=LARGEST)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class SearchEndpoints:
    """The handler."""

    def __init__(self, store: TaskStore, mode: SearchMode) -> None:
        self._store = store
        self._mode = mode

    def routes(self) -> list[Route]:
        return [route("/tasks/{task_id}/search", POST=self.search)]

    @operation(
        "Find words in the history",
        body=Search,
        answers={200: Found},
        refuses=[CursorAhead, (422, "nothing-to-find"), (422, "no-beginnings")],
        idempotency=False,
    )
    @requires("events:read", "working_set:read", "tool_calls:read", task="task_id")
    async def search(self, request: Request) -> Response:
        body, _ = await read_body(request, Search)
        query = _parsed(body.query)
        caller = caller_of(request)
        await self._advance(caller)
        try:
            found, head = await self._store.read(
                caller,
                lambda reading: search.find(
                    reading, query, before=body.before or reading.head + 1, most=body.limit, mode=self._mode
                ),
            )
        except NoBeginnings as blind:
            detail = "the index of this server knows whole words alone: leave out the *"
            raise Problem(422, "no-beginnings", "Beginnings of words cannot be found", detail) from blind
        return show(found, head=head)

    async def _advance(self, caller: Caller) -> None:
        """The index follows the log when somebody searches, so that a write never waits for it."""
        if self._mode is SearchMode.SCAN:
            return
        for _ in range(BATCHES):
            if not await self._store.derive(caller, lambda reading: search.advance(reading, self._mode)):
                break


def _parsed(text: str) -> Query:
    try:
        return parse(text)
    except NothingToFind as nothing:
        raise Problem(422, "nothing-to-find", "There is nothing to look for", str(nothing)) from nothing
