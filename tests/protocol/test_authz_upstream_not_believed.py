"""XD-AUTH-05: another provider, its users, or somebody with another's answer, who is believed too easily.

OpenID Connect Core sections 3.1.3.7 and 16, RFC 9207 section 2.4. Expected: nobody is signed in, and nothing is linked.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from authlib.oidc.core.util import create_half_hash
from authz_world import USERNAME, World, open_world
from cryptography.hazmat.primitives import serialization
from segue_authz.upstream.provider import Admits
from small_internet import Internet, small_internet
from upstream_world import CLIENT_ID, HOST, Upstream, made_key, person_of, public, session_of, upstream

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A12", "XD-AUTH-05")]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def internet(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Internet]:
    async with small_internet(tmp_path_factory.mktemp("internet"), host=HOST) as opened:
        yield opened


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[World]:
    """One for all of these tests, which leave nothing behind but spent states."""
    folder: Path = tmp_path_factory.mktemp("world")
    opened = await open_world(folder, database_url=f"sqlite:///{folder}/authz.db", ephemeral_url=None)
    yield opened
    await opened.aclose()


@pytest.fixture
def works(world: World, internet: Internet) -> Upstream:
    """A provider that everybody may come in by: only what is wrong keeps somebody out."""
    world.providers = ()
    world.now += 1_000
    return upstream(world, internet, admits=Admits.ANYBODY)


async def refused(works: Upstream, token: Any, **answer: Any) -> None:
    """The token is made for the request, and nobody is signed in by it."""
    browser = works.world.browser()
    asked = await works.begin(browser)
    works.answers(token(asked), **answer)
    told = await works.come_back(browser, asked)
    assert (told.status_code, "does not count" in told.text) == (400, True)
    assert await person_of(browser) is None


CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://other.example"},
    "a longer issuer": {"iss": f"https://{HOST}/"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "somebody-else"},
    "a further audience": {"aud": [CLIENT_ID, "somebody-else"]},
    "a further audience and us as its party": {"aud": [CLIENT_ID, "somebody-else"], "azp": CLIENT_ID},
    "no audience": {"aud": None},
    "an empty audience": {"aud": []},
    "another party": {"azp": "somebody-else"},
    "another nonce": {"nonce": "n" * 43},
    "no nonce": {"nonce": None},
    "an empty nonce": {"nonce": ""},
    "a nonce of a kind": {"nonce": ["x"]},
    "no expiry": {"exp": None},
    "an expiry in words": {"exp": "9999999999"},
    "an expiry in parts": {"exp": 9_999_999_999.5},
    "an expiry that is true": {"exp": True},
    "no time": {"iat": None},
    "another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "a hash of a kind": {"at_hash": 1},
    "nobody": {"sub": None},
    "an empty sub": {"sub": ""},
    "a number": {"sub": 7},
    "a long sub": {"sub": "s" * 256},
    "a sub with a null": {"sub": "a\0b"},
    "a sub that looks like another": {"sub": "\u0430dmin"},
    "a sid of a kind": {"sid": 1},
    "an acr of a kind": {"acr": ["phr"]},
    "an amr of a kind": {"amr": "mfa"},
    "an amr of a kind within": {"amr": [1]},
    "a time of signing in that is to come": {"auth_time": 9_000_000_000},
    "a time of signing in of a kind": {"auth_time": "now"},
    "a token of a logout": {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
}


@pytest.mark.parametrize("what", CLAIMS)
async def test_an_id_token_with_one_wrong_claim_signs_nobody_in(works: Upstream, what: str) -> None:
    await refused(works, lambda asked: works.id_token(asked, **CLAIMS[what]))


async def test_an_id_token_that_is_old_or_not_yet_good_signs_nobody_in(works: Upstream) -> None:
    now = works.world.now
    for claims in ({"exp": now - 61}, {"iat": now - 601}, {"iat": now + 61}, {"nbf": now + 61}, {"nbf": "now"}):
        await refused(works, lambda asked, claims=claims: works.id_token(asked, **claims))


async def test_an_honest_id_token_has_the_hash_of_its_access_token(works: Upstream) -> None:
    at_hash = create_half_hash("at", "ES256").decode()
    assert (await works.sign_in(works.world.browser(), at_hash=at_hash)).status_code == 303
    await refused(works, lambda asked: works.id_token(asked, at_hash=at_hash), access_token="another")


def _unsigned(works: Upstream, asked: dict[str, str], alg: Any) -> str:
    payload = works.id_token(asked).split(".")[1]
    header = urlsafe_b64encode(json.dumps({"alg": alg, "kid": works.kid}).encode()).rstrip(b"=").decode()
    return f"{header}.{payload}."


@pytest.mark.parametrize("alg", ["none", "None", "", None, "HS256", ["ES256"]])
async def test_a_token_that_nobody_signed_signs_nobody_in(works: Upstream, alg: Any) -> None:
    await refused(works, lambda asked: _unsigned(works, asked, alg))


async def test_a_public_key_is_no_secret_of_an_hmac(works: Upstream) -> None:
    key = works.key.public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, der, b"segue", json.dumps(public(works.key, works.kid)).encode()):

        def token(asked: dict[str, str], secret: bytes = secret) -> str:
            claims = jwt.decode(works.id_token(asked), options={"verify_signature": False})
            signing = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
            parts = [json.dumps({"alg": "HS256", "kid": works.kid}).encode(), json.dumps(claims).encode()]
            text = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
            return (text + b"." + urlsafe_b64encode(signing.sign(text, secret)).rstrip(b"=")).decode()

        await refused(works, token)


async def test_a_key_that_the_token_brings_along_is_not_the_providers(works: Upstream) -> None:
    own = made_key()
    claims_of = lambda asked: jwt.decode(works.id_token(asked), options={"verify_signature": False})  # noqa: E731
    headers: tuple[dict[str, Any], ...] = (
        {"kid": works.kid},
        {"jwk": public(own, works.kid), "kid": works.kid},
        {"jku": "https://evil.example/jwks", "kid": works.kid},
        {"kid": "theirs"},
        {},
    )
    for header in headers:
        await refused(
            works, lambda asked, header=header: jwt.encode(claims_of(asked), own, algorithm="ES256", headers=header)
        )


async def test_a_token_whose_header_asks_for_an_extension_signs_nobody_in(works: Upstream) -> None:
    for header in ({"crit": ["exp"]}, {"typ": "logout+jwt"}, {"typ": "at+jwt"}):
        await refused(works, lambda asked, header=header: works.id_token(asked, header=header))


async def test_a_token_whose_signature_was_altered_signs_nobody_in(works: Upstream) -> None:
    await refused(works, lambda asked: works.id_token(asked)[:-8] + "AAAAAAAA")
    await refused(works, lambda asked: works.id_token(asked).rpartition(".")[0] + ".")
    await refused(works, lambda _: "a.b.c")
    await refused(works, lambda _: "")


async def test_of_several_keys_without_names_none_is_guessed(works: Upstream) -> None:
    works.publish_keys(public(works.key, "k1"), public(made_key(), "k1"))
    await refused(works, works.id_token)


async def test_an_answer_with_an_altered_state_signs_nobody_in(works: Upstream) -> None:
    browser = works.world.browser()
    asked = await works.begin(browser)
    works.answers(works.id_token(asked))
    for state in (None, "", "x", asked["state"][:-1], asked["nonce"]):
        told = await works.come_back(browser, asked, state=state)
        assert (told.status_code, "Nobody was sent" in told.text) == (400, True)
    assert await person_of(browser) is None
    assert (await works.come_back(browser, asked)).status_code == 303, "what was tried has spent nothing"


async def test_an_answer_that_another_browser_asked_for_signs_nobody_in(works: Upstream) -> None:
    attacker, victim = works.world.browser(), works.world.browser()
    asked = await works.begin(attacker)
    works.answers(works.id_token(asked))
    await victim.http.get("/sign-in")
    told = await works.come_back(victim, asked)
    assert (told.status_code, "Another browser" in told.text) == (403, True)
    assert await person_of(victim) is None
    assert (await works.come_back(attacker, asked)).status_code == 303, "it is the attacker's own, and theirs alone"
    again = await works.come_back(victim, asked)
    assert again.status_code == 400


@pytest.mark.parametrize("iss", [None, "https://other.example", f"https://{HOST}/", ""])
async def test_an_answer_of_another_issuer_or_of_none_is_not_redeemed(
    works: Upstream, internet: Internet, iss: str | None
) -> None:
    browser = works.world.browser()
    asked = await works.begin(browser)
    works.answers(works.id_token(asked))
    before = len(internet.asked)
    told = await works.come_back(browser, asked, iss=iss)
    assert (told.status_code, await person_of(browser)) == (400, None)
    assert len(internet.asked) == before


async def test_an_answer_without_an_issuer_is_good_where_the_provider_never_sends_one(works: Upstream) -> None:
    works.publish(authorization_response_iss_parameter_supported=None)
    for iss, status in ((None, 303), (works.issuer, 303), ("https://other.example", 400)):
        browser = works.world.browser()
        asked = await works.begin(browser)
        works.answers(works.id_token(asked))
        assert (await works.come_back(browser, asked, iss=iss)).status_code == status


async def test_an_answer_at_the_address_of_another_provider_does_not_count(works: Upstream, internet: Internet) -> None:
    """The mix-up attack (RFC 9700 section 4.4): the code of the honest provider never goes to the other."""
    evil = upstream(
        works.world, internet, name="evil", label="Evil", issuer=f"https://{HOST}/evil", admits=Admits.ANYBODY
    )
    browser = works.world.browser()
    asked = await works.begin(browser)
    works.answers(works.id_token(asked))
    evil.answers(works.id_token(asked))
    before = len(internet.asked)
    for iss in (works.issuer, evil.issuer):
        told = await evil.come_back(browser, asked, iss=iss)
        assert (told.status_code, await person_of(browser)) == (400, None)
    assert not [head for head in internet.asked[before:] if "/token" in head]


async def test_the_same_name_and_mail_from_another_issuer_make_no_link(works: Upstream, internet: Internet) -> None:
    browser = works.world.browser()
    await browser.sign_in()
    assert (await works.link(browser, sub="them")).status_code == 200
    evil = upstream(
        works.world, internet, name="evil", label="Evil", issuer=f"https://{HOST}/evil", admits=Admits.ANYBODY
    )
    owner = (await session_of(browser)).subject
    claims = {"email": "them@works.example", "email_verified": True, "preferred_username": USERNAME, "name": USERNAME}
    for sub in ("them", USERNAME, owner):
        other = works.world.browser()
        assert (await evil.sign_in(other, sub=sub, **claims)).status_code == 303
        assert (await session_of(other)).subject != owner
    for sub in (owner, USERNAME, "Them", "them "):
        other = works.world.browser()
        if (await works.sign_in(other, sub=sub, **claims)).status_code == 303:
            assert (await session_of(other)).subject != owner
    again = works.world.browser()
    await works.sign_in(again, sub="them")
    assert (await session_of(again)).subject == owner
