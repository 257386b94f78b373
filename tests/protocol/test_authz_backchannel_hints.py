"""Whom a request by the backchannel is for: hints, the code of the person, and that nobody learns who is there."""

import json
from secrets import token_bytes
from typing import Any

import jwt
import pytest
from authz_world import ISSUER, PASSWORD, USERNAME, World
from backchannel_world import Backend, approved, backend, opened, signed_in, waiting
from cryptography.hazmat.primitives.asymmetric import ec
from segue.jose import parse
from segue_authz.domain.policy import Policies
from segue_authz.enrolment import add_user
from segue_authz.stores.user_codes import UserCodes
from segue_authz.tokens import signing_keys
from segue_authz.tokens.derivation import Derivation
from segue_authz.tokens.sealed import Sealing

pytestmark = pytest.mark.anyio
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))


def hint_token(world: World, *, key: Any = KEY, typ: str = "login-hint+jwt", **changed: Any) -> str:
    claims = {
        "iss": "helper",
        "aud": ISSUER,
        "exp": world.now + 60,
        "jti": "one",
        "sub_id": {"format": "iss_sub", "iss": ISSUER, "sub": world.subject},
    }
    said = {name: value for name, value in (claims | changed).items() if value is not None}
    return jwt.encode(said, key, algorithm="ES256", headers={"typ": typ})


async def with_id_token(world: World) -> tuple[Backend, str]:
    """A client that has asked before, and what it got then."""
    client, browser = await backend(world), await signed_in(world)
    await client.ask_person()
    await approved(client, browser)
    id_token = (await client.poll()).json()["id_token"]
    return client, id_token


@pytest.mark.requirement("A3", "CIBA-10-1-1-a")
async def test_the_answer_has_an_id_token_for_this_client_and_key(world: World) -> None:
    client, id_token = await with_id_token(world)
    token = parse(id_token)
    claims = token.claims()
    assert token.header["typ"] == "JWT"
    assert (claims["iss"], claims["sub"], claims["aud"]) == (ISSUER, world.subject, "helper")
    assert claims["cnf"] == {"jkt": client.key.jkt}
    jwks = (await world.http().get("/jwks")).json()
    key = jwt.PyJWKSet.from_dict(jwks)[token.header["kid"]]
    options: Any = {"verify_exp": False, "verify_iat": False}
    assert jwt.decode(id_token, key, algorithms=["ES256"], audience="helper", options=options)["sub"] == world.subject


@pytest.mark.requirement("A3", "CIBA-7-2")
async def test_an_id_token_points_at_the_person_again_also_after_the_keys_have_changed(world: World) -> None:
    client, id_token = await with_id_token(world)
    for file in world.settings.keys.glob("*.pem"):
        file.rename(file.with_name(f"{world.now}.gone"))
    signing_keys.create(world.settings.keys, now=world.now)
    world.restart()
    client.http = world.http()
    answer = await client.ask_person(login_hint=None, id_token_hint=id_token)
    assert answer.status_code == 200, answer.text
    assert len(await waiting(await signed_in(world))) == 1


@pytest.mark.requirement("A3", "XD-BACK-10", "CIBA-7-2")
async def test_an_id_token_of_another_client_an_old_one_and_a_changed_one_are_refused(world: World) -> None:
    client, id_token = await with_id_token(world)
    other = await backend(world, "other")
    head, payload, signature = id_token.split(".")
    access_token = client.tokens["access_token"]
    someone = {**parse(id_token).claims(), "sub": "usr_somebody"}
    forged = jwt.encode(someone, KEY, algorithm="ES256", headers={"typ": "JWT"})
    retyped = jwt.encode(parse(id_token).claims(), KEY, algorithm="ES256", headers={"typ": "at+jwt"})
    for asking, hint in (
        *((other, id_token), (client, access_token), (client, forged)),
        *((client, retyped), (client, f"{head}.{payload}")),
    ):
        answer = await asking.ask_person(login_hint=None, id_token_hint=hint)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert signature
    world.now += world.settings.grant_lifetime
    answer = await client.ask_person(login_hint=None, id_token_hint=id_token)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.requirement("A3", "XD-BACK-10", "CIBA-7-1-c")
