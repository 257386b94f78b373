"""`/tasks/{task_id}/erasures`: what was written made unreadable for good, and the proof that it is (T18)."""

from collections.abc import Callable

import msgspec
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.erasure import Erasure, What
from segue_resource.domain.refusal import OnHold
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.header import path_id
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.task_request import answer, caller_of, mutate, show
from segue_resource.stores import audit
from segue_resource.stores.ending import erasures
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.keys.master_key import Random
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Reading, Writing


class NewErasure(Shape, frozen=True):
    what: What = What.OWN


class Proof(msgspec.Struct, frozen=True):
    """The entry of the audit that says so; its link proves it and all before it."""

    n: int
    link: str


class ShownErasure(msgspec.Struct, frozen=True):
    """An erasure, and its proof."""

    erasure: Erasure
    audit: Proof


class ErasureEndpoints:
    """The handlers. `asked` is called when there is something to clear."""

    def __init__(self, store: TaskStore, *, random: Random, asked: Callable[[], None]) -> None:
        self._store = store
        self._random = random
        self._asked = asked

    def routes(self) -> list[Route]:
        return [
            route("/tasks/{task_id}/erasures", POST=self.erase),
            route("/tasks/{task_id}/erasures/{erasure_id}", GET=self.show_erasure),
        ]

    @operation("Make unreadable for good", body=NewErasure, answers={202: Erasure}, refuses=[OnHold])
    @requires("task:erase", task="task_id")
    async def erase(self, request: Request) -> Response:
        """It cannot be read any more once this is answered; what is left of it is cleared after that."""
        body, content = await read_body(request, NewErasure)
        erasure_id = f"era_{self._random(12).hex()}"

        def work(writing: Writing) -> Answer:
            sub = None if body.what is What.TASK else writing.caller.sub
            erasure = erasures.erase(writing, erasure_id=erasure_id, sub=sub)
            return answer(202, erasure, Location=f"/tasks/{erasure.task_id}/erasures/{erasure.erasure_id}")

        response = await mutate(self._store, request, content, work)
        self._asked()
        return response

    @operation("An erasure, and its proof", answers={200: ShownErasure})
    @requires("task:read", task="task_id")
    async def show_erasure(self, request: Request) -> Response:
        erasure_id = path_id(request, "erasure_id")
        found, head = await self._store.read(caller_of(request), lambda reading: _shown(reading, erasure_id))
        return show(found, head=head)


def _shown(reading: Reading, erasure_id: str) -> ShownErasure:
    erasure = erasures.find(reading, erasure_id)
    entry = audit.at(reading.connection, erasure.task_id, erasure.seq)
    return ShownErasure(erasure, Proof(entry.n, entry.link))
