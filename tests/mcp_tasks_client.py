"""What an application brings to the official MCP client, which knows no tasks (SEP-2663) of its own."""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

from mcp.client.client import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp_types import CallToolResult, Request, Result
from segue_mcp.extension import EXTENSION


class Created(Result):
    """What a tool answers in the place of its result."""

    result_type: Literal["task"]
    taskId: str  # noqa: N815
    status: str
    ttlMs: int | None  # noqa: N815


class Polled(Result):
    """A task as `tasks/get` has it."""

    taskId: str  # noqa: N815
    status: str
    statusMessage: str = ""  # noqa: N815
    createdAt: str  # noqa: N815
    lastUpdatedAt: str  # noqa: N815
    ttlMs: int | None  # noqa: N815
    pollIntervalMs: int  # noqa: N815
    inputRequests: dict[str, Any] | None = None  # noqa: N815
    result: dict[str, Any] | None = None


class TaskRequest(Request[Any, str]):
    """`tasks/get`, `tasks/update` or `tasks/cancel`."""

    name_param = "taskId"
    params: dict[str, Any]


class Acknowledged(Result):
    result_type: str = ""


class TasksExtension(ClientExtension):
    """What an application that knows tasks brings: it polls until the call has ended."""

    identifier = EXTENSION

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Created, resolve=self._resolve)]

    async def _resolve(self, created: Created, ctx: ClaimContext) -> CallToolResult:
        while True:
            request = TaskRequest(method="tasks/get", params={"taskId": created.taskId})
            task = await ctx.session.send_request(request, Polled)
            if task.status == "completed":
                return CallToolResult.model_validate(task.result)
            await asyncio.sleep(0.01)


async def polled(client: Client, task_id: str) -> Polled:
    return await client.session.send_request(TaskRequest(method="tasks/get", params={"taskId": task_id}), Polled)


async def cancelled(client: Client, task_id: str) -> None:
    request = TaskRequest(method="tasks/cancel", params={"taskId": task_id})
    assert (await client.session.send_request(request, Acknowledged)).result_type == "complete"


async def answered(client: Client, task_id: str, **responses: Any) -> None:
    params = {"taskId": task_id, "inputResponses": responses}
    request = TaskRequest(method="tasks/update", params=params)
    assert (await client.session.send_request(request, Acknowledged)).result_type == "complete"


async def requested(client: Client, call: dict[str, Any]) -> str:
    """The task of a call that is asked for."""
    created = await client.session.call_tool("request_tool_call", call, allow_claimed=True)
    assert isinstance(created, Created)
    assert created.ttlMs is None
    return created.taskId