async def test_two_hints_are_refused_although_each_is_good(world: World) -> None:
    client, id_token = await with_id_token(world)
    answer = await client.ask_person(id_token_hint=id_token)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert await waiting(await signed_in(world)) == []


@pytest.mark.requirement("A3", "CIBA-7-2")
@pytest.mark.parametrize("by_name", [True, False])
async def test_a_client_names_the_person_in_a_token_that_it_signed_once(world: World, by_name: bool) -> None:
    client = await backend(world, jwks=(PUBLIC,))
    named = {"sub_id": {"format": "opaque", "id": USERNAME}} if by_name else {}
    hint = hint_token(world, **named)
    assert (await client.ask_person(login_hint=None, login_hint_token=hint)).status_code == 200
    assert len(await waiting(await signed_in(world))) == 1
    again = await client.ask_person(login_hint=None, login_hint_token=hint)
    assert again.json()["error"] == "invalid_request"


@pytest.mark.requirement("A3", "XD-BACK-10")
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"exp": -10}, "expired_login_hint_token"),
        ({"exp": 3_600}, "invalid_request"),
        ({"exp": "soon"}, "invalid_request"),
        ({"nbf": 100}, "invalid_request"),
        ({"iss": "other"}, "invalid_request"),
        ({"aud": "https://other.example"}, "invalid_request"),
        ({"jti": None}, "invalid_request"),
        ({"sub_id": None}, "invalid_request"),
        ({"sub_id": {"format": "email", "email": "person"}}, "invalid_request"),
        ({"sub_id": {"format": "iss_sub", "iss": "https://other.example", "sub": "x"}}, "invalid_request"),
        ({"typ": "JWT"}, "invalid_request"),
        ({"key": ec.generate_private_key(ec.SECP256R1())}, "invalid_request"),
    ],
)
async def test_a_hint_token_from_elsewhere_or_out_of_date_is_refused(
    world: World, changed: dict[str, Any], error: str
) -> None:
    client = await backend(world, jwks=(PUBLIC,))
    ahead = {
        name: world.now + value if name in ("exp", "nbf") and isinstance(value, int) else value
        for name, value in changed.items()
    }
    answer = await client.ask_person(login_hint=None, login_hint_token=hint_token(world, **ahead))
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert await waiting(await signed_in(world)) == []


@pytest.mark.requirement("A3", "XD-BACK-05", "XD-BACK-01")
async def test_a_client_cannot_tell_who_has_an_account(world: World) -> None:
    """Somebody unknown, somebody disabled, and somebody who has nothing to do with the client."""
    client = await backend(world)
    await world.stranger()
    off = await add_user(world.database, username="off", password=PASSWORD, name="Off", random=token_bytes)
    await world.accounts.disable(off, now=world.now)
    answers = {}
    for hint in ("nobody", "off", "stranger", "person"):
        answer = await client.ask_person(login_hint=hint)
        polled = await client.poll()
        again = await client.ask_person(login_hint=hint)
        answers[hint] = (
            answer.status_code,
            sorted(answer.json()),
            answer.json()["expires_in"],
            len(answer.json()["auth_req_id"]),
            sorted(answer.headers),
            polled.status_code,
            polled.json(),
            again.status_code,
            again.json(),
            (await client.poll(after=600)).json(),
        )
        world.now += 60
    assert len({json.dumps(each) for each in answers.values()}) == 1, answers


@pytest.mark.requirement("A3", "XD-BACK-01")
async def test_a_person_hears_nothing_of_a_client_they_have_nothing_to_do_with(world: World) -> None:
    client = await backend(world, known=False)
    assert (await client.ask_person()).status_code == 200
    assert await waiting(await signed_in(world)) == []


