"""Stands between the middleware and another protocol, and answers what is HTTP's to answer."""

from urllib.parse import urlsplit

from segue.problem import Problem, problem_response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue_resource.endpoints.beside_store import CHALLENGES, Answered


class Door:
    """Lets POST alone pass, from the store's own origin `url` or from no page at all.

    There are no sessions to end, and no pages are served: they have the task store itself.
    """

    def __init__(self, app: ASGIApp, *, url: str) -> None:
        self._app = app
        self._origin = _origin(url)

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

        await self._app({**scope, CHALLENGES: challenges}, receive, unless_challenged)
        if challenges:
            await _answer(challenges[0], send)
        elif unfinished:  # a transport drops a stream whose client has left, or has lost its grant
            await send({"type": "http.response.body", "body": b""})

    def _problem_of(self, scope: Scope) -> Problem | None:
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
