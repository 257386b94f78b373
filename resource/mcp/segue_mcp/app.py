"""The MCP server: resources, tools and subscriptions over Streamable HTTP, without sessions, beside the task store."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_REQUEST, CallToolRequestParams
from segue_resource.endpoints.beside import Beside
from segue_resource.endpoints.beside_door import Door
from segue_resource.endpoints.beside_store import BesideStore
from segue_resource.endpoints.body import MAX_BYTES
from starlette.applications import Starlette
from starlette.types import ASGIApp

from segue_mcp.extension import EXTENSION
from segue_mcp.listening import Listening
from segue_mcp.resources import Resources
from segue_mcp.tasks import NamedParams, Tasks, UpdateParams
from segue_mcp.tools import Tools

PATH = "/mcp"
_INSTRUCTIONS = (
    "One task that a person has let this device continue. Read the resource `resume` first: it says where the task"
    " stands. Keep facts and decisions in the working set, and record every call with side effects as a tool call:"
    " propose it, claim it, start it, and complete or fail it with the fence of your claim."
)


def mcp_beside(url: str) -> Callable[[ASGIApp], Beside]:
    """What `create_app` of the task store at `url` takes as `beside`."""

    def beside(tasks: ASGIApp) -> Beside:
        server = _server(BesideStore(tasks, challenged=_challenged))
        manager = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=2 * MAX_BYTES
        )

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            async with manager.run():
                yield

        return Beside(PATH, Door(manager.handle_request, url=url), lifespan)

    return beside


def _challenged() -> MCPError:
    """The client hears it from HTTP, in the place of this JSON-RPC error."""
    return MCPError(INVALID_REQUEST, "The task token does not allow this")


def _server(store: BesideStore) -> Server[Any]:
    resources, tasks = Resources(store), Tasks(store)
    tools = Tools(store, tasks)
    server: Server[Any] = Server(
        "segue",
        title="Segue task",
        version=version("segue-mcp"),
        instructions=_INSTRUCTIONS,
        on_list_resources=resources.list,
        on_list_resource_templates=resources.list_templates,
        on_read_resource=resources.read,
        on_subscriptions_listen=Listening(store).listen,
        on_list_tools=tools.list,
    )
    server.extensions[EXTENSION] = {}
    server.add_request_handler("tools/call", CallToolRequestParams, tools.call)
    server.add_request_handler("tasks/get", NamedParams, tasks.get)
    server.add_request_handler("tasks/update", UpdateParams, tasks.update)
    server.add_request_handler("tasks/cancel", NamedParams, tasks.cancel)
    return server
