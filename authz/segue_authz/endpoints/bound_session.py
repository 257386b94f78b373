"""Binding a browser's session to a key of its device: the offer, the registration and the refresh (W3C DBSC).

The browser speaks here, never a page: it proves the key of its session and gets the bound cookie. Whoever else asks is
refused in one way, before anybody has looked who is signed in (DBSC, "Timing side channel leak").
"""

import logging

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.account_event import AccountEvent, Kind
from segue_authz.domain.bound_session import (
    BOUND_COOKIE_LIFETIME,
    CHALLENGE_LIFETIME,
    REGISTRATION_WINDOW,
    Binding,
    BoundSession,
)
from segue_authz.domain.identifier import new, secret
from segue_authz.domain.refusal import InvalidRequest
from segue_authz.endpoints.answer import Endpoint, Handler, answered, protocol_endpoint
from segue_authz.endpoints.browser import Browser, bound_cookie_name, cookie_attributes, cookie_name
from segue_authz.endpoints.network import limit
from segue_authz.endpoints.page import FromElsewhere, check_origin
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.session_headers import identifier_of, response_of
from segue_authz.tokens import session_proof
from segue_authz.tokens.derivation import same
from segue_authz.tokens.session_proof import BadProof

REGISTER, REFRESH = "/bound-session/register", "/bound-session/refresh"
_LOG = logging.getLogger("segue_authz")
_HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Vary": "Cookie",
}
_UNREADABLE = "this is for the browser to ask, in the words of device-bound session credentials"
_REFUSED = "the session cannot be bound"


def offer(services: Services, response: Response, session_id: str) -> Response:
    """Let the browser bind the session that begins with this answer. Whoever cannot ignores it."""
    if services.settings.bound_sessions is not Binding.OFF:
        until = services.clock() + REGISTRATION_WINDOW
        challenge = services.session_binding.registration_challenge(session_id, until=until)
        authorization = services.session_binding.authorization(challenge)
        response.headers["Secure-Session-Registration"] = (
            f'({session_proof.ALGORITHM});path="{REGISTER}";challenge="{challenge}";authorization="{authorization}"'
        )
    return response


def browser_endpoint(services: Services, handler: Handler) -> Endpoint:
    """The handler behind the check that no page of another site asks, with headers that keep every answer from one."""

    async def from_here(services: Services, request: Request) -> Response:
        try:
            check_origin(services, request)
        except FromElsewhere as elsewhere:
            raise InvalidRequest(_UNREADABLE, because=str(elsewhere)) from elsewhere
        return await handler(services, request)

    answering = protocol_endpoint(services, from_here)

    async def endpoint(request: Request) -> Response:
        response = await answering(request)
        response.headers.update(_HEADERS)
        return response

    return endpoint


async def register(services: Services, request: Request) -> Response:
    """Keep the key of the session that has just begun (DBSC, "Process session registration")."""
    text, session_id = response_of(request), _session_id(services, request)
    if text is None or session_id is None or identifier_of(request) is not None:
        raise InvalidRequest(_UNREADABLE)
    now, binding = services.clock(), services.session_binding
    try:
        proof = session_proof.registration(text)
    except BadProof as bad:
        raise InvalidRequest(_REFUSED, because=str(bad)) from bad
    if not binding.accepts_registration(proof.challenge, session_id, now=now):
        raise InvalidRequest(_REFUSED, because="the challenge is not that of this sign-in, or came too late")
    if not same(binding.authorization(proof.challenge), proof.authorization):
        raise InvalidRequest(_REFUSED, because="the authorization is not that of the offer")
    if await services.browser_sessions.current(session_id, now=now) is None:
        raise InvalidRequest(_REFUSED, because="nobody is signed in")
    session = BoundSession(session_id, secret(services.random), proof.jwk, now)
    if not await services.bound_sessions.register(session):
        raise InvalidRequest(_REFUSED, because="it is bound already")
    return _renewed(services, session)


async def refresh(services: Services, request: Request) -> Response:
    """A bound cookie for who proves the key of the session that both the cookie and the header name."""
    identifier, text = identifier_of(request), response_of(request)
    if identifier is None:
        raise InvalidRequest(_UNREADABLE)
    now, session_id = services.clock(), _session_id(services, request)
    session = await services.bound_sessions.current(session_id, now=now) if session_id else None
    if session is None or session.identifier != identifier:
        return answered({"continue": False})
    await limit(services, f"bound-session:{session.identifier}", most=60, window=60)
    if text is None:
        return _challenged(services, session)
    try:
        proof = session_proof.refresh(text)
    except BadProof as bad:
        raise InvalidRequest("this is no proof of a session's key", because=str(bad)) from bad
    binding = services.session_binding
    if not binding.accepts_challenge(proof.challenge, session.identifier, now=now):
        return _challenged(services, session)
    if not proof.is_by(session.jwk):
        _LOG.warning("a bound session was refreshed with another key")
        return _challenged(services, session)
    until = now + CHALLENGE_LIFETIME
    if not await services.bound_sessions.spend(binding.spent(proof.challenge), until=until):
        return _challenged(services, session)
    return _renewed(services, session)


async def tell_unproved(services: Services, browser: Browser) -> None:
    """A browser insists on a bound session and still brings no proof: the log has it, and its person sees it once."""
    there = await services.browser_sessions.current(browser.session_id, now=services.clock())
    if there is None:
        return
    subject, kind = there[0].subject, Kind.SESSION_UNPROVED.value
    event = AccountEvent(new("evt", services.random), subject, kind, None, browser.network, services.clock())
    await services.bound_sessions.came_unproved(browser.session_id, event)
    _LOG.warning("a bound session of %s came again without its bound cookie: a copy, or it cannot refresh", subject)


def _session_id(services: Services, request: Request) -> str | None:
    cookie = request.cookies.get(cookie_name(services))
    return services.derivation.digest("browser", cookie) if cookie else None


def _challenged(services: Services, session: BoundSession) -> Response:
    """403, at which the browser signs and asks again (DBSC, "Secure-Session-Challenge")."""
    challenge = services.session_binding.challenge(session.identifier, until=services.clock() + CHALLENGE_LIFETIME)
    response = answered({"error": "invalid_request", "error_description": "sign the challenge"}, status=403)
    response.headers["Secure-Session-Challenge"] = f'"{challenge}";id="{session.identifier}"'
    return response


def _renewed(services: Services, session: BoundSession) -> Response:
    """The session instructions and the bound cookie.

    No challenge for the next time: it would have lapsed by then, and cost the browser a signature (decision 0047).
    """
    name, attributes = bound_cookie_name(services), cookie_attributes(services)
    instructions = {
        "session_identifier": session.identifier,
        "refresh_url": REFRESH,
        "scope": {
            "include_site": False,
            "scope_specification": [{"type": "exclude", "domain": "*", "path": "/static"}],
        },
        "credentials": [{"type": "cookie", "name": name, "attributes": attributes}],
        "allowed_refresh_initiators": [],
    }
    response = answered(instructions)
    value = services.session_binding.cookie(session.session_id, now=services.clock())
    response.headers["Set-Cookie"] = f"{name}={value}; Max-Age={BOUND_COOKIE_LIFETIME}; {attributes}"
    return response
