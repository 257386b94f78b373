"""MCP tasks (SEP-2663): a tool call of the task, or the task itself, polled by its own id (specs/task-objects.md)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, EmptyResult, RequestParams, Result
from pydantic import ConfigDict
from pydantic.alias_generators import to_camel
from segue.authority import TaskAuthority
from segue_resource.endpoints.beside_standing import State, call_state
from segue_resource.endpoints.beside_store import Answered, BesideStore
from segue_resource.endpoints.beside_task import Looked, NotAnswered, cancel, cancel_call, good, look
from segue_resource.endpoints.header import ID
from starlette.requests import Request

from segue_mcp.asking import Answer, Question, about_call, about_task, allowed
from segue_mcp.extension import require_extension
from segue_mcp.resources import Context, asked

POLL_INTERVAL = 1000
"""Milliseconds."""
_OVERTAKEN = frozenset({"wrong-state", "another-attempt", "not-active"})
"""The question was answered before, or asks for nothing any more."""
_CALL_ID = re.compile(ID, re.ASCII)


class NamedParams(RequestParams):
    """Which task."""

    task_id: str


class UpdateParams(NamedParams):
    """`input_responses` by the keys of what was asked."""

    input_responses: dict[str, Any]


class Task(Result):
    """A task as it is now, with what belongs to its status."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    result_type: Literal["task", "complete"] = "complete"
    task_id: str
    status: Literal["working", "input_required", "completed", "cancelled"]
    status_message: str | None = None
    created_at: str
    last_updated_at: str
    ttl_ms: int | None = None
    poll_interval_ms: int = POLL_INTERVAL
    input_requests: dict[str, Any] | None = None
    result: dict[str, Any] | None = None

    def on_the_wire(self) -> dict[str, Any]:
        """`ttlMs` of null says that nothing ends by itself."""
        members = self.model_dump(by_alias=True, mode="json", exclude_none=True)
        return {**members, "ttlMs": self.ttl_ms}


CreatedTask = dict[str, Any]
"""The result of a tool call that is answered as a task."""


@dataclass(frozen=True)
class _Found:
    """What the id names: one tool call, or (None) the whole task."""

    authority: TaskAuthority
    request: Request
    call_id: str | None


class Tasks:
    """The handlers. Whoever holds the task sees the same, whichever client began it."""

    def __init__(self, store: BesideStore) -> None:
        self._store = store

    async def get(self, ctx: Context, params: NamedParams) -> dict[str, Any]:
        found = _found(ctx, params)
        if found.call_id is None:
            return _of_task(found.authority, await self._looked(found)).on_the_wire()
        return (await self._of_call(found, await self._call(found))).on_the_wire()

    async def created(self, ctx: Context, call: Mapping[str, Any]) -> CreatedTask:
        """A call that was just proposed."""
        authority, request = asked(ctx)
        made = await self._of_call(_Found(authority, request, call["call_id"]), call)
        return made.model_copy(update={"result_type": "task", "input_requests": None}).on_the_wire()

    async def update(self, ctx: Context, params: UpdateParams) -> EmptyResult:
        """Whatever is not asked, or not any more, is passed over."""
        found = _found(ctx, params)
        asking = about_task(await self._looked(found)) if found.call_id is None else about_call(await self._call(found))
        outstanding = allowed(asking, found.authority.actions)
        for key, response in params.input_responses.items():
            if (question := outstanding.get(key)) and (answer := _answer(question, response)):
                await self._give(found, answer)
        return EmptyResult()

    async def cancel(self, ctx: Context, params: NamedParams) -> EmptyResult:
        """What has ended already stays as it ended."""
        found = _found(ctx, params)
        task_id = found.authority.task_id
        if found.call_id is None:
            answered = await cancel(self._store, found.request, task_id)
        else:
            answered = await cancel_call(self._store, found.request, task_id, found.call_id)
        if answered.problem not in ("wrong-state", "illegal-transition"):
            _require(answered)
        return EmptyResult()

    async def _looked(self, found: _Found) -> Looked:
        try:
            return await look(self._store, found.request, found.authority.task_id)
        except NotAnswered as refused:
            raise _error(refused.answered) from refused

    async def _call(self, found: _Found) -> Mapping[str, Any]:
        path = f"/tasks/{found.authority.task_id}/tool-calls/{found.call_id}"
        call: Mapping[str, Any] = _require(await self._store.ask(found.request, "GET", path)).value
        return call

    async def _of_call(self, found: _Found, call: Mapping[str, Any]) -> Task:
        questions = allowed(about_call(call), found.authority.actions)
        created_at = await self._proposed_at(found, call)
        updated_at = call["finished_at"] or call["started_at"] or created_at
        ended = call_state(call) in (State.COMPLETED, State.FAILED)
        return Task(
            task_id=call["call_id"],
            status=_status(call_state(call), asking=bool(questions)),
            status_message=f"{call['title']}: {call['state']}",
            created_at=_iso(created_at),
            last_updated_at=_iso(updated_at),
            input_requests=_requests(questions),
            result=_call_result(call) if ended else None,
        )

    async def _proposed_at(self, found: _Found, call: Mapping[str, Any]) -> int:
        """As the log says it, where it may be read."""
        address = f"/tasks/{found.authority.task_id}"
        if "events:read" in found.authority.actions:
            page = await self._store.ask(
                found.request, "GET", f"{address}/events?after={call['proposed_seq'] - 1}&limit=1"
            )
            if events := _require(page).value["events"]:
                return int(events[0]["at"])
        task = _require(await self._store.ask(found.request, "GET", address)).value
        return int(call["started_at"] or task["created_at"])

    async def _give(self, found: _Found, answer: Answer) -> None:
        path = f"/tasks/{found.authority.task_id}{answer.path}"
        answered = await self._store.post(found.request, path, dict(answer.content), key=answer.key)
        if answered.problem not in _OVERTAKEN:
            _require(answered)


