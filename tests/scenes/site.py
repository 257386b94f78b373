"""Shows scenes in a browser under their own headers, with the server's own scripts and style sheet."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import parse_qsl, quote

from app_thread import served
from playwright.sync_api import BrowserContext
from segue_authz.pages import Message, message, static_routes
from server_process import free_port
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class SceneSite:
    """`show` names what it has and gives its address; what forms send is in `posted`, whatever their address."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.posted: list[dict[str, str]] = []
        self._pages: dict[str, Response] = {}
        self.app = Starlette(
            routes=[
                Route("/scene/{name:path}", self._scene),
                Route("/requests/waiting", self._waiting),
                static_routes(),
                Route("/{path:path}", self._take, methods=["POST"]),
            ]
        )

    def show(self, pages: Mapping[str, Response]) -> dict[str, str]:
        """From now on also these; the address of each."""
        self._pages |= pages
        return {name: f"{self.origin}/scene/{quote(name)}" for name in pages}

    async def _scene(self, request: Request) -> Response:
        return self._pages[request.path_params["name"]]

    async def _waiting(self, _: Request) -> Response:
        return JSONResponse({"waiting": ["trf_9"]})

    async def _take(self, request: Request) -> Response:
        self.posted.append(dict(parse_qsl((await request.body()).decode(), keep_blank_values=True)))
        return message(Message("Taken", "The form has arrived."))


def stay(context: BrowserContext) -> None:
    """In this browser, pages that lead to another site by themselves stay, as if that site had no content to show."""
    context.route(re.compile(r"https://"), lambda route: route.fulfill(status=204))


@contextmanager
def scene_site() -> Iterator[SceneSite]:
    site = SceneSite(port := free_port())
    with served(site.app, port=port):
        yield site
