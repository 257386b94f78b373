"""Serve one demo page: its HTML in the person's language, the shared modules, its settings as `/config.json`.

Any web server can do this; what matters is the headers: all of it is under a strict CSP.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue_demo.catalogue import catalogue
from segue_demo.language import LANGUAGES, Language, choose, spoken
from segue_demo.module_graph import imported

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"
WORTH_COMPRESSING = 600
"""Bytes. Nothing that these answers hold is secret, so that their length tells nothing (BREACH)."""


def create_app(page: str, *, settings: Mapping[str, Any], servers: Sequence[str], camera: bool = False) -> Starlette:
    """Serve the template `page`; it may talk to `servers` (URLs) and nobody else, and use the `camera` if said so."""
    documents = {language: _document(page, language) for language in LANGUAGES}

    async def show_page(request: Request) -> Response:
        if "lang" in request.query_params:
            return choose(request)
        language = spoken(request)
        headers = {"Content-Language": language.tag, "Vary": "Accept-Language, Cookie"}
        return HTMLResponse(documents[language], headers=headers)

    async def show_settings(_: Request) -> Response:
        return JSONResponse(dict(settings))

    return Starlette(
        routes=[
            Route("/", show_page),
            Route("/config.json", show_settings),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[
            Middleware(SecurityHeaders, headers=security_headers(servers, camera=camera)),
            Middleware(GZipMiddleware, minimum_size=WORTH_COMPRESSING),
        ],
    )


def _document(page: str, language: Language) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    texts = catalogue(language.tag)
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # of the i18n extension
        texts.gettext, lambda one, many, count: texts.gettext(one if count == 1 else many), newstyle=True
    )
    return environment.get_template(f"{page}.html").render(
        language=language,
        languages=LANGUAGES,
        texts=texts.texts,
        modules=imported(STATIC / f"{page}.js", within=STATIC),
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
