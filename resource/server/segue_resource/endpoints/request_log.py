"""What joins a request under a task token to its task and session, in the log and in telemetry (R7).

A client may name its session in `Task-Session`; the answer says `Task-Id` and repeats `Task-Session`. What a device
says of its session is believed for that alone. Nothing of a body, a token or a query is told.
"""

import asyncio
import re
import time
from typing import Any

from segue.problem import Problem
from segue.task_token import TaskToken
from segue_storage import request_log
from segue_storage.seen import SEEN, TOKEN_CHECKED
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SESSION = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


class RequestLog:
    """Wraps what serves tasks, inside the middleware that verifies tokens.

    A request that another one makes here, of which the outermost layer knows nothing, is a line of its own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = scope.get("segue")
        if scope["type"] != "http" or not isinstance(token, TaskToken):
            await self._app(scope, receive, send)
            return
        session_id = _session_of(scope)
        joined = _members(token, session_id)
        headers = _headers(token, session_id)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        if SEEN in scope:
            scope[SEEN].update(joined)
            scope[SEEN][TOKEN_CHECKED] = time.perf_counter()
            await self._app(scope, receive, told)
        else:
            await self._within(scope, receive, told, joined)

    async def _within(self, scope: Scope, receive: Receive, send: Send, members: dict[str, Any]) -> None:
        clock = asyncio.get_running_loop().time
        began, status = clock(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app({**scope, SEEN: members}, receive, watched)
        finally:
            milliseconds = round((clock() - began) * 1000)
            request_log.tell(members, method=scope["method"], status=status, milliseconds=milliseconds)


def _session_of(scope: Scope) -> str | None:
    """The session that the request names. Raises `Problem` 400."""
    values = [value for name, value in scope["headers"] if name == b"task-session"]
    if not values:
        return None
    if len(values) > 1 or not _SESSION.fullmatch(values[0]):
        detail = "Task-Session is not the id of one session"
        raise Problem(400, "invalid-request", "The request is not of the documented form", detail)
    return str(values[0].decode("ascii"))


def _headers(token: TaskToken, session_id: str | None) -> list[tuple[bytes, bytes]]:
    headers = [(b"task-id", token.authority.task_id.encode("ascii"))]
    return headers if session_id is None else [*headers, (b"task-session", session_id.encode("ascii"))]


def _members(token: TaskToken, session_id: str | None) -> dict[str, Any]:
    return {
        "task_id": token.authority.task_id,
        "session_id": session_id,
        "device_id": token.device_id,
        "client_id": token.client_id,
        "transfer_id": token.authority.transfer_id,
        "epoch": token.authority.epoch,
    }
