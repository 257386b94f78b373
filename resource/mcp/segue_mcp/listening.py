"""`subscriptions/listen`: an MCP client hears which resources of its task have changed, from the event log."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp_types import SubscriptionsListenRequestParams, SubscriptionsListenResult
from segue_resource.endpoints.beside_store import BesideStore

from segue_mcp.extension import require_extension
from segue_mcp.resources import Context, asked, changed_by, require_good


class Listening:
    """The handler. What it tells begins at the head of the log and ends with the token."""

    def __init__(self, store: BesideStore) -> None:
        self._store = store

    async def listen(self, ctx: Context, params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        if "taskIds" in (params.notifications.model_extra or {}):
            require_extension(ctx)  # the filter is not honored: tasks are polled
        authority, request = asked(ctx)
        address = f"/tasks/{authority.task_id}/events"
        answered = await self._store.ask(request, "GET", f"{address}?limit=1")
        require_good(answered.status, answered.value)
        bus = InMemorySubscriptionBus()
        handler = ListenHandler(bus)
        path = f"{address}?after={answered.value['head']}"
        async with self._store.follow(request, path) as events, anyio.create_task_group() as telling:
            telling.start_soon(_tell, bus, handler, events, authority.task_id)
            result = await handler(ctx, params)
            telling.cancel_scope.cancel()
        return result


async def _tell(
    bus: InMemorySubscriptionBus, handler: ListenHandler, events: AsyncIterator[dict[str, Any] | None], task_id: str
) -> None:
    async for event in events:
        for change in [] if event is None else changed_by(task_id, event):
            await bus.publish(change)
    handler.close()
