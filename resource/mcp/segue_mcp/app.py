"""The MCP server: resources, tools and subscriptions over Streamable HTTP, without sessions, beside the task store."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from segue.problem import Problem, problem_response
from segue_resource.endpoints.beside import Beside
from segue_resource.endpoints.body import MAX_BYTES
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue_mcp.listening import Listening
from segue_mcp.resources import Resources
from segue_mcp.store import CHALLENGES, Answered, Store
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
        manager = StreamableHTTPSessionManager(
            _server(Store(tasks)), json_response=True, stateless=True, max_request_body_size=2 * MAX_BYTES
        )

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            async with manager.run():
                yield

        return Beside(PATH, Endpoint(manager.handle_request, origin=_origin(url)), lifespan)

    return beside


def _server(store: Store) -> Server[Any]:
    resources, tools = Resources(store), Tools(store)
    return Server(
        "segue",
        title="Segue task",
        version=version("segue-mcp"),
        instructions=_INSTRUCTIONS,
        on_list_resources=resources.list,
        on_list_resource_templates=resources.list_templates,
        on_read_resource=resources.read,
        on_subscriptions_listen=Listening(store).listen,
        on_list_tools=tools.list,
        on_call_tool=tools.call,
    )


class Endpoint:
    """Stands between the middleware and the SDK's transport, and answers what is HTTP's to answer."""

    def __init__(self, transport: ASGIApp, *, origin: str) -> None:
        self._transport = transport
        self._origin = origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if (problem := self._problem_of(scope)) is not None:
            await _answer(Answered(*problem_response(problem)), send)
            return
        challenges: list[Answered] = []
        unfinished = False

        async def unless_challenged(message: Message) -> None:
            nonlocal unfinished
            if not challenges:
                unfinished = message["type"] == "http.response.start" or message.get("more_body", False)
                await send(message)

        await self._transport({**scope, CHALLENGES: challenges}, receive, unless_challenged)
        if challenges:
            await _answer(challenges[0], send)
        elif unfinished:  # the transport drops a stream whose client has left, or has lost its grant
            await send({"type": "http.response.body", "body": b""})

    def _problem_of(self, scope: Scope) -> Problem | None:
        """No web page of another origin is served (MCP 2026-07-28, Streamable HTTP, Security & Endpoint). There are no
        sessions to end, and no stream but that of `subscriptions/listen`."""
        if scope["method"] != "POST":
            detail = "the header Allow lists the methods of this address"
            return Problem(405, "method-not-allowed", "Not that method", detail, headers={"Allow": "POST"})
        if any(name == b"origin" and value.decode("latin-1") != self._origin for name, value in scope["headers"]):
            return Problem(403, "foreign-origin", "No pages are served here", "the header Origin names another server")
        return None


async def _answer(answered: Answered, send: Send) -> None:
    await send({"type": "http.response.start", "status": answered.status, "headers": answered.headers})
    await send({"type": "http.response.body", "body": answered.body})


def _origin(url: str) -> str:
    scheme, host, *_ = urlsplit(url)
    return f"{scheme}://{host}"