async def set_code(world: World, code: str) -> None:
    browser = await signed_in(world)
    page = await browser.submit("/user-code", await browser.http.get("/user-code"), user_code=code)
    assert page.status_code == 200, page.text


@pytest.mark.requirement("A3", "XD-BACK-01", "CIBA-7-1-2-a")
async def test_with_the_code_of_the_person_a_client_reaches_them_for_the_first_time(world: World) -> None:
    await set_code(world, "open sesame")
    client = await backend(world, known=False, backchannel_user_code_parameter=True)
    assert (await client.ask_person(user_code="open sesame")).status_code == 200
    assert len(await waiting(await signed_in(world))) == 1


@pytest.mark.requirement("A3", "CIBA-13", "XD-BACK-05", "CIBA-7-1-2-a")
async def test_a_wrong_code_gets_one_answer_whoever_is_asked_and_however_often(world: World) -> None:
    await set_code(world, "open sesame")
    await world.stranger()
    client = await backend(world, backchannel_user_code_parameter=True)
    missing = await client.ask_person()
    assert (missing.status_code, missing.json()["error"]) == (400, "missing_user_code")
    told = [
        await client.ask_person(login_hint=hint, user_code="wrong one") for hint in ("person", "stranger", "nobody")
    ]
    assert {(each.status_code, each.text) for each in told} == {(400, told[0].text)}
    assert told[0].json()["error"] == "invalid_user_code"
    for _ in range(4):
        await client.ask_person(user_code="wrong one")
    assert (await client.ask_person(user_code="open sesame")).json()["error"] == "invalid_user_code"
    world.now += 3_600
    assert (await client.ask_person(user_code="open sesame")).status_code == 200


@pytest.mark.requirement("A3", "XD-BACK-01")
async def test_who_has_a_code_is_asked_by_no_client_without_it(world: World) -> None:
    client = await backend(world)
    await set_code(world, "open sesame")
    assert (await client.ask_person()).status_code == 200
    assert await waiting(await signed_in(world)) == []
    browser = await signed_in(world)
    await browser.submit("/user-code", await browser.http.get("/user-code"), forget="yes")
    world.now += 600
    await client.ask_person()
    assert len(await waiting(browser)) == 1


@pytest.mark.requirement("A3")
async def test_the_code_is_kept_as_an_argon2id_hash(world: World) -> None:
    await set_code(world, "open sesame")
    code_hash = await UserCodes(world.database).hash_of(world.subject)
    assert code_hash is not None
    assert code_hash.startswith("$argon2id$")
    for short in ("12345", " open sesame", "x" * 65):
        browser = await signed_in(world)
        page = await browser.submit("/user-code", await browser.http.get("/user-code"), user_code=short)
        assert page.status_code == 400
    assert await UserCodes(world.database).hash_of(world.subject) == code_hash


@pytest.mark.requirement("A3", "A11", "RFC10027-6-1-15")
async def test_a_policy_that_wants_to_know_as_whom_takes_an_id_token_for_it(world: World) -> None:
    client, id_token = await with_id_token(world)
    world.policies = Policies(by_client={"helper": {"authenticate_then_initiate": "require"}})
    world.restart()
    client.http = world.http()
    assert (await client.ask_person()).json()["error"] == "invalid_request"
    assert (await client.ask_person(login_hint=None, id_token_hint=id_token)).status_code == 200
    assert await opened(await signed_in(world))


def test_a_sealed_token_is_opened_for_its_own_row_alone() -> None:
    sealing = Sealing(Derivation(b"s" * 32), lambda size: b"r" * size)
    sealed = sealing.seal("secret", row="one")
    assert sealing.unseal(sealed, row="one") == "secret"
    with pytest.raises(ValueError, match="sealed"):
        sealing.unseal(sealed, row="two")
