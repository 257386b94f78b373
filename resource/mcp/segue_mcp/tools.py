"""What may be done with the task, as MCP tools: each is one request to the task store (specs/protocol.md section 8)."""

from typing import Annotated, Any, Literal

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
)
from msgspec import UNSET, Meta, UnsetType
from segue.problem import Problem, problem_response
from segue_resource.domain.working_set import ItemStatus, ItemType
from segue_resource.endpoints.beside_store import Answered, BesideStore
from segue_resource.endpoints.body import MERGE_PATCH, Shape
from segue_resource.endpoints.shape import Title
from segue_resource.endpoints.tool_calls import Claim, Failure, NewCall, Renewal, Success
from segue_resource.endpoints.working_set import NewItem

from segue_mcp.extension import require_extension
from segue_mcp.resources import Context, asked
from segue_mcp.tasks import CreatedTask, Tasks
from segue_mcp.tool import StoreTool


class Message(Shape, frozen=True):
    """`role` is in whose name it is said; what a role may say depends on who takes part as what."""

    text: Annotated[str, Meta(min_length=1, max_length=100_000)]
    role: Literal["customer", "agent", "human_agent", "system"] = "agent"


class ItemChanges(Shape, frozen=True):
    """The members that change (RFC 7396)."""

    type: ItemType | UnsetType = UNSET
    title: Title | UnsetType = UNSET
    body: Annotated[str, Meta(max_length=200_000)] | UnsetType = UNSET
    status: ItemStatus | UnsetType = UNSET


def _event(message: dict[str, Any]) -> dict[str, Any]:
    """A message as the event that the log keeps."""
    said = {name: value for name, value in message.items() if name != "role"}
    return {"events": [{"kind": "message", "role": message.get("role", "agent"), "body": said}]}


_CALL, _ITEM = "/tool-calls/{call_id}", "/working-set/{item_id}"

TOOLS = (
    StoreTool(
        "append_message",
        "Append a message",
        "Append a message to the event log of the task. Everybody who takes part sees it.",
        "/events",
        Message,
        made_of=_event,
    ),
    StoreTool(
        "put_working_set_item",
        "Create or replace a working-set item",
        "Create an item of the working set, or replace it at the version you have read. If somebody changed it first"
        " the answer is the problem `conflict`, with what is there now.",
        _ITEM,
        NewItem,
        method="PUT",
        ids=("item_id",),
        if_match="The version that is replaced; absent for an item that must be new",
        creates=True,
        replaces=True,
    ),
    StoreTool(
        "patch_working_set_item",
        "Change a working-set item",
        "Change members of an item of the working set at the version you have read; the others stay.",
        _ITEM,
        ItemChanges,
        method="PATCH",
        media_type=MERGE_PATCH,
        ids=("item_id",),
        if_match="The version that is changed",
        replaces=True,
    ),
    StoreTool(
        "propose_tool_call",
        "Propose a tool call",
        "Record a tool call before it is made. `effect` says what a repetition would do: `pure` and `idempotent` calls"
        " may be claimed at once, the others when the person has approved them.",
        "/tool-calls",
        NewCall,
    ),
    StoreTool(
        "request_tool_call",
        "Have a tool called",
        "Record a tool call for whoever works on the task to run, on whichever device. The answer is an MCP task, which"
        " ends with the result of the call.",
        "/tool-calls",
        NewCall,
        as_task=True,
    ),
    StoreTool(
        "claim_tool_call",
        "Claim a tool call",
        "Become the one holder of a tool call for `lease` seconds. The answer has the `fence`, which every later step"
        " needs, and the `downstream_key` to name to the system that is called.",
        f"{_CALL}/claim",
        Claim,
        ids=("call_id",),
    ),
    StoreTool(
        "start_tool_call",
        "Start a tool call",
        "Say that the call begins to run. Begin its effect only after this was answered.",
        f"{_CALL}/start",
        Renewal,
        ids=("call_id",),
    ),
    StoreTool(
        "heartbeat_tool_call",
        "Keep a tool call",
        "Extend the lease of a call you hold.",
        f"{_CALL}/heartbeat",
        Renewal,
        ids=("call_id",),
    ),
    StoreTool(
        "complete_tool_call",
        "Complete a tool call",
        "Record the result of a call you hold. With a fence that is no longer the current one it is refused.",
        f"{_CALL}/complete",
        Success,
        ids=("call_id",),
    ),
    StoreTool(
        "fail_tool_call",
        "Fail a tool call",
        "Record that a call you hold has failed, and why.",
        f"{_CALL}/fail",
        Failure,
        ids=("call_id",),
    ),
)


class Tools:
    """The handlers. Every tool is listed, whatever the token allows: a refusal says which action is missing."""

    def __init__(self, store: BesideStore, tasks: Tasks) -> None:
        self._store = store
        self._tasks = tasks
        self._tools = {tool.name: tool for tool in TOOLS}
        self._listed = [tool.described() for tool in TOOLS]

    async def list(self, _: Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=self._listed)

    async def call(self, ctx: Context, params: CallToolRequestParams) -> CallToolResult | CreatedTask:
        """What the store answers; its refusals are tool errors with the problem document (RFC 9457)."""
        tool = self._tools.get(params.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, "Unknown tool", {"name": params.name})
        if tool.as_task:
            require_extension(ctx)
        authority, request = asked(ctx)
        try:
            wanted = tool.request(authority.task_id, params.arguments or {})
        except Problem as problem:
            return _result(Answered(*problem_response(problem)))
        content, headers = wanted.content, wanted.headers
        answered = await self._store.ask(request, wanted.method, wanted.path, content=content, headers=headers)
        if tool.as_task and answered.status < 400:
            return await self._tasks.created(ctx, answered.value)
        return _result(answered)


def _result(answered: Answered) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(text=answered.body.decode())],
        structured_content=answered.value,
        is_error=answered.status >= 400,
    )
