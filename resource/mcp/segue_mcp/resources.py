"""The task as MCP resources: `segue:/` before an address of the task store (specs/protocol.md section 8)."""

import re
from typing import Any, NamedTuple

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ResourcesListChanged, ResourceUpdated, ServerEvent
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)
from segue.authority import TaskAuthority
from segue_resource.endpoints.beside_store import BesideStore
from segue_resource.endpoints.body import JSON
from segue_resource.endpoints.header import ID
from starlette.requests import Request

Context = ServerRequestContext[Any, Request]

_SCHEME = "segue:/"
_NUMBER = "(0|[1-9][0-9]{0,14})"
_READABLE = re.compile(
    rf"{_SCHEME}(?P<path>/tasks/{ID}"
    rf"(|/resume|/working-set|/working-set/{ID}|/events(\?after={_NUMBER})?|/tool-calls(\?before={_NUMBER}|/{ID})?))",
    re.ASCII,
)


class _Part(NamedTuple):
    """A part of every task: what follows the task's address, and the action that reading it takes."""

    path: str
    action: str
    name: str
    description: str


_PARTS = (
    _Part("", "task:read", "task", "The task: its name, its status, its owner, its budget, and the head of its log"),
    _Part(
        "/resume",
        "task:read",
        "resume",
        "Where the task stands, in one paragraph and in full: working set, unfinished tool calls, latest events",
    ),
    _Part("/working-set", "working_set:read", "working-set", "What the task is about now: items with a version each"),
    _Part("/events", "events:read", "events", "What happened, oldest first: a page of the event log"),
    _Part("/tool-calls", "tool_calls:read", "tool-calls", "The tool calls, newest first, with state and holder"),
)
_TEMPLATES = (
    ("/working-set/{item_id}", "item", "An item of the working set, with its version"),
    ("/events{?after}", "events-page", "A page of the event log: `after` is the `next_after` of the page before"),
    ("/tool-calls{?before}", "tool-calls-page", "Older tool calls: `before` is the last `proposed_seq` seen"),
    ("/tool-calls/{call_id}", "tool-call", "A tool call; its fence is shown to the device that holds it"),
)


class Resources:
    """The handlers. What the token does not allow to read is not listed."""

    def __init__(self, store: BesideStore) -> None:
        self._store = store

    async def list(self, ctx: Context, _: PaginatedRequestParams | None) -> ListResourcesResult:
        authority, request = asked(ctx)
        parts = [part for part in _PARTS if part.action in authority.actions]
        found = [_resource(authority.task_id, part.path, part.name, part.description) for part in parts]
        if "working_set:read" in authority.actions:
            answered = await self._store.ask(request, "GET", f"/tasks/{authority.task_id}/working-set")
            require_good(answered.status, answered.value)
            found += [_item(authority.task_id, item) for item in answered.value["items"]]
        return ListResourcesResult(resources=found)

    async def list_templates(self, ctx: Context, _: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
        authority, _request = asked(ctx)
        templates = [
            ResourceTemplate(name=name, description=text, uri_template=uri(authority.task_id, path), mime_type=JSON)
            for path, name, text in _TEMPLATES
        ]
        return ListResourceTemplatesResult(resource_templates=templates)

    async def read(self, ctx: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        readable = _READABLE.fullmatch(params.uri)
        if readable is None:
            raise MCPError(INVALID_PARAMS, "Resource not found", {"uri": params.uri})
        _, request = asked(ctx)
        answered = await self._store.ask(request, "GET", readable["path"])
        require_good(answered.status, answered.value, uri=params.uri)
        content = TextResourceContents(uri=params.uri, mime_type=JSON, text=answered.body.decode())
        return ReadResourceResult(contents=[content])


def uri(task_id: str, path: str) -> str:
    """Of a part of a task."""
    return f"{_SCHEME}/tasks/{task_id}{path}"


def changed_by(task_id: str, event: dict[str, Any]) -> list[ServerEvent]:
    """What an event of the log has made worth reading again."""
    kind, body = event["kind"], event["body"]
    paths, listed = ["/events", "/resume"], False
    if kind.startswith("working_set."):
        paths += ["/working-set", f"/working-set/{body['item_id']}"]
        listed = True
    elif kind.startswith("tool_call."):
        paths += ["/tool-calls", f"/tool-calls/{body['call_id']}"]
    elif kind == "task.reverted":
        paths += ["", "/working-set", *(f"/working-set/{item['item_id']}" for item in body.get("working_set", []))]
        listed = True
    elif kind.startswith("task."):
        paths.append("")
    updated: list[ServerEvent] = [ResourceUpdated(uri(task_id, path)) for path in paths]
    return [*updated, ResourcesListChanged()] if listed else updated


def asked(ctx: Context) -> tuple[TaskAuthority, Request]:
    """Under which authority, and the request that the middleware has let in."""
    request = ctx.request
    if request is None:
        raise TypeError("not served over HTTP")
    return request.scope["segue"].authority, request


def require_good(status: int, said: Any, **data: Any) -> None:
    """The store's refusal as a protocol error, with its problem document (RFC 9457). Raises `MCPError`."""
    if status == 404:
        raise MCPError(INVALID_PARAMS, "Resource not found", data)
    if status >= 400:
        raise MCPError(INTERNAL_ERROR if status >= 500 else INVALID_PARAMS, said["title"], {**data, "problem": said})


def _resource(task_id: str, path: str, name: str, description: str, **further: Any) -> Resource:
    return Resource(name=name, description=description, uri=uri(task_id, path), mime_type=JSON, **further)


def _item(task_id: str, item: dict[str, Any]) -> Resource:
    path, told = f"/working-set/{item['item_id']}", f"{item['type']}, {item['status']}, version {item['version']}"
    return _resource(task_id, path, item["item_id"], told, title=item["title"])
