"""Style sheet, scripts and logo, each under a name that carries its digest, so that it may be kept for ever."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from segue_authz.pages.security_headers import content_security_policy

WORKER = "/service-worker.js"
"""Where the service worker is: under the root, so that all pages are in its scope (Service Workers section 4.1)."""
_FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class _StaticFile:
    name: str
    body: bytes
    media_type: str


def _load(path: Path) -> _StaticFile:
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:12]
    return _StaticFile(f"{path.stem}.{digest}{path.suffix}", body, _MEDIA_TYPES[path.suffix])


_FILES = {path.name: _load(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _MEDIA_TYPES}
_BY_PUBLIC_NAME = {file.name: file for file in _FILES.values()}


def static_url(name: str) -> str:
    """The address of a file in `static/`. KeyError when there is none."""
    return f"/static/{_FILES[name].name}"


def static_routes() -> Mount:
    """Serves the files, from memory, under `/static`."""
    return Mount("/static", routes=[Route("/{name}", _serve)])


def worker_route() -> Route:
    """Serves the service worker."""
    return Route(WORKER, _serve_worker)


async def _serve_worker(_: Request) -> Response:
    """Asked anew each time: a worker that has changed takes over by itself."""
    file = _FILES["service_worker.js"]
    return Response(file.body, media_type=file.media_type, headers={**_headers(), "Cache-Control": "no-cache"})


async def _serve(request: Request) -> Response:
    file = _BY_PUBLIC_NAME.get(request.path_params["name"])
    headers = _headers()
    if file is None:
        return Response(status_code=404, headers={**headers, "Cache-Control": "no-store"})
    kept = {**headers, "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(file.body, media_type=file.media_type, headers=kept)


def _headers() -> dict[str, str]:
    return {
        "Content-Security-Policy": content_security_policy(),
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