def _found(ctx: Context, params: NamedParams) -> _Found:
    """Raises `MCPError` -32021 and -32602."""
    require_extension(ctx)
    authority, request = asked(ctx)
    if params.task_id == authority.task_id:
        return _Found(authority, request, None)
    if not _CALL_ID.fullmatch(params.task_id):
        raise _unknown()
    return _Found(authority, request, params.task_id)


def _of_task(authority: TaskAuthority, looked: Looked) -> Task:
    task, state = looked.task, looked.standing.state
    questions = allowed(about_task(looked), authority.actions)
    events = looked.resume["events"]
    return Task(
        task_id=task["task_id"],
        status=_status(state, asking=bool(questions)),
        status_message=f"{task['name']}: {task['status']}",
        created_at=_iso(task["created_at"]),
        last_updated_at=_iso(events[-1]["at"] if events else task["created_at"]),
        input_requests=_requests(questions),
        result=_task_result(looked) if state is State.COMPLETED else None,
    )


def _status(state: State, *, asking: bool) -> Literal["working", "input_required", "completed", "cancelled"]:
    """A tool that failed has completed: `failed` is for errors of JSON-RPC alone."""
    if state in (State.COMPLETED, State.FAILED):
        return "completed"
    if state is State.CANCELLED:
        return "cancelled"
    return "input_required" if asking else "working"


def _call_result(call: Mapping[str, Any]) -> dict[str, Any]:
    """As the tool would have answered."""
    failed = call["state"] == "failed"
    said = call["error"] if failed else call["result"]
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    structured = {"structuredContent": said} if isinstance(said, dict) else {}
    return {"content": [{"type": "text", "text": text}], "isError": failed, **structured}


def _task_result(looked: Looked) -> dict[str, Any]:
    """Where it stood when it was closed."""
    text = str(looked.resume["paragraph"])
    return {"content": [{"type": "text", "text": text}], "structuredContent": dict(looked.task), "isError": False}


def _requests(questions: Mapping[str, Question]) -> dict[str, Any] | None:
    return {key: question.request() for key, question in questions.items()} or None


def _answer(question: Question, response: Any) -> Answer | None:
    """Raises `MCPError` for a response of another form than was asked for."""
    try:
        return question.answer(response)
    except (KeyError, TypeError) as wrong:
        raise MCPError(
            INVALID_PARAMS, "The response is not of the form that was asked for", {"key": question.key}
        ) from wrong


def _require(answered: Answered) -> Answered:
    """Raises `MCPError`."""
    try:
        return good(answered)
    except NotAnswered as refused:
        raise _error(refused.answered) from refused


def _error(answered: Answered) -> MCPError:
    if answered.status == 404:
        return _unknown()
    code = INTERNAL_ERROR if answered.status >= 500 else INVALID_PARAMS
    return MCPError(code, answered.value["title"], {"problem": answered.value})


def _unknown() -> MCPError:
    return MCPError(INVALID_PARAMS, "Task not found")


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
