"""How the protocol endpoints answer: OAuth errors, no caching, a fresh nonce (RFC 6749 s. 5, RFC 9449 s. 8.2)."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from segue.replay import MemoryUnavailable
from segue_storage.database import DatabaseUnavailable
from segue_storage.seen import seen_in
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from segue_authz.domain.refusal import (
    AuthorizationPending,
    InvalidDPoPProof,
    RefreshTokenReused,
    Refusal,
    TemporarilyUnavailable,
    UseDPoPNonce,
)
from segue_authz.domain.task_card import CardsUnavailable
from segue_authz.endpoints.services import Services

Handler = Callable[[Services, Request], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]

_LOG = logging.getLogger("segue_authz")
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache", "X-Content-Type-Options": "nosniff"}


def protocol_endpoint(services: Services, handler: Handler) -> Endpoint:
    """The handler with its refusals turned into answers."""

    async def endpoint(request: Request) -> Response:
        try:
            response = await handler(services, request)
        except Refusal as refusal:
            note(refusal, request)
            response = refused(refusal, path=request.url.path)
        except (CardsUnavailable, MemoryUnavailable, DatabaseUnavailable) as outage:
            return _unavailable(outage, request)
        if "segue" not in request.scope and response.status_code < 500:  # else the middleware adds it
            try:
                response.headers["DPoP-Nonce"] = await services.proofs.fresh_nonce()
            except MemoryUnavailable as outage:
                if response.status_code >= 400:  # what was done is told without a nonce
                    return _unavailable(outage, request)
        return response

    return endpoint


def _unavailable(outage: Exception, request: Request) -> Response:
    _LOG.error("%s: %s", request.url.path, outage)
    note(TemporarilyUnavailable(""), request)
    return refused(TemporarilyUnavailable("a part of the service cannot be reached"), path=request.url.path)


def note(refusal: Refusal, request: Request) -> None:
    """For the line of log and the numbers: what is refused and, where it is counted, why."""
    members = seen_in(request.scope)
    members["problem"] = refusal.error
    match refusal:
        case RefreshTokenReused():
            members["reused"] = True
        case InvalidDPoPProof():
            members["refused"] = type(refusal.__cause__).__name__


def answered(content: dict[str, Any], *, status: int = 200) -> Response:
    return JSONResponse(content, status_code=status, headers=NO_STORE)


def refused(refusal: Refusal, *, path: str) -> Response:
    """The error answer of RFC 6749 section 5.2. Why is logged, and never more than that.

    That a proof needs a nonce, or a person more time, is how it goes: the request's own line of log says it.
    """
    if not isinstance(refusal, UseDPoPNonce | AuthorizationPending):
        _LOG.info("%s refused with %s: %s", path, refusal.error, refusal)
    headers = {**NO_STORE, **refusal.headers}
    if refusal.status in (429, 503):
        headers["Retry-After"] = "5"
    content = {"error": refusal.error, "error_description": refusal.description, **refusal.members}
    return JSONResponse(content, status_code=refusal.status, headers=headers)
