"""The middleware takes its issuer's security events (RFC 8417, RFC 8935): a withdrawn grant ends at once."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from event_attacks import attack, ended_by, event, issuer
from segue.issuer_keys import IssuerKeys
from segue.middleware import TaskTokenMiddleware
from segue.security_event import MAX_BODY, MEDIA_TYPE, SecurityEventReader
from segue.strict_json import Malformed
from segue.wsgi import TaskTokenMiddleware as WsgiMiddleware
from segue_backend import URL, Backend

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A15", "XD-TOK-13")]

AT = "/events"


@pytest.fixture
async def world() -> AsyncIterator[Backend]:
    backend = Backend()
    backend.app = TaskTokenMiddleware(
        backend.handler,
        issuer=backend.issuer.issuer,
        audience=URL,
        fetch=backend.issuer.fetch,
        clock=lambda: backend.now,
        events=AT,
    )
    yield await backend.with_nonce()
    await backend.app._withdrawals.aclose()


async def push(app: Any, body: bytes, *, content_type: str = MEDIA_TYPE, path: str = AT) -> tuple[int, bytes]:
    """The body comes in two pieces."""
    pieces = [body[:100], body[100:]]
    answered: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        answered.append(message)

    headers = [(b"content-type", content_type.encode())]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
    await app(scope, receive, send)
    return answered[0]["status"], answered[1]["body"]


async def test_a_grant_that_an_event_ends_is_honoured_no_more(world: Backend) -> None:
    token = world.issuer.token(world.device, grant_id="grt_1")
    assert (await world.send(world.headers(token))).status == 200
    signed = event(world.issuer, iss=world.issuer.issuer, iat=world.now)
    assert await push(world.app, signed.encode()) == (202, b"")
    assert await push(world.app, signed.encode()) == (202, b""), "told again"
    refused = await world.send(world.headers(token))
    assert (refused.status, refused.problem["error"]) == (401, "invalid_token")
    other = world.issuer.token(world.device, grant_id="grt_2")
    assert (await world.send(world.headers(other))).status == 200


async def test_a_stream_that_waits_ends_with_the_event(world: Backend) -> None:
    withdrawals = world.app._withdrawals
    assert not await withdrawals.includes("grt_1")
    waiting = withdrawals.ending("grt_1")
    await asyncio.sleep(0)
    await push(world.app, event(world.issuer, iss=world.issuer.issuer, iat=world.now).encode())
    async with asyncio.timeout(5):
        await waiting


async def test_who_does_not_take_events_takes_none_without_a_token() -> None:
    backend = await Backend().with_nonce()
    assert (await push(backend.app, event(backend.issuer, iss=backend.issuer.issuer, iat=backend.now).encode()))[
        0
    ] == 401


@pytest.mark.parametrize("body", [b"", b"no token", b"\xff\xfe", b"a.b.c", b"x" * (MAX_BODY + 100)])
async def test_what_is_no_event_is_refused_with_the_code_of_the_rfc(world: Backend, body: bytes) -> None:
    status, answer = await push(world.app, body)
    assert (status, json.loads(answer)["err"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("claims", "err"),
    [({"iss": "https://other.example"}, "invalid_issuer"), ({"aud": "https://other.example"}, "invalid_audience")],
)
async def test_the_error_says_what_is_wrong_with_an_event(world: Backend, claims: dict[str, str], err: str) -> None:
    signed = event(world.issuer, **{"iss": world.issuer.issuer, "iat": world.now, **claims})
    status, answer = await push(world.app, signed.encode())
    assert (status, json.loads(answer)["err"]) == (400, err)
    other = event(issuer(), header={"kid": world.issuer.kid}, iss=world.issuer.issuer, iat=world.now)
    assert json.loads((await push(world.app, other.encode()))[1])["err"] == "invalid_key"


async def test_an_audience_among_several_will_do_and_other_events_mean_nothing() -> None:
    here = issuer()
    assert await ended_by(event(here, aud=["https://other.example", URL]), here) == "grt_1"
    verification = {"https://schemas.openid.net/secevent/ssf/event-type/verification": {"state": "x"}}
    assert await ended_by(event(here, events=verification, sub_id={"format": "opaque", "id": "str_1"}), here) is None


async def test_while_the_keys_cannot_be_read_the_issuer_has_to_try_again() -> None:
    async def away(_: str) -> bytes:
        raise Malformed("nothing there")

    keys = IssuerKeys("https://id.example", fetch=away, clock=lambda: 1)
    reader = SecurityEventReader(issuer="https://id.example", audience=URL, keys=keys, clock=lambda: 1)
    assert (await reader.take(MEDIA_TYPE, event(issuer()).encode())).status == 503


async def test_no_attack_works() -> None:
    assert [each.__name__ for each in attack.all if await each()] == []


def test_the_wsgi_form_takes_them_too() -> None:
    backend = Backend()
    app = WsgiMiddleware(
        lambda environ, start: [],
        issuer=backend.issuer.issuer,
        audience=URL,
        fetch=backend.issuer.fetch,
        clock=lambda: backend.now,
        events=AT,
    )
    answered: list[str] = []
    try:
        for body in (event(backend.issuer, iss=backend.issuer.issuer, iat=backend.now).encode(), b"nothing"):
            environ = {
                "REQUEST_METHOD": "POST",
                "PATH_INFO": AT,
                "CONTENT_TYPE": MEDIA_TYPE,
                "CONTENT_LENGTH": str(len(body)),
                "wsgi.input": io.BytesIO(body),
            }
            app(environ, lambda status, headers: answered.append(status))  # type: ignore[arg-type,return-value]
        assert answered == ["202 Accepted", "400 Bad Request"]
        assert len(app._withdrawals._told) == 1
    finally:
        app.close()
