"""Serve one demo page: its HTML, the shared modules, its settings as `/config.json`; all under a strict CSP.

Any web server can do this; what matters is the headers.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC = Path(__file__).parent / "static"


def create_app(page: str, *, settings: Mapping[str, Any], servers: Sequence[str], camera: bool = False) -> Starlette:
    """Serve `static/<page>`; it may talk to `servers` (URLs) and to nobody else, and use the `camera` if so said."""

    async def show_page(_: Request) -> Response:
        return FileResponse(STATIC / page, media_type="text/html; charset=utf-8")

    async def show_settings(_: Request) -> Response:
        return JSONResponse(dict(settings))

    return Starlette(
        routes=[
            Route("/", show_page),
            Route("/config.json", show_settings),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(SecurityHeaders, headers=security_headers(servers, camera=camera))],
    )


def security_headers(servers: Sequence[str], *, camera: bool = False) -> dict[str, str]:
    """What the page may load and where it may connect; Trusted Types make markup from strings impossible."""
    origins = sorted({"{0.scheme}://{0.netloc}".format(urlsplit(server)) for server in servers})
    policy = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        f"connect-src 'self' {' '.join(origins)}",
        "manifest-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": f"camera=({'self' * camera}), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }


class SecurityHeaders:
    """Puts the same headers on every answer."""

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)
