"""Proof Key for Code Exchange (RFC 7636) and the issuer in answers (RFC 9207), at the authorization server."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from authz_world import DESKTOP_URI, ISSUER, World

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A4", "A14")]


@pytest.mark.requirement("RFC7636-4-2", "RFC7636-4-4-b", "RFC7636-4-6", "XD-AUTH-01")
@pytest.mark.parametrize("wrong", ["another", "the challenge", "longer", "shorter"])
async def test_a_code_goes_to_who_has_the_verifier_of_its_challenge(world: World, wrong: str) -> None:
    browser, device = world.browser(), world.device()
    await browser.sign_in()
    codes = []
    for _ in range(2):
        answer, verifier = await device.ask(browser)
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        assert challenge not in code
        codes.append((code, verifier, challenge))
    (code, verifier, challenge), (good_code, good, _) = codes
    shown = {"another": "v" * 43, "the challenge": challenge, "longer": verifier + "A", "shorter": verifier[:-1]}[wrong]
    form = {"redirect_uri": DESKTOP_URI}
    refused = await device.token("authorization_code", code=code, code_verifier=shown, **form)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await device.token("authorization_code", code=good_code, code_verifier=good, **form)).status_code == 200


@pytest.mark.requirement("RFC9207-2", "RFC9207-2-3")
async def test_good_answers_and_errors_name_the_issuer_and_the_metadata_says_so(world: World) -> None:
    browser, device = world.browser(), world.device()
    await browser.sign_in()
    good, _ = await device.ask(browser)
    page = await browser.http.get("/authorize?" + urlencode(device.request("v" * 43)))
    denied = await browser.submit("/authorize", page, decision="deny", task="new", name="x")
    wrong = await browser.http.get("/authorize?" + urlencode(device.request("v" * 43) | {"response_type": "token"}))
    for answer in (good, denied, wrong):
        assert parse_qs(urlsplit(answer.headers["location"]).query)["iss"] == [ISSUER]
    metadata = (await browser.http.get("/.well-known/oauth-authorization-server")).json()
    assert (metadata["authorization_response_iss_parameter_supported"], metadata["issuer"]) == (True, ISSUER)
