"""A plain authorization server with the device grant of RFC 8628, to compare with. It is for this measurement alone.

It does what RFC 8628 demands and none of what RFC 10027 adds: codes live half an hour, one page asks whether the device
may sign in, tokens are bearer tokens. It is honest: single use, codes bound to their client, polls in time, counted
tries, forms with a secret.
"""

import hmac
import html
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from segue_demo.running import listening
from segue_demo.servers import serving
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from segue_threats.staging.clock import TurnedClock
from segue_threats.target import Client, Configuration, Person

CLIENT_ID, COOKIE = "plain-device", "plain"
EXPIRES_IN, INTERVAL, TRIES = 1800, 5, 20
"""Lifetime and interval as in the example of RFC 8628 section 3.2; codes that one person may enter in that time."""
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass
class _Asked:
    user_code: str
    expires_at: int
    interval: int = INTERVAL
    polled_at: int | None = None
    approved_by: str | None = None
    denied: bool = False


@dataclass
class PlainServer:
    """RFC 8628 sections 3.1 to 3.5, in memory."""

    issuer: str
    clock: TurnedClock
    people: list[Person]
    _asked: dict[str, _Asked] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)
    _sessions: dict[str, str] = field(default_factory=dict)
    _tries: dict[str, list[int]] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/oauth-authorization-server", self.metadata),
                Route("/device_authorization", self.authorize_device, methods=["POST"]),
                Route("/token", self.token, methods=["POST"]),
                Route("/device", self.show, methods=["GET"]),
                Route("/device", self.submit, methods=["POST"]),
                Route("/me", self.me),
            ]
        )

    async def metadata(self, _: Request) -> Response:
        endpoints = {name: f"{self.issuer}/{name.removesuffix('_endpoint')}" for name in _ENDPOINTS}
        return JSONResponse({"issuer": self.issuer, **endpoints, "grant_types_supported": [GRANT_TYPE]})

    async def authorize_device(self, request: Request) -> Response:
        if (await _form(request)).get("client_id") != CLIENT_ID:
            return _refused("invalid_client", 401)
        device_code = secrets.token_urlsafe(32)
        letters = "".join(secrets.choice(ALPHABET) for _ in range(8))
        user_code = f"{letters[:4]}-{letters[4:]}"
        self._asked[device_code] = _Asked(user_code, self.clock() + EXPIRES_IN)
        page = f"{self.issuer}/device"
        return JSONResponse(
            {
                "device_code": device_code,
                "user_code": user_code,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?user_code={user_code}",
                "expires_in": EXPIRES_IN,
                "interval": INTERVAL,
            }
        )

    async def token(self, request: Request) -> Response:
        form = await _form(request)
        asked = self._asked.get(form.get("device_code", ""))
        if form.get("grant_type") != GRANT_TYPE:
            return _refused("unsupported_grant_type")
        if asked is None or form.get("client_id") != CLIENT_ID:
            return _refused("invalid_grant")
        if self.clock() >= asked.expires_at:
            return _refused("expired_token")
        early = asked.polled_at is not None and self.clock() < asked.polled_at + asked.interval
        asked.polled_at = self.clock()
        if early:
            asked.interval += 5
            return _refused("slow_down")
        if asked.denied:
            return _refused("access_denied")
        if asked.approved_by is None:
            return _refused("authorization_pending")
        del self._asked[form["device_code"]]
        access_token = secrets.token_urlsafe(32)
        self._tokens[access_token] = asked.approved_by
        return JSONResponse({"access_token": access_token, "token_type": "Bearer", "expires_in": 3600})

    async def me(self, request: Request) -> Response:
        """The protected resource: whose token it is, whoever brings it."""
        username = self._tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        return JSONResponse({"username": username}) if username else _refused("invalid_token", 401)

    async def show(self, request: Request) -> Response:
        username = self._sessions.get(request.cookies.get(COOKIE, ""))
        if username is None:
            return _page(
                "Sign in", '<input name="username"><input name="password" type="password"><button>Go on</button>'
            )
        return self._code_form(request)

    async def submit(self, request: Request) -> Response:
        form = await _form(request)
        if "password" in form:
            return self._signed_in(form)
        session = request.cookies.get(COOKIE, "")
        username = self._sessions.get(session)
        if username is None or not hmac.compare_digest(form.get("csrf", "").encode(), self._csrf(session).encode()):
            return _page("This page is out of date", "", status=403)
        if self._spent(username):
            return _page("Too many codes were tried", "", status=429)
        asked = self._open(form.get("user_code", ""))
        if asked is None:
            return self._code_form(request, "That code is not known.")
        if "decision" not in form:
            return self._consent(request, asked)
        asked.approved_by, asked.denied = (username, False) if form["decision"] == "approve" else (None, True)
        return _page("You can go on at your device" if asked.approved_by else "Declined", "")

    def _signed_in(self, form: dict[str, str]) -> Response:
        for person in self.people:
            same = hmac.compare_digest(person.password.encode(), form["password"].encode())
            if same and person.username == form.get("username"):
                session = secrets.token_urlsafe(32)
                self._sessions[session] = person.username
                answer = RedirectResponse("/device", status_code=303)
                answer.set_cookie(COOKIE, session, httponly=True, samesite="lax")
                return answer
        return _page("Not known", "", status=401)

    def _open(self, typed: str) -> _Asked | None:
        letters = typed.upper().replace("-", "").replace(" ", "")
        waiting = (each for each in self._asked.values() if each.user_code.replace("-", "") == letters)
        asked = next(waiting, None)
        lives = asked and self.clock() < asked.expires_at and asked.approved_by is None and not asked.denied
        return asked if lives else None

    def _spent(self, username: str) -> bool:
        """A code is sent twice: when it is entered, and with the decision."""
        recent = [at for at in self._tries.get(username, []) if at > self.clock() - EXPIRES_IN]
        self._tries[username] = [*recent, self.clock()]
        return len(recent) >= 2 * TRIES

    def _csrf(self, session: str) -> str:
        return hmac.digest(session.encode(), b"csrf", "sha256").hex()

    def _code_form(self, request: Request, said: str = "") -> Response:
        fault = f'<p id="error">{html.escape(said)}</p>' if said else ""
        form = f'{self._secret(request)}<input name="user_code"><button>Go on</button>'
        return _page("Connect a device", fault + form)

    def _consent(self, request: Request, asked: _Asked) -> Response:
        code = f'<input type="hidden" name="user_code" value="{html.escape(asked.user_code)}">'
        buttons = "".join(
            f'<button name="decision" value="{value}">{word}</button>'
            for value, word in (("approve", "Allow"), ("deny", "Cancel"))
        )
        return _page(
            "Does your device show this code? Plain Device wants to sign in", self._secret(request) + code + buttons
        )

    def _secret(self, request: Request) -> str:
        return f'<input type="hidden" name="csrf" value="{self._csrf(request.cookies.get(COOKIE, ""))}">'


_ENDPOINTS = ("device_authorization_endpoint", "token_endpoint")


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


def _refused(error: str, status: int = 400) -> Response:
    return JSONResponse({"error": error}, status, headers={"Cache-Control": "no-store"})


def _page(heading: str, inside: str, *, status: int = 200) -> Response:
    form = f'<form method="post" action="/device">{inside}</form>' if inside else ""
    text = f"<!doctype html><title>{html.escape(heading)}</title><h1>{html.escape(heading)}</h1>{form}"
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})


@asynccontextmanager
async def plain_server(*, clock: TurnedClock, people: int) -> AsyncIterator[Configuration]:
    """Up and answering for as long as the context lasts. Raises `CannotRun`."""
    with listening("127.0.0.1", [0]) as listeners:
        issuer = f"http://localhost:{listeners[0].getsockname()[1]}"
        known = [Person(f"person-{number}", secrets.token_urlsafe(12)) for number in range(people)]
        async with serving([PlainServer(issuer, clock, known).app()], listeners):
            yield Configuration(
                issuer=issuer,
                authorization_device=None,
                consumption_device=Client(CLIENT_ID, {}),
                people=known,
                resource=f"{issuer}/me",
            )
