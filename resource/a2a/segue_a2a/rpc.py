"""A2A over JSON-RPC 2.0 (A2A 1.0 section 9): one call, its answer, and the errors by their codes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from segue.problem import Problem
from segue_resource.endpoints.beside_store import Answered
from segue_resource.endpoints.body import read_body
from starlette.requests import Request

VERSION = "1.0"
_DOMAIN = "a2a-protocol.org"
_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_T = TypeVar("_T")


class A2AError(Exception):
    """An error answer. `about` is for programs: names and short texts."""

    code = -32603
    reason = "INTERNAL_ERROR"

    def __init__(self, message: str, about: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.about = dict(about or {})

    def told(self) -> dict[str, Any]:
        info = {"@type": _ERROR_INFO, "reason": self.reason, "domain": _DOMAIN, "metadata": self.about}
        return {"code": self.code, "message": self.message, "data": [info]}


class TaskNotFound(A2AError):
    code, reason = -32001, "TASK_NOT_FOUND"


class TaskNotCancelable(A2AError):
    code, reason = -32002, "TASK_NOT_CANCELABLE"


class PushNotificationNotSupported(A2AError):
    code, reason = -32003, "PUSH_NOTIFICATION_NOT_SUPPORTED"


class UnsupportedOperation(A2AError):
    code, reason = -32004, "UNSUPPORTED_OPERATION"


class ContentTypeNotSupported(A2AError):
    code, reason = -32005, "CONTENT_TYPE_NOT_SUPPORTED"


class VersionNotSupported(A2AError):
    code, reason = -32009, "VERSION_NOT_SUPPORTED"


class ParseError(A2AError):
    code, reason = -32700, "PARSE_ERROR"


class InvalidRequest(A2AError):
    code, reason = -32600, "INVALID_REQUEST"


class MethodNotFound(A2AError):
    code, reason = -32601, "METHOD_NOT_FOUND"


class InvalidParams(A2AError):
    code, reason = -32602, "INVALID_PARAMS"


@dataclass(frozen=True)
class Call:
    """What was asked. `id` goes back with every answer."""

    id: str | int | None
    method: str
    params: Mapping[str, Any]


async def read_call(request: Request) -> Call:
    """Raises `A2AError`."""
    try:
        body, _ = await read_body(request, dict[str, Any])
    except Problem as problem:
        refusals: dict[str, type[A2AError]] = {"malformed-json": ParseError, "live-credential": InvalidParams}
        raise refusals.get(problem.slug, InvalidRequest)(problem.title, {"detail": problem.detail}) from problem
    call_id, method, params = body.get("id"), body.get("method"), body.get("params", {})
    named = call_id is None or (isinstance(call_id, str | int) and not isinstance(call_id, bool))
    if body.get("jsonrpc") != "2.0" or not named or not isinstance(method, str):
        raise InvalidRequest("This is not a request of JSON-RPC 2.0")
    if not isinstance(params, dict):
        raise InvalidParams("The params are not an object")
    return Call(call_id, method, params)


def require_version(request: Request) -> None:
    """A client that names none speaks 0.3 (A2A 1.0 section 3.6). Raises `VersionNotSupported`."""
    named = request.headers.get("A2A-Version", "")
    if named != VERSION and not named.startswith(f"{VERSION}."):
        raise VersionNotSupported("A2A 1.0 is served here", {"served": VERSION})


def read_params(call: Call, shape: type[_T]) -> _T:
    """Raises `InvalidParams`."""
    try:
        return msgspec.convert(call.params, shape)
    except msgspec.ValidationError as wrong:
        raise InvalidParams("The params are not of the form of this method", {"detail": str(wrong)[:300]}) from wrong


def result(call_id: str | int | None, value: Any) -> bytes:
    return _json({"jsonrpc": "2.0", "id": call_id, "result": value})


def error(call_id: str | int | None, refused: A2AError) -> bytes:
    return _json({"jsonrpc": "2.0", "id": call_id, "error": refused.told()})


def refusal(answered: Answered) -> A2AError:
    """What a refusal of the task store is in A2A. `about` has its problem (RFC 9457)."""
    if answered.status == 404:
        return TaskNotFound("Task not found")
    said = answered.value
    about = {"problem": said["type"], "status": str(answered.status), "detail": said["detail"]}
    if answered.status >= 500 or answered.status == 429:
        return A2AError(said["title"], about)
    state_forbids = answered.status in (403, 409, 423) and answered.problem != "cursor-ahead"
    return (UnsupportedOperation if state_forbids else InvalidParams)(said["title"], about)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
