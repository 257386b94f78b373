"""Live credentials are found in what is to be stored; references and ordinary words are not taken for any."""

import json

import pytest
from segue_resource.domain.credential import credential_in

pytestmark = pytest.mark.requirement("XD-TASK-10")

LIVE = {
    "a private key": "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ",
    "a signed token": "see eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c3JfMSJ9.c2lnbmF0dXJlLW9mLXRoaXM",
    "a refresh token": f"grt_{'a' * 22}.3.{'b' * 43}",
    "a device code": f"trf_{'a' * 22}.{'b' * 43}",
    "an authorization header": "Authorization: Bearer 2YotnFZFEjr1zCsicMWpAA",
    "a cookie": "Cookie: session=31d4d96e407aad42",
    "an access key": f"AKIA{'A' * 16}",
    "an API key": f"sk_live_{'a1' * 12}",
    "a personal access token": f"ghp_{'a1' * 18}",
    "a chat token": "xoxb-1234567890-abcdef",
    "an address with a password": "postgresql://agent:hunter22@db/crm",
}
HARMLESS = [
    "The bearer of this letter may pick the parcel up tomorrow",
    "basic understanding-of-the-contract-1",
    "tsk_" + "a" * 22,
    "Cookie: the chocolate one",
    "https://example.com/a:b@c",
    "sk-1 and pk_2",
    "eyJ is how many tokens begin",
    "AKIAshort",
]


@pytest.mark.parametrize(("what", "text"), LIVE.items())
def test_a_secret_is_known_by_its_shape_wherever_it_stands(what: str, text: str) -> None:
    for value in (text, [1, {"body": {"notes": [None, f"as agreed: {text} ok"]}}], {text: 1}):
        assert credential_in(value) == what


@pytest.mark.parametrize("name", ["password", "API-Key", "clientSecret", "refresh_token", "Set-Cookie"])
def test_a_member_that_says_what_it_is_holds_a_reference_or_nothing(name: str) -> None:
    assert credential_in({"arguments": {name: "correct horse"}}) == f"a member {name}"
    for value in ("vault://team/crm", "urn:secret:7", "short", 12345678, None, {"ref": "vault://x"}):
        assert credential_in({name: value}) is None


@pytest.mark.parametrize("text", HARMLESS)
def test_ordinary_words_pass(text: str) -> None:
    assert credential_in({"title": text, "body": [text]}) is None


def test_long_texts_are_searched_in_no_time() -> None:
    pieces = [
        "a:",
        "-eyJ",
        "eyJ",
        "bearer ",
        "x://",
        "a.",
        "cookie: ",
        "cookie:",
        "-----BEGIN ",
        "A ",
        "-trf_",
        "grt_a.",
        "b ",
    ]
    hard = [piece * (240_000 // len(piece)) for piece in pieces]
    for text in hard:
        assert credential_in(json.loads(json.dumps({"body": text}))) is None
