"""Every answer that is not what was asked for, as problem details (RFC 9457), whoever raised it."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from segue.problem import Problem, problem_response
from segue_storage.database import DatabaseUnavailable, WriteInDoubt
from segue_storage.ephemeral import MemoryUnavailable
from segue_storage.seen import seen_in
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue_resource.domain.refusal import Refused
from segue_resource.endpoints.refusals import refused
from segue_resource.stores.files.blobs import BlobsUnavailable
from segue_resource.stores.keys.key_wrapper import KeysUnavailable
from segue_resource.stores.keys.sealing import Damaged

_log = logging.getLogger(__name__)

_STATUSES = {
    404: ("not-found", "There is nothing here", "no such address"),
    405: ("method-not-allowed", "Not that method", "the header Allow lists the methods of this address"),
}


class ProblemAnswers:
    """Wraps an ASGI app: whatever it raises becomes a problem, and what nobody foresaw is logged and says nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            _log.info("the client left before its request was whole")
        except Exception as failure:
            if started:
                raise
            problem = _problem_of(failure)
            seen_in(scope)["problem"] = problem.slug
            await _answer(problem, send)


async def _answer(problem: Problem, send: Callable[[Message], Awaitable[None]]) -> None:
    status, headers, body = problem_response(problem)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _problem_of(failure: Exception) -> Problem:
    match failure:
        case Problem():
            return failure
        case Refused():
            return refused(failure)
        case HTTPException(status_code=status) if status in _STATUSES:
            return Problem(status, *_STATUSES[status], headers=failure.headers)
        case Damaged(place=place):
            _log.error("the request met something damaged", exc_info=failure)
            detail = "what is asked for is not what was stored; the rest of the task can be read, and an operator told"
            where: dict[str, Any] = {} if place is None else {"part": place.table, "id": place.row}
            return Problem(500, "damaged", "This part of the task is damaged", detail, **where)
        case WriteInDoubt():
            _log.error("a write is in doubt", exc_info=failure)
            detail = "repeat the request with the same Idempotency-Key, or read what is there"
            return Problem(503, "in-doubt", "Nobody knows whether this was done", detail, headers={"Retry-After": "1"})
        case DatabaseUnavailable():
            _log.error("the database is unavailable", exc_info=failure)
            detail = "nothing was done; try again"
            return Problem(503, "unavailable", "The task store cannot answer now", detail, headers={"Retry-After": "1"})
        case BlobsUnavailable():
            _log.error("the files cannot be reached: %r", failure.__cause__ or failure)
            detail = "files are not to be had now; the task itself is"
            return Problem(503, "unavailable", "The task store cannot answer now", detail, headers={"Retry-After": "1"})
        case MemoryUnavailable():
            _log.warning("the ephemeral store is unavailable: %r", failure.__cause__ or failure)
            detail = "what is live is not kept now; the log is"
            return Problem(503, "unavailable", "The task store cannot answer now", detail, headers={"Retry-After": "1"})
        case KeysUnavailable():
            _log.error("data keys cannot be wrapped or unwrapped: %s", failure)
            detail = "nothing was done; try again"
            return Problem(503, "unavailable", "The task store cannot answer now", detail, headers={"Retry-After": "1"})
        case _:
            _log.error("the request failed", exc_info=failure)
            return Problem(500, "server-error", "The task store failed", "the server could not answer")
