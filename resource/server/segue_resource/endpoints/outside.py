"""What stands before the task tokens: headers for every answer, CORS for devices, and the way of those without a token.

Any web page may be a device, so any origin may ask; there are no cookies, and a token is worth nothing without its key.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALLOWED = (
    "Authorization, DPoP, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Task-Session,"
    " Range, If-Range, Content-Digest, Repr-Digest, Upload-Complete, Upload-Offset, Upload-Length"
)
_EXPOSED = (
    "DPoP-Nonce, WWW-Authenticate, ETag, Task-Head, Task-Id, Task-Session, Idempotency-Replayed, Location,"
    " Accept-Ranges, Content-Range, Content-Disposition, Repr-Digest, Upload-Complete, Upload-Offset, Upload-Length,"
    " Upload-Limit"
)
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"

_ALWAYS = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cross-origin-resource-policy": b"cross-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}
_HTTPS_ONLY = {b"strict-transport-security": b"max-age=31536000; includeSubDomains"}
_CORS = {
    b"access-control-allow-origin": b"*",
    b"access-control-expose-headers": _EXPOSED.encode(),
}
_PREFLIGHT = {
    b"access-control-allow-origin": b"*",
    b"access-control-allow-methods": _METHODS.encode(),
    b"access-control-allow-headers": _ALLOWED.encode(),
    b"access-control-max-age": b"600",
}


class Outside:
    """The outermost layer. `https`: the public URL is one, so browsers are told to stay with it."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._always = _ALWAYS | (_HTTPS_ONLY if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        shared = _shared_with_pages(scope["path"])

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self._dressed(message.get("headers", ()), _CORS if shared else {})}
            await send(message)

        if shared and _is_preflight(scope):
            await dressed({"type": "http.response.start", "status": 204, "headers": list(_PREFLIGHT.items())})
            await dressed({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, receive, dressed)

    def _dressed(self, headers: list[tuple[bytes, bytes]], cors: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        """What the inside has said stays."""
        said = {name.lower() for name, _ in headers}
        missing = {name: value for name, value in (self._always | cors).items() if name not in said}
        return [*headers, *missing.items()]


class WithoutTaskToken:
    """Lets the authorization server and machines pass to what is `served` to them; all others go on to `app`."""

    def __init__(self, app: ASGIApp, *, served: ASGIApp) -> None:
        self._app = app
        self._served = served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = scope["type"] == "http"
        app = self._served if http and _needs_no_task_token(scope["path"]) else self._app
        await app(scope, receive, send)


def _needs_no_task_token(path: str) -> bool:
    return path in ("/healthz", "/readyz", "/task-cards") or path.startswith(("/task-cards/", "/invitations/"))


def _shared_with_pages(path: str) -> bool:
    """Devices call tasks and read the metadata; servers and machines call the rest."""
    return path == "/tasks" or path.startswith(("/tasks/", "/.well-known/"))


def _is_preflight(scope: Scope) -> bool:
    names = {name for name, _ in scope["headers"]}
    return scope["method"] == "OPTIONS" and b"access-control-request-method" in names and b"origin" in names
