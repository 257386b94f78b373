"""Clients prove who they are in the one way they are registered for (RFC 6749 section 2.3, RFC 7523)."""

import json
import secrets
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx2
import jwt
import pytest
from authz_world import ACTIONS, DESKTOP, DESKTOP_URI, ISSUER, World
from cryptography.hazmat.primitives.asymmetric import ec
from segue.jose import public_jwk
from segue_authz import command
from segue_authz.client_auth.assertion import LEEWAY, LONGEST
from segue_authz.client_auth.authenticator import digest
from segue_authz.client_auth.shown import ASSERTION_TYPE
from segue_authz.domain.client import Client, Method
from segue_authz.enrolment import NotAcceptable, add_client
from segue_storage.migrations import upgrade

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14")]

KEY = ec.generate_private_key(ec.SECP256R1())
JWK = public_jwk(KEY.public_key()) | {"kid": "k1", "alg": "ES256"}
SECRET = "s3cret with / + and ä"
SIGNS, SHARES = "signing-server", "sharing server"
OPEN = "the request reached its handler"


@pytest.fixture
async def registered(world: World) -> World:
    uris = (DESKTOP_URI,)
    for client in (
        Client(SIGNS, "Signs", ACTIONS, uris, method=Method.PRIVATE_KEY_JWT, jwks=(JWK,)),
        Client(SHARES, "Shares", ACTIONS, uris, method=Method.CLIENT_SECRET_BASIC, secret_digest=digest(SECRET)),
    ):
        await add_client(world.database, client)
    return world


def basic(client_id: str = SHARES, secret: str = SECRET) -> dict[str, str]:
    text = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"Authorization": f"Basic {b64encode(text.encode()).decode()}"}


def assertion(world: World, *, key: Any = KEY, header: dict[str, Any] | None = None, **claims: Any) -> dict[str, str]:
    """The two parameters; `claims` replace those of a good one, and None leaves one out."""
    said = {
        "iss": SIGNS,
        "sub": SIGNS,
        "aud": ISSUER,
        "iat": world.now,
        "exp": world.now + 60,
        "jti": secrets.token_hex(8),
    } | claims
    said = {name: value for name, value in said.items() if value is not None}
    signed = jwt.encode(said, key, algorithm="ES256", headers={"kid": "k1"} | (header or {}))
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}


async def ask(world: World, form: dict[str, str], headers: dict[str, str] | None = None) -> httpx2.Response:
    """A request that an authenticated client gets through: it revokes nothing."""
    async with world.http() as http:
        return await http.post("/revoke", data={"token": "unknown", **form}, headers=headers or {})


async def outcome(world: World, form: dict[str, str], headers: dict[str, str] | None = None) -> str:
    answer = await ask(world, form, headers)
    return OPEN if answer.status_code == 200 else str(answer.json()["error"])


@pytest.mark.requirement("RFC6749-2-3-1", "RFC6749-5-2-a")
async def test_a_secret_opens_in_the_header_and_nowhere_else(registered: World) -> None:
    assert await outcome(registered, {}, basic()) == OPEN
    assert await outcome(registered, {"client_id": SHARES}, basic()) == OPEN
    refused = await ask(registered, {}, basic(secret="another"))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert await outcome(registered, {"client_id": SHARES, "client_secret": SECRET}) == "invalid_client"
    assert await outcome(registered, {"client_id": DESKTOP}, basic()) == "invalid_request"
    for malformed in ("Basic", "Basic !!!", "Basic w6Q="):
        assert await outcome(registered, {}, {"Authorization": malformed}) == "invalid_client"


@pytest.mark.requirement("RFC7523-3")
async def test_an_assertion_opens_once(registered: World) -> None:
    good = assertion(registered)
    assert await outcome(registered, good) == OPEN
    assert await outcome(registered, good) == "invalid_client"
    registered.restart()
    assert await outcome(registered, good) == "invalid_client", "nothing forgets it at a restart"
    assert await outcome(registered, {"client_id": SIGNS, **assertion(registered)}) == OPEN
    assert await outcome(registered, assertion(registered, aud=[ISSUER])) == OPEN


@pytest.mark.requirement("RFC7523-3")
@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": f"{ISSUER}/token"},
        {"aud": [ISSUER, "https://evil.example"]},
        {"aud": None},
        {"iss": DESKTOP},
        {"sub": DESKTOP},
        {"jti": None},
        {"jti": "x" * 201},
        {"exp": None},
        {"exp": 1},
        {"exp": 2_000_000_000},
        {"exp": "soon"},
        {"nbf": 2_000_000_000},
        {"key": ec.generate_private_key(ec.SECP256R1())},
        {"header": {"kid": "k2"}},
        {"header": {"crit": ["b64"], "b64": True}},
    ],
)
async def test_an_assertion_that_is_not_exact_opens_nothing(registered: World, wrong: dict[str, Any]) -> None:
    assert await outcome(registered, {"client_id": SIGNS, **assertion(registered, **wrong)}) == "invalid_client"


