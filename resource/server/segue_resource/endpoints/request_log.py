"""One line of log for each request under a task token: what joins a request to its task and session (R7).

A client may name its session in `Task-Session`; the answer says `Task-Id` and repeats `Task-Session`. What a device
says of its session is believed for the log alone. Nothing of a body, a token or a query is logged.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any

from segue.problem import Problem
from segue.task_token import TaskToken
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ROUTE = "segue.route"
"""Where the scope says which address was asked, without the ids in it."""
SEEN = "segue.seen"
"""Where the scope has, if anybody wants to know, a dict that is told what a request turns out to be."""

_SESSION = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_log = logging.getLogger(__name__)


class RequestLog:
    """Wraps what serves tasks, inside the middleware that verifies tokens."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = scope.get("segue")
        if scope["type"] != "http" or not isinstance(token, TaskToken):
            await self._app(scope, receive, send)
            return
        session_id = _session_of(scope)
        began, status = asyncio.get_running_loop().time(), 0
        members = _members(scope, token, session_id)
        scope.get(SEEN, {}).update(members)

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                scope.get(SEEN, {})["route"] = scope.get(ROUTE)
                message = {**message, "headers": [*message.get("headers", ()), *_headers(token, session_id)]}
            await send(message)

        try:
            await self._app(scope, receive, told)
        finally:
            milliseconds = round((asyncio.get_running_loop().time() - began) * 1000)
            _tell(members, route=scope.get(ROUTE), status=status, milliseconds=milliseconds)


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


def _members(scope: Scope, token: TaskToken, session_id: str | None) -> dict[str, Any]:
    return {
        "task_id": token.authority.task_id,
        "session_id": session_id,
        "device_id": token.device_id,
        "client_id": token.client_id,
        "transfer_id": token.authority.transfer_id,
        "epoch": token.authority.epoch,
        "method": scope["method"],
    }


def _tell(known: Mapping[str, Any], *, route: str | None, status: int, milliseconds: int) -> None:
    members = {**known, "route": route, "status": status, "milliseconds": milliseconds}
    line = " ".join(f"{name}={value}" for name, value in members.items() if value is not None)
    _log.info("%s", line, extra={"members": members})
