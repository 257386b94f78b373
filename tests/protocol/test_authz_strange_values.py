"""Values that no honest client sends get the standard error from the authorization server, on either storage set.

Each was once answered with a 500: a client's identifier that the database cannot hold, an algorithm that is no text, an
address to return to that is none.
"""

from base64 import b64encode
from typing import Any

import httpx2
import pytest
from authz_world import ACTIONS, DESKTOP, DESKTOP_URI, ISSUER, World
from cryptography.hazmat.primitives.asymmetric import ec
from segue.jose import b64url_encode, public_jwk
from segue_authz.client_auth.shown import ASSERTION_TYPE
from segue_authz.domain.client import Client, Method
from segue_authz.enrolment import add_client

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14", "XD-JOSE-07", "XD-DOS-04")]

JWK = public_jwk(ec.derive_private_key(3, ec.SECP256R1()).public_key()) | {"kid": "k1", "alg": "ES256"}
ES256 = b'{"alg":"ES256"}'
SIGNS = b'{"sub":"signs"}'


def assertion(header: bytes, payload: bytes) -> dict[str, str]:
    text = ".".join(b64url_encode(part) for part in (header, payload, b"x" * 64))
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text}


async def ask(world: World, method: str, path: str, **content: Any) -> httpx2.Response:
    """What a client on the network would get: an exception of the server is a 500 there."""
    transport = httpx2.ASGITransport(world.app, raise_app_exceptions=False, client=("192.0.2.7", 50000))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
        return await http.request(method, path, **content)


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        (ES256, b'{"sub":"\\ud800"}'),
        (ES256, b'{"sub":"\\u0000"}'),
        (ES256, '{"sub":"\u017figns"}'.encode()),
        (ES256, b'{"sub":["signs"]}'),
        (ES256, b'{"sub":"signs","sub":"desktop"}'),
        (ES256, b'{"sub":"signs","exp":NaN}'),
        (ES256, b'{"sub":"signs","exp":' + b"9" * 5000 + b"}"),
        (ES256, b"[" * 20_000),
        (ES256, b'["signs"]'),
        (ES256, '{"sub":"signs"}'.encode("utf-16")),
        (b'{"alg":["ES256"]}', SIGNS),
        (b'{"alg":{"ES256":1}}', SIGNS),
        (b'{"alg":null}', SIGNS),
        (b'{"alg":"PS256","kid":"k1"}', SIGNS),
        (b'{"alg":"EdDSA","kid":"k1"}', SIGNS),
        (b'{"alg":"ES256","kid":["k1"]}', SIGNS),
        (b'{"alg":"ES256","b64":false}', SIGNS),
        (b'{"a":' + b"[" * 20_000, SIGNS),
    ],
)
async def test_an_assertion_of_strange_content_is_invalid(world: World, header: bytes, payload: bytes) -> None:
    client = Client("signs", "Signs", ACTIONS, (DESKTOP_URI,), method=Method.PRIVATE_KEY_JWT, jwks=(JWK,))
    await add_client(world.database, client)
    for form in (assertion(header, payload), {"client_id": "signs", **assertion(header, payload)}):
        answer = await ask(world, "POST", "/revoke", data={"token": "x", **form})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("typed", [b"%00:%00", b"%ed%a0%80:x", b"%ff:x", b":", b"", b"desktop"])
async def test_basic_credentials_of_strange_content_are_invalid(world: World, typed: bytes) -> None:
    answer = await ask(
        world, "POST", "/revoke", data={"token": "x"}, headers={"Authorization": f"Basic {b64encode(typed).decode()}"}
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "token",
    [
        b64url_encode(b'{"alg":["ES256"],"kid":"x"}') + ".e30.AA",
        b64url_encode(b'{"alg":"ES256","kid":{}}') + ".e30.AA",
        b64url_encode(b"[" * 20_000) + ".e30.AA",
        "\u00e9.\u00e9.\u00e9",
        "trf_\x01",
    ],
)
async def test_a_token_of_strange_content_is_not_known(world: World, token: str) -> None:
    answer = await ask(world, "POST", "/revoke", data={"client_id": DESKTOP, "token": token})
    assert answer.status_code in (200, 400)


@pytest.mark.requirement("XD-WEB-03")
@pytest.mark.parametrize(
    "return_to",
    [
        "//[",
        "http://[",
        "x://[y",
        "//\u2100x",
        "/\r\nLocation: x",
        "/authorize?client_id=%00",
        "/authorize?client_id=\u017f",
    ],
)
async def test_an_address_to_return_to_that_is_none_still_shows_the_page(world: World, return_to: str) -> None:
    answer = await ask(world, "GET", "/sign-in", params={"return_to": return_to})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/approve/%00", "/confirm/%ff", "/device?user_code=%00", "/invitation?code=%ff"])
async def test_a_strange_address_of_a_page_is_no_failure(world: World, path: str) -> None:
    answer = await ask(world, "GET", path, headers=[(b"cookie", b"segue=\xff\xfe")])
    assert answer.status_code in (200, 303, 404)
