"""The file of the providers at which people sign in: read strictly, told without secrets."""

import json
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from segue_authz.domain.account import PASSKEY_ACR
from segue_authz.serving import prepare
from segue_authz.settings import from_environment
from segue_authz.upstream import provider_file
from segue_authz.upstream.provider import Admits
from segue_storage.setting import BadSetting

pytestmark = pytest.mark.requirement("A12")

SECRET = "no-one-is-told-this"
WORKS = """
[providers.works]
label = "Example Works"
issuer = "https://id.example"
client_id = "segue"
client_secret_file = "secret"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    return tmp_path / "upstream.toml"


def read(file: Path, text: str) -> Any:
    file.write_text(text)
    return provider_file.read(file)


def pem(key: Any) -> bytes:
    return bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def test_without_a_file_there_are_none() -> None:
    assert provider_file.read(None) == ()


def test_what_is_not_said_is_the_careful_choice(file: Path) -> None:
    (works,) = read(file, WORKS)
    assert (works.name, works.label, works.issuer) == ("works", "Example Works", "https://id.example")
    assert (works.secret, works.key) == (SECRET, None)
    assert works.admits is Admits.LINKED
    assert works.scopes == ("openid",)
    assert (works.require, works.acr, works.networks) == ({}, {}, ())


def test_everything_can_be_said(file: Path) -> None:
    text = WORKS + 'admits = "anybody"\nscopes = ["openid", "profile", "openid"]\nnetworks = ["10.20.0.0/16"]\n'
    text += '[providers.works.require]\nhd = ["works.example"]\nemail_verified = [true]\n'
    text += f'[providers.works.acr]\n"urn:works:two" = "{PASSKEY_ACR}"\n'
    text += WORKS.replace("works", "other-1").replace("Works", "Others").replace("id.example", "id.other.example/t/")
    works, other = read(file, text)
    assert works.admits is Admits.ANYBODY
    assert works.scopes == ("openid", "profile")
    assert works.require == {"hd": ("works.example",), "email_verified": (True,)}
    assert works.acr == {"urn:works:two": PASSKEY_ACR}
    assert works.networks == (ip_network("10.20.0.0/16"),)
    assert works.shown()["networks"] == ["10.20.0.0/16"]
    assert other.issuer == "https://id.other.example/t/", "an issuer may end in a slash, and then that is its name"


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-256", "Ed25519", "RSA"],
)
def test_a_private_key_may_stand_for_the_secret(file: Path, key: Any) -> None:
    (file.parent / "key.pem").write_bytes(pem(key))
    (works,) = read(file, WORKS.replace("client_secret_file", "private_key_file").replace('"secret"', '"key.pem"'))
    assert works.secret is None
    assert pem(works.key) == pem(key)


WRONG = {
    "it is no TOML": ("[", "cannot be read"),
    "it holds nothing": ("", "one table, providers"),
    "it holds something else": ("x = 1", "one table, providers"),
    "it holds more": (WORKS + "[other]\n", "one table, providers"),
    "a provider is no table": ("providers = {works = 1}", "providers.works must be a table"),
    "a name is no part of an address": (WORKS.replace("works", '"Wörks"'), "small letters"),
    "a member is misspelt": (WORKS + "admit = 1", "providers.works.admit is not a setting; those are acr, admits"),
    "there is no label": (WORKS.replace("label", "scopes"), "providers.works"),
    "a label is too long": (WORKS.replace("Example Works", "w" * 61), "1 to 60 characters"),
    "an issuer is not protected": (WORKS.replace("https://id", "http://id"), "providers.works.issuer"),
    "an issuer has a query": (WORKS.replace("id.example", "id.example/?x=1"), "providers.works.issuer"),
    "an issuer is a number": (WORKS.replace('"https://id.example"', "1"), "must be an https address"),
    "a client id is empty": (WORKS.replace('"segue"', '""'), "providers.works.client_id is ''"),
    "there is no credential": (WORKS.replace("client_secret_file", "#"), "needs one of client_secret_file"),
    "there are two": (WORKS + 'private_key_file = "secret"', "needs one of client_secret_file"),
    "a credential is no path": (WORKS.replace('"secret"', "1"), "must be the path of a file"),
    "a credential is not there": (WORKS.replace('"secret"', '"nowhere"'), "cannot be read"),
    "a key is none": (WORKS.replace("client_secret_file", "private_key_file"), "holds no private key"),
    "who is admitted is misspelt": (WORKS + 'admits = "everybody"', "must be one of linked, anybody"),
    "openid is not asked for": (WORKS + 'scopes = ["profile"]', '"openid" among them'),
    "scopes are a text": (WORKS + 'scopes = "openid"', '"openid" among them'),
    "a requirement is no list": (WORKS + 'require = {hd = "x"}', "must be a list of texts"),
    "a requirement is empty": (WORKS + "require = {hd = []}", "must be a list of texts"),
    "requirements are a list": (WORKS + "require = []", "must be a table of claims"),
    "a strength is made up": (WORKS + 'acr = {x = "strong"}', "must be one of urn:segue:acr:upstream"),
    "strengths are a list": (WORKS + "acr = []", "must be a table"),
    "networks are a text": (WORKS + 'networks = "10.0.0.0/8"', "it must be a list such as"),
    "a network is an address of one": (WORKS + 'networks = ["10.20.0.5/16"]', "has host bits set"),
    "two have one issuer": (WORKS + WORKS.replace("works", "others").replace("Works", "Others"), "the same issuer"),
    "two have one label": (WORKS + WORKS.replace("works", "others").replace("id.", "id2."), "the same label"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_value_that_cannot_be_stops_the_server_and_is_named(file: Path, what: str) -> None:
    text, words = WRONG[what]
    with pytest.raises(BadSetting) as wrong:
        read(file, text)
    assert words in str(wrong.value)
    assert SECRET not in str(wrong.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"\xff", b"s" * 1001])
def test_a_secret_that_is_no_single_line_is_named_and_not_told(file: Path, content: bytes) -> None:
    (file.parent / "secret").write_bytes(content)
    with pytest.raises(BadSetting, match="one line of 1 to 1000"):
        read(file, WORKS)


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 1024)], ids=["P-384", "short RSA"]
)
def test_a_key_of_another_kind_is_named_and_not_told(file: Path, key: Any) -> None:
    (file.parent / "secret").write_bytes(pem(key))
    with pytest.raises(BadSetting, match="P-256, Ed25519 or RSA key of 2048 bits"):
        read(file, WORKS.replace("client_secret_file", "private_key_file"))


def test_the_command_shows_the_providers_without_their_secrets(file: Path) -> None:
    file.write_text(WORKS)
    told = check(file)
    assert told.returncode == 0, told.stderr
    shown = json.loads(told.stdout)
    assert shown["SEGUE_AUTHZ_UPSTREAM"] == str(file)
    assert shown["providers"]["works"]["issuer"] == "https://id.example"
    assert shown["providers"]["works"]["admits"] == "linked"
    assert SECRET not in told.stdout + repr(provider_file.read(file))
    file.write_text(WORKS + "admit = 1")
    told = check(file)
    assert (told.returncode, "admit is not a setting" in told.stderr) == (1, True)


def test_a_server_does_not_start_with_a_file_that_cannot_be_read(file: Path) -> None:
    settings = from_environment({"SEGUE_STATE": str(file.parent), "SEGUE_AUTHZ_UPSTREAM": str(file)})
    with pytest.raises(BadSetting, match="SEGUE_AUTHZ_UPSTREAM"):
        prepare(settings)


def check(file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "segue_authz", "--check"]
    return subprocess.run(command, env={"SEGUE_AUTHZ_UPSTREAM": str(file)}, capture_output=True, text=True, check=False)
