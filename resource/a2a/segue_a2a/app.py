"""The A2A server: JSON-RPC and Server-Sent Events beside the task store, and the agent card for everybody."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from segue.problem import Problem
from segue_resource.endpoints.beside import Beside
from segue_resource.endpoints.beside_door import Door
from segue_resource.endpoints.beside_standing import ENDED, State
from segue_resource.endpoints.beside_store import BesideStore, Challenged
from segue_resource.endpoints.beside_task import Looked
from segue_resource.endpoints.header import event_id
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from segue_a2a.card import CARD_PATH, agent_card
from segue_a2a.operations import Operations
from segue_a2a.params import GetTask, ListTasks, NamedTask, Params, SendMessage
from segue_a2a.reading import Reader, task_of_token
from segue_a2a.rpc import (
    A2AError,
    Call,
    InvalidParams,
    MethodNotFound,
    PushNotificationNotSupported,
    UnsupportedOperation,
    error,
    read_call,
    read_params,
    require_version,
    result,
)
from segue_a2a.stream import TURN_OVER, Updates, require_followable

PATH = "/a2a"
_PUSH = frozenset(
    f"{verb}TaskPushNotificationConfig{plural}"
    for verb, plural in (("Create", ""), ("Get", ""), ("List", "s"), ("Delete", ""))
)


def a2a_beside(url: str) -> Callable[[ASGIApp], Beside]:
    """What `create_app` of the task store at `url` takes as `beside`."""

    def beside(tasks: ASGIApp) -> Beside:
        door = Door(Endpoint(BesideStore(tasks), url=url), url=url)
        return Beside(PATH, door, _nothing, public={CARD_PATH: Card(url + PATH)})

    return beside


class Endpoint:
    """One address for all methods. A challenge of the store is left to HTTP."""

    def __init__(self, store: BesideStore, *, url: str) -> None:
        self._store = store
        self._reader = Reader(store, url=url)
        self._operations = Operations(store, self._reader)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        call_id: str | int | None = None
        answer: ASGIApp
        try:
            call = await read_call(request)
            call_id = call.id
            require_version(request)
            answer = await self._answered(request, call)
        except A2AError as refused:
            answer = _json(error(call_id, refused))
        except Challenged:
            return
        await answer(scope, receive, send)

    async def _answered(self, request: Request, call: Call) -> ASGIApp:
        match call.method:
            case "GetTask":
                return await self._plain(request, call, GetTask, self._operations.get_task)
            case "ListTasks":
                return await self._plain(request, call, ListTasks, self._operations.list_tasks)
            case "SendMessage":
                return await self._plain(request, call, SendMessage, self._operations.send_message)
            case "CancelTask":
                return await self._plain(request, call, NamedTask, self._operations.cancel_task)
            case "SendStreamingMessage":
                return await self._sent(request, call)
            case "SubscribeToTask":
                return await self._subscribed(request, call)
            case "GetExtendedAgentCard":
                raise UnsupportedOperation("There is one card, for everybody")
            case method if method in _PUSH:
                raise PushNotificationNotSupported("There are no push notifications: follow the task")
            case _:
                raise MethodNotFound("There is no such method")

    async def _plain(
        self, request: Request, call: Call, shape: type[Any], do: Callable[[Request, Any], Awaitable[Any]]
    ) -> ASGIApp:
        return _json(result(call.id, await do(request, _params(call, shape))))

    async def _sent(self, request: Request, call: Call) -> ASGIApp:
        """The message, and what comes of it until it is the person's turn again."""
        params = _params(call, SendMessage)
        task_id, history = task_of_token(request), params.configuration.history_length
        await require_followable(self._store, request, await self._reader.looked(request, task_id), after=0)
        seq = await self._operations.append(request, params)
        looked = await self._reader.looked(request, task_id)
        return await self._updates(request, call, looked, after=seq, history=history, until=TURN_OVER)

    async def _subscribed(self, request: Request, call: Call) -> ASGIApp:
        """The task, and what happens from now on, or since the cursor that the client names."""
        params = _params(call, NamedTask)
        looked = await self._reader.looked(request, params.id)
        after = _cursor(request, default=looked.cursor)
        await require_followable(self._store, request, looked, after=after)
        history = None if after == looked.cursor else 0
        return await self._updates(request, call, looked, after=after, history=history, until=ENDED)

    async def _updates(
        self, request: Request, call: Call, looked: Looked, *, after: int, history: int | None, until: frozenset[State]
    ) -> ASGIApp:
        first = await self._reader.task(request, looked, history=history)
        return Updates(
            self._store, self._reader, request, call_id=call.id, looked=looked, first=first, after=after, until=until
        )


class Card:
    """Answers the agent card's address."""

    def __init__(self, url: str) -> None:
        self._content = json.dumps(agent_card(url)).encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"cache-control": "public, max-age=3600"}
        if scope["method"] not in ("GET", "HEAD"):
            answer = Response(status_code=405, headers={"allow": "GET, HEAD"})
        else:
            answer = Response(self._content, media_type="application/json", headers=headers)
        await answer(scope, receive, send)


def _params(call: Call, shape: type[Any]) -> Any:
    params = read_params(call, shape)
    if isinstance(params, Params) and params.tenant:
        raise InvalidParams("There are no tenants here")
    return params


def _cursor(request: Request, *, default: int) -> int:
    try:
        named = event_id(request)
    except Problem as problem:
        raise InvalidParams("Last-Event-ID is not the id of an update") from problem
    return default if named is None else named


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")


@asynccontextmanager
async def _nothing(_: Starlette) -> AsyncIterator[None]:
    yield
