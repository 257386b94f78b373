"""What authenticators and browsers say of passkeys, and the codes and cookies around them.

`passkey-…-data` take what an authenticator says inside of its answer, and put the right challenge and signature around
it: so the fuzzers come past both, and try what only an authenticator can send.
"""

import hashlib
import json
from types import SimpleNamespace
from typing import Any

from authz_world import ISSUER, USERNAME
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from segue.jose import b64url_decode, b64url_encode
from segue_authz.ceremony import Ceremonies, Circumstance, NotAccepted, Purpose
from segue_authz.domain import recovery_code
from segue_authz.domain.account import Account
from segue_authz.endpoints.sign_in.known_browser import known_as
from segue_authz.tokens.derivation import Derivation
from segue_threats.authenticator import Authenticator

from fuzzing.parser import any_text, parser

NOW = 1_800_000_000
DERIVATION = Derivation(b"s" * 32)
CEREMONIES = Ceremonies(issuer=ISSUER, derivation=DERIVATION, random=lambda size: b"r" * size, clock=lambda: NOW)
SIGN_IN = Circumstance(Purpose.SIGN_IN, "session")
REGISTER = Circumstance(Purpose.REGISTER, "session", "usr_1")
KEYS = Authenticator(ISSUER)
CREATED = KEYS.create(CEREMONIES.creation_options(REGISTER, Account("usr_1", USERNAME, "", ""), []))
PASSKEY, _ = CEREMONIES.registered(CREATED, REGISTER, "Passkey")
ASSERTED = KEYS.get(CEREMONIES.request_options(SIGN_IN))
CREDENTIAL = KEYS.credentials[0]


def _said(answer: str, name: str) -> bytes:
    return b64url_decode(json.loads(answer)["response"][name])


def _saying(answer: str, **said: bytes) -> str:
    content = json.loads(answer)
    content["response"] |= {name: b64url_encode(value) for name, value in said.items()}
    return json.dumps(content)


def _asserted(answer: str) -> None:
    try:
        presented = CEREMONIES.presented(answer, SIGN_IN)
        CEREMONIES.asserted(presented, PASSKEY)
    except NotAccepted:
        return
    data = _said(answer, "authenticatorData")
    assert data[:32] == hashlib.sha256(b"localhost").digest()
    assert data[32] & 5 == 5, "present and verified"
    assert presented.user_handle == PASSKEY.user_handle


def _registered(answer: str) -> None:
    try:
        passkey, _ = CEREMONIES.registered(answer, REGISTER, "Passkey")
    except NotAccepted:
        return
    assert passkey.subject == "usr_1"
    assert passkey.credential_id


@parser(
    "passkey-assertion",
    "segue_authz.ceremony:Ceremonies.presented",
    "segue_authz.ceremony:Ceremonies.asserted",
    seeds=[ASSERTED.encode(), b"{}", b"[" * 5000, _saying(ASSERTED, clientDataJSON=b'{"type":1}').encode()],
)
def assertion(data: bytes) -> None:
    _asserted(any_text(data))


@parser("passkey-registration", "segue_authz.ceremony:Ceremonies.registered", seeds=[CREATED.encode(), b"{}", b"\xff"])
def registration(data: bytes) -> None:
    _registered(any_text(data))


@parser(
    "passkey-assertion-data",
    "segue_authz.ceremony:Ceremonies.asserted",
    seeds=[_said(ASSERTED, "authenticatorData"), b"", b"\xff" * 37, b"\xff" * 200],
)
def assertion_data(data: bytes) -> None:
    client_data = _said(ASSERTED, "clientDataJSON")
    signature = CREDENTIAL.private_key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
    _asserted(_saying(ASSERTED, authenticatorData=data, signature=signature))


@parser(
    "passkey-registration-data",
    "segue_authz.ceremony:Ceremonies.registered",
    seeds=[_said(CREATED, "attestationObject"), b"", b"\xa0", b"\x9f" * 5000, b"\xc5\x82\x1b" + b"\x7f" * 8 + b"\x01"],
)
def registration_data(data: bytes) -> None:
    _registered(_saying(CREATED, attestationObject=data))


@parser(
    "recovery-code",
    "segue_authz.domain.recovery_code:normalise",
    seeds=[b"BCDF-GHJK-LMNP-QRST", b"bcdf ghjk lmnp qrst", "\u212a".encode() * 16, b"-" * 48],
)
def code(data: bytes) -> None:
    read = recovery_code.normalise(any_text(data))
    assert read is None or (len(read) == recovery_code.LENGTH and recovery_code.normalise(read) == read)


TAG = DERIVATION.digest("known_browser", f"nonce {NOW} {USERNAME}")


@parser(
    "known-browser",
    "segue_authz.endpoints.sign_in.known_browser:known_as",
    seeds=[f"nonce.{NOW}.{TAG}".encode(), b"..", b"n.99999999999999999.t", "n.\u0661.t".encode()],
)
def known_browser(data: bytes) -> None:
    services: Any = SimpleNamespace(derivation=DERIVATION, clock=lambda: NOW, settings=SimpleNamespace(https=False))
    request: Any = SimpleNamespace(cookies={"segue-known": any_text(data)})
    found = known_as(services, request, USERNAME)
    assert found is None or any_text(data) == f"{found}.{NOW}.{TAG}"
