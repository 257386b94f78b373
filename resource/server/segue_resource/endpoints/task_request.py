"""What the endpoints under `/tasks/{task_id}` share: who calls, how reads and mutations are answered."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from segue.task_token import TaskToken
from starlette.requests import Request
from starlette.responses import Response

from segue_resource.domain.actor import Caller
from segue_resource.domain.refusal import Refused
from segue_resource.endpoints.header import header, idempotency_key
from segue_resource.endpoints.refusals import refused
from segue_resource.stores.idempotency import Answer, Attempt
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing

_CONDITIONS = ("If-Match", "If-None-Match")


def token_of(request: Request) -> TaskToken:
    """The token that the middleware has verified."""
    token = request.scope["segue"]
    if not isinstance(token, TaskToken):
        raise TypeError("the app is not behind TaskTokenMiddleware")
    return token


def caller_of(request: Request) -> Caller:
    token = token_of(request)
    return Caller(
        sub=token.sub,
        client_id=token.client_id,
        device_id=token.device_id,
        task_id=token.authority.task_id,
        epoch=token.authority.epoch,
        transfer_id=token.authority.transfer_id,
        needs=request.scope["segue.required"],
        actors=token.actors,
        token=hashlib.sha256(token.jti.encode()).hexdigest()[:32],
    )


def show(value: Any, *, head: int, etag: int | None = None) -> Response:
    """200 with the value as JSON."""
    headers = {"Task-Head": str(head)} | ({} if etag is None else {"ETag": f'"{etag}"'})
    return Response(msgspec.json.encode(value), headers=headers, media_type="application/json")


def unchanged(*, head: int, etag: int) -> Response:
    """304: the client has it (RFC 9110 section 15.4.5)."""
    return Response(status_code=304, headers={"Task-Head": str(head), "ETag": f'"{etag}"'})


def answer(status: int, value: Any = None, **headers: str) -> Answer:
    """What a mutation is answered with: the value as JSON, or nothing."""
    if value is None:
        return Answer(status, headers, "")
    return Answer(status, {"Content-Type": "application/json", **headers}, msgspec.json.encode(value).decode())


def refusal_answer(refusal: Refused) -> Answer:
    """A refusal that has left its mark in the task, so that it must be committed and not raised."""
    problem = refused(refusal)
    content = {"type": f"urn:segue:problem:{problem.slug}", "title": problem.title, "status": problem.status}
    body = msgspec.json.encode({**content, "detail": problem.detail, **problem.members}).decode()
    return Answer(problem.status, {"Content-Type": "application/problem+json"}, body)


async def mutate(
    store: TaskStore,
    request: Request,
    content: bytes,
    work: Callable[[Writing], Answer],
    *,
    expected: int = 1,
    stale_too: bool = False,
    attempt: Attempt | None = None,
    only_logs: bool = False,
) -> Response:
    """Let `work` change the task, once for one `Idempotency-Key`, and answer. The rest is as in `TaskStore.write`.

    What can be done once only whatever its client says is an `attempt` of its own.
    """
    key = idempotency_key(request)
    if attempt is None and key is not None:
        attempt = Attempt(key, _digest(request, content))
    caller = caller_of(request)
    answered = await store.write(
        caller, work, attempt=attempt, expected=expected, stale_too=stale_too, only_logs=only_logs
    )
    headers = {**answered.answer.headers, "Task-Head": str(answered.head)}
    if answered.replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(answered.answer.body, answered.answer.status, headers)


def _digest(request: Request, content: bytes) -> str:
    """Of everything that makes a request this request: what it is, on which condition, and its body."""
    said = [request.method, request.url.path, request.url.query, *(header(request, name) or "" for name in _CONDITIONS)]
    return hashlib.sha256("\0".join(said).encode() + b"\0" + content).hexdigest()
