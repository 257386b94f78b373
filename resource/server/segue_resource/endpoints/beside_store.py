"""Asks the task store, in this process, as whoever the middleware has let in: for the protocols served beside it.

What goes on is what the middleware has verified: no token leaves the request it came in. The store's own endpoints
answer, so nothing beside the store can do more or less than the request that it stands for.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, NamedTuple

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Scope

CHALLENGES = "segue.challenges"
"""Where the scope of a client's request keeps the store's challenges, which its HTTP answer has to be."""

_CARRIED = frozenset({b"task-session"})


class Answered(NamedTuple):
    """What the store said."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def value(self) -> Any:
        """The JSON of the body."""
        return json.loads(self.body)

    @property
    def problem(self) -> str | None:
        """The slug of the problem, if it was refused."""
        return str(self.value["type"]).rpartition(":")[2] if self.status >= 400 else None


class Challenged(Exception):
    """The token does not allow this. The client hears it from HTTP, in the place of the other protocol's error."""


class BesideStore:
    """The app that answers the store's addresses to whoever has been let in.

    `challenged` makes what is raised when the token does not allow something.
    """

    def __init__(self, tasks: ASGIApp, *, challenged: Callable[[], Exception] = Challenged) -> None:
        self._tasks = tasks
        self._challenged = challenged

    async def ask(
        self, request: Request, method: str, path: str, *, content: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answered:
        """One request, with its whole answer. Raises what `challenged` makes."""
        body = b"" if content is None else json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            messages.append(message)

        await self._tasks(_scope(request.scope, method, path, headers or {}), receive, send)
        start, *rest = messages
        answered = Answered(start["status"], start["headers"], b"".join(message.get("body", b"") for message in rest))
        if any(name == b"www-authenticate" for name, _ in answered.headers):
            request.scope[CHALLENGES].append(answered)
            raise self._challenged()
        return answered

    async def post(self, request: Request, path: str, content: Any, *, key: str | None = None) -> Answered:
        """One request with a JSON body, done once for its idempotency `key`."""
        headers = {"content-type": "application/json"} | ({} if key is None else {"idempotency-key": key})
        return await self.ask(request, "POST", path, content=content, headers=headers)

    @asynccontextmanager
    async def follow(self, request: Request, path: str) -> AsyncIterator[AsyncIterator[dict[str, Any] | None]]:
        """The events of a log as they come; they end when the token does, or when the server stops.

        None is a sign of life: all that happened until then has been told.
        """
        scope = _scope(request.scope, "GET", path, {"accept": "text/event-stream"})
        given, taken = anyio.create_memory_object_stream[Message]()

        async def serve() -> None:
            async with given:
                await self._tasks(scope, _never, given.send)

        async with taken, anyio.create_task_group() as serving, aclosing(_events(taken)) as events:
            serving.start_soon(serve)
            yield events
            serving.cancel_scope.cancel()


def _scope(asked: Scope, method: str, path: str, headers: Mapping[str, str]) -> Scope:
    """Of a request that never was on a wire. `path` is plain ASCII without percent-encoding."""
    address, _, query = path.partition("?")
    carried = [(name, value) for name, value in asked["headers"] if name in _CARRIED]
    return {
        "type": "http",
        "asgi": asked["asgi"],
        "http_version": "1.1",
        "scheme": asked["scheme"],
        "method": method,
        "path": address,
        "raw_path": address.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": [*carried, *((name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items())],
        "client": asked.get("client"),
        "server": asked.get("server"),
        "segue": asked["segue"],
        "segue.epoch": asked["segue.epoch"],
        "segue.step_up": asked["segue.step_up"],
    }


async def _never() -> Message:
    await anyio.sleep_forever()
    raise AssertionError("nobody leaves")


async def _events(taken: MemoryObjectReceiveStream[Message]) -> AsyncGenerator[dict[str, Any] | None]:
    """The blocks of a stream that have an id; the others are not in the log."""
    rest = b""
    async for message in taken:
        *blocks, rest = (rest + message.get("body", b"")).split(b"\n\n")
        for block in blocks:
            yield json.loads(block.partition(b"\ndata:")[2]) if block.startswith(b"id:") else None
