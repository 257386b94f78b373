"""An attester vouches for the key of a device: a signal for `trusted_devices` (RFC 10027, 6.1.7), and no more."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from authz_world import DESKTOP, PHONE, Device, World, handle_of, open_world, restart
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from segue_authz.client_auth.attestation import LONGEST, TYPE, Attester, Attesters, read_attesters
from segue_authz.domain.policy import BALANCED, Policies
from segue_authz.settings import from_environment
from segue_storage.setting import BadSetting

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A11", "A14")]

KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def public(key: ec.EllipticCurvePrivateKey, **members: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    return content | members


ATTESTER = Attester("Maker", (public(KEY, kid="m1"),), frozenset({PHONE}))


@pytest.fixture
async def world(tmp_path: Path, anyio_backend: str) -> AsyncIterator[World]:
    opened = await open_world(tmp_path, database_url=f"sqlite:///{tmp_path}/authz.db", ephemeral_url=None)
    opened.policies = Policies(general=replace(BALANCED, trusted_devices="require"))
    trusting(opened, ATTESTER)
    yield opened
    await opened.aclose()


def trusting(world: World, *attesters: Attester) -> None:
    world.attesters = Attesters(attesters)
    restart(world)


def attestation(
    device: Device, *, key: ec.EllipticCurvePrivateKey = KEY, header: dict[str, Any] | None = None, **claims: Any
) -> str:
    now = device.world.now
    content = {"sub": PHONE, "iat": now - 5, "exp": now + 3_600, "cnf": {"jwk": device.key.jwk}} | claims
    members = {"typ": TYPE, "kid": "m1"} | (header or {})
    left = {name: value for name, value in content.items() if value is not None}
    return jwt.encode(left, key, algorithm="ES256", headers=members)


def showing(device: Device, *shown: str, pop: str | None = None) -> None:
    """With each request from now on."""
    for value in shown:
        device.http.headers = httpx2.Headers([*device.http.headers.raw, (b"OAuth-Client-Attestation", value.encode())])
    if pop is not None:
        device.http.headers["OAuth-Client-Attestation-PoP"] = pop


async def pulled(world: World, device: Device) -> bool:
    """Whether the person could let the device have a task."""
    asked = await device.ask_for_task(actions=["task:read"])
    assert asked.status_code == 200, asked.text
    browser = world.browser()
    await browser.sign_in()
    page = await browser.enter_code(asked.json()["user_code"])
    waiting = await device.redeem(asked.json()["device_code"])
    world.now += 5
    fields = {"task": "new", "name": "Lease", "check_value": waiting.json()["check_value"]}
    await browser.approve(page.headers["location"], **fields)
    return (await device.redeem(asked.json()["device_code"])).status_code == 200


async def test_a_device_that_an_attester_vouches_for_is_trusted_at_its_first_pull(world: World) -> None:
    stranger, device = world.device(PHONE), world.device(PHONE)
    assert not await pulled(world, stranger)
    showing(device, attestation(device))
    assert await pulled(world, device)
    metadata = (await world.http().get("/.well-known/oauth-authorization-server")).json()
    assert metadata["client_attestation_pop_methods_supported"] == ["dpop_combined", "none"]
    assert "ES256" in metadata["client_attestation_signing_alg_values_supported"]


@pytest.mark.parametrize("vouched", [False, True])
async def test_a_device_that_an_attester_vouches_for_is_trusted_at_its_first_claim(world: World, vouched: bool) -> None:
    desktop, phone = await world.desktop(), world.device(PHONE)
    if vouched:
        showing(phone, attestation(phone))
    offer = (await desktop.offer()).json()
    claim = (await phone.claim(handle_of(offer["transfer_uri"]))).json()
    await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
    assert ((await phone.redeem(claim["device_code"])).status_code == 200) is vouched


async def test_an_attester_whose_word_counts_no_more_vouches_for_nobody(world: World) -> None:
    device = world.device(PHONE)
    showing(device, attestation(device))
    asked = (await device.ask_for_task(actions=["task:read"])).json()
    trusting(world, replace(ATTESTER, clients=frozenset({DESKTOP})))
    device.http = world.http()
    browser = world.browser()
    await browser.sign_in()
    page = await browser.enter_code(asked["user_code"])
    check_value = (await device.redeem(asked["device_code"])).json()["check_value"]
    world.now += 5
    await browser.approve(page.headers["location"], task="new", name="Lease", check_value=check_value)
    assert (await device.redeem(asked["device_code"])).status_code == 400


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "another attester": ({"key": OTHER}, "invalid_client_attestation"),
    "another client": ({"sub": DESKTOP}, "invalid_client_attestation"),
    "another device's key": ({"cnf": {"jwk": public(OTHER)}}, "invalid_client_attestation"),
    "a thumbprint alone": ({"cnf": {"jkt": "x"}}, "invalid_client_attestation"),
    "no key": ({"cnf": None}, "invalid_client_attestation"),
    "an odd key": ({"cnf": {"jwk": {"kty": "EC", "crv": "P-256", "x": 1, "y": 2}}}, "invalid_client_attestation"),
    "another type": ({"header": {"typ": "JWT"}}, "invalid_client_attestation"),
    "another kid": ({"header": {"kid": "m2"}}, "invalid_client_attestation"),
    "an extension": ({"header": {"crit": ["x"], "x": 1}}, "invalid_client_attestation"),
    "no end": ({"exp": None}, "invalid_client_attestation"),
    "half a second": ({"exp": 1_800_003_600.5}, "invalid_client_attestation"),
    "not begun": ({"iat": 1_800_001_000}, "invalid_client_attestation"),
    "expired": ({"exp": 1_799_999_900}, "use_fresh_attestation"),
    "for too long": ({"exp": 1_800_000_000 + LONGEST + 1}, "use_fresh_attestation"),
}


@pytest.mark.parametrize("case", BAD)
async def test_an_attestation_that_is_shown_has_to_be_good(world: World, case: str) -> None:
    device, (changes, error) = world.device(PHONE), BAD[case]
    showing(device, attestation(device, **changes))
    answer = await device.ask_for_task(actions=["task:read"])
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_one_attestation_is_shown_with_the_proof_of_the_device_and_no_other(world: World) -> None:
    for shown, pop in ((2, None), (1, "x"), (0, "x")):
        device = world.device(PHONE)
        showing(device, *[attestation(device)] * shown, pop=pop)
        answer = await device.ask_for_task(actions=["task:read"])
        assert answer.json()["error"] == "invalid_client_attestation"
    for text in ("", "nonsense", "a.b.c", "a" * 9_000):
        device = world.device(PHONE)
        showing(device, text)
        answer = await device.ask_for_task(actions=["task:read"])
        assert answer.json()["error"] == "invalid_client_attestation", text


async def test_an_attester_speaks_for_the_devices_of_its_own_clients_alone(world: World) -> None:
    trusting(world, replace(ATTESTER, clients=frozenset({DESKTOP})))
    device = world.device(PHONE)
    showing(device, attestation(device))
    answer = await device.ask_for_task(actions=["task:read"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_attestation")


async def test_where_no_attester_is_trusted_an_attestation_says_nothing(world: World) -> None:
    trusting(world)
    device = world.device(PHONE)
    showing(device, attestation(device))
    assert not await pulled(world, device)
    metadata = (await world.http().get("/.well-known/oauth-authorization-server")).json()
    assert not any("attestation" in name for name in metadata)


def test_the_attesters_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "attesters.json"
    file.write_text(json.dumps({"Maker": {"jwks": {"keys": [public(KEY)]}, "clients": [PHONE]}}))
    settings = from_environment({"SEGUE_AUTHZ_ATTESTERS": str(file)})
    assert read_attesters(settings.attesters).trusts("Maker", PHONE)
    assert not read_attesters(settings.attesters).trusts("Maker", DESKTOP)
    assert not read_attesters(None)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"Maker": {}}',
        '{"Maker": {"jwks": {"keys": []}, "clients": ["phone"]}}',
        '{"Maker": {"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}, "clients": ["phone"]}}',
        json.dumps({"Maker": {"jwks": {"keys": [public(KEY)]}, "clients": []}}),
        json.dumps({"Maker": {"jwks": {"keys": [public(KEY, d="AAAA")]}, "clients": [PHONE]}}),
    ],
)
def test_a_file_that_names_no_attester_stops_the_server(tmp_path: Path, content: str) -> None:
    file = tmp_path / "attesters.json"
    file.write_text(content)
    with pytest.raises(BadSetting, match="SEGUE_AUTHZ_ATTESTERS"):
        read_attesters(file)