@pytest.mark.requirement("RFC7523-3", "XD-JOSE-01")
async def test_an_assertion_by_no_key_or_by_the_public_one_opens_nothing(registered: World) -> None:
    claims = {"iss": SIGNS, "sub": SIGNS, "aud": ISSUER, "exp": registered.now + 60, "jti": "j"}
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": "k1"})
    by_public = jwt.encode(claims, JWK["x"], algorithm="HS256", headers={"kid": "k1"})
    for signed in (unsigned, by_public, "", "a.b", "a.b.c"):
        form = {"client_id": SIGNS, "client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
        assert await outcome(registered, form) == "invalid_client"
    assert await outcome(registered, assertion(registered) | {"client_assertion_type": "x"}) == "invalid_client"


async def test_the_last_second_of_an_assertion_and_the_first_after_it(registered: World) -> None:
    longest = assertion(registered, exp=registered.now + LONGEST + LEEWAY)
    used_late = assertion(registered, exp=registered.now + 60)
    lapsed = assertion(registered, exp=registered.now + 60)
    assert await outcome(registered, longest) == OPEN
    registered.now += 60 + LEEWAY - 1
    assert await outcome(registered, used_late) == OPEN
    assert await outcome(registered, used_late) == "invalid_client"
    registered.now += 1
    assert await outcome(registered, lapsed) == "invalid_client"


@pytest.mark.requirement("RFC6749-2-3", "RFC7009-2-1-a", "RFC6749-2-2", "RFC6749-2-3-a", "RFC6749-2-3-2")
async def test_a_client_is_taken_by_its_own_method_alone_and_by_one_at_a_time(registered: World) -> None:
    assert await outcome(registered, {"client_id": DESKTOP}) == OPEN
    assert await outcome(registered, {"client_id": SIGNS}) == "invalid_client"
    assert await outcome(registered, {"client_id": SHARES}) == "invalid_client"
    assert await outcome(registered, {}, basic(SIGNS, "")) == "invalid_client"
    assert await outcome(registered, {}, basic(DESKTOP, "")) == "invalid_client"
    assert await outcome(registered, assertion(registered), basic()) == "invalid_request"
    assert await outcome(registered, assertion(registered, iss=SHARES, sub=SHARES)) == "invalid_client"


async def test_a_disabled_client_is_not_known_however_it_proves_itself(registered: World) -> None:
    for client_id in (SIGNS, SHARES):
        await registered.clients.disable(client_id, now=registered.now)
    assert await outcome(registered, assertion(registered)) == "invalid_client"
    assert await outcome(registered, {}, basic()) == "invalid_client"


async def test_assertions_are_forgotten_once_they_open_nothing(registered: World) -> None:
    clients, now = registered.clients, registered.now
    assert await clients.first_assertion(SIGNS, "j", until=now + 60, now=now)
    assert not await clients.first_assertion(SIGNS, "j", until=now + 60, now=now + 60)
    assert await clients.first_assertion(SIGNS, "other", until=now + 600, now=now + 600)
    assert await clients.first_assertion(SIGNS, "j", until=now + 900, now=now + 600)


@pytest.mark.parametrize(
    "client",
    [
        Client("x", "X", ACTIONS),
        Client("x", "X", ACTIONS, audience="https://api.example"),
        Client("x", "X", ACTIONS, audience="http://api.example", method=Method.CLIENT_SECRET_BASIC),
        Client("x", "X", ACTIONS, (DESKTOP_URI,), method=Method.PRIVATE_KEY_JWT, jwks=({"kty": "oct", "k": "AAAA"},)),
        Client("x", "X", ACTIONS, (DESKTOP_URI,), method=Method.PRIVATE_KEY_JWT, jwks=({**JWK, "d": "AAAA"},)),
        Client("x", "X", ACTIONS, (DESKTOP_URI,), method=Method.PRIVATE_KEY_JWT, jwks=({"kty": "EC"},)),
    ],
)
async def test_a_client_that_could_not_be_authenticated_is_not_registered(world: World, client: Client) -> None:
    with pytest.raises(NotAcceptable):
        await add_client(world.database, client)


@pytest.mark.requirement("RFC6749-2-3-1-a")
def test_the_command_prints_a_secret_once_and_takes_public_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGUE_STATE", str(tmp_path))
    monkeypatch.setenv("SEGUE_AUTHZ_DATABASE", f"sqlite:///{tmp_path}/authz.db")
    upgrade(f"sqlite:///{tmp_path}/authz.db", "segue_authz")
    common = ["--name", "API", "--audience", "https://api.example", "--json"]
    assert command.client(["add", "api", "--secret", *common]) == 0
    assert len(json.loads(capsys.readouterr().out)["client_secret"]) == 43
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [JWK]}))
    assert command.client(["add", "signs", "--jwks", str(tmp_path / "jwks.json"), *common]) == 0
    assert json.loads(capsys.readouterr().out) == {"client_id": "signs"}
    for content in ("{}", "nonsense", '{"keys": []}', '{"keys": [1]}'):
        (tmp_path / "jwks.json").write_text(content)
        assert command.client(["add", "other", "--jwks", str(tmp_path / "jwks.json"), *common]) == 1
        assert "JWK set" in capsys.readouterr().err
