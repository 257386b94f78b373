"""One address and its methods. Starlette alone would serve HEAD on every GET and list one route's methods in Allow."""

from collections.abc import Awaitable, Callable

from segue_storage.seen import seen_in
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

Handler = Callable[[Request], Awaitable[Response | ASGIApp]]


class Address(Route):
    """A path with the handlers that serve it, by method."""

    handlers: dict[str, Handler]


def route(path: str, **handlers: Handler) -> Address:
    """`route("/tasks/{t}", GET=show, PATCH=rename)`: any other method is 405, HEAD included."""

    async def dispatch(request: Request) -> Response | ASGIApp:
        seen_in(request.scope)["route"] = path
        return await handlers[request.method](request)

    made = Address(path, dispatch, methods=list(handlers))
    made.methods = set(handlers)
    made.handlers = handlers
    return made
