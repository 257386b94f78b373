"""An authenticator in software (WebAuthn Level 3 section 6), which says whatever an attacker has it say.

It writes its CBOR and COSE itself (RFC 8949, RFC 9053): what the server reads with a library was not written with it.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from segue.jose import b64url_decode, b64url_encode

USER_PRESENT, USER_VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
HONEST = USER_PRESENT | USER_VERIFIED
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _MAP = 0, 1, 2, 3, 5


@dataclass
class Credential:
    """A key for one account at one relying party. `count` is the signature counter; zero for ever if not `counts`."""

    rp_id: str
    user_handle: str
    credential_id: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    private_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    count: int = 0
    counts: bool = True
    flags: int = 0


@dataclass(frozen=True)
class Said:
    """What is said otherwise than an honest browser and authenticator would."""

    challenge: str | None = None
    origin: str | None = None
    rp_id: str | None = None
    flags: int = HONEST
    type: str | None = None
    user_handle: str | None = None
    count: int | None = None
    credential_id: str | None = None
    tampered: bool = False
    cross_origin: bool = False


AS_IT_IS = Said()


class Authenticator:
    """With the browser around it, at one origin."""

    def __init__(self, origin: str, *, flags: int = 0, counts: bool = True) -> None:
        self.origin = origin
        self.credentials: list[Credential] = []
        self._flags, self._counts = flags, counts

    def create(self, options: Mapping[str, Any], said: Said = AS_IT_IS) -> str:
        """The answer to `navigator.credentials.create()`, as `toJSON()` writes it."""
        credential = Credential(options["rp"]["id"], options["user"]["id"], counts=self._counts, flags=self._flags)
        credential.credential_id = said.credential_id or credential.credential_id
        self.credentials.append(credential)
        client_data = self._client_data("webauthn.create", options, said)
        identifier = b64url_decode(credential.credential_id)
        numbers = credential.private_key.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(identifier).to_bytes(2, "big") + identifier + cbor(key)
        data = self._data(credential, said, ATTESTED) + attested
        statement = cbor({"fmt": "none", "attStmt": {}, "authData": data})
        response = {"attestationObject": b64url_encode(statement), "transports": ["internal"]}
        return self._answer(credential, client_data, response)

    def get(self, options: Mapping[str, Any], said: Said = AS_IT_IS, credential: Credential | None = None) -> str:
        """The answer to `navigator.credentials.get()`, by the newest credential unless another is named."""
        chosen = credential or self.credentials[-1]
        chosen.count += chosen.counts
        client_data = self._client_data("webauthn.get", options, said)
        data = self._data(chosen, said, 0)
        signature = chosen.private_key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        if said.tampered:
            signature = signature[:-1] + bytes([signature[-1] ^ 1])
        response = {
            "authenticatorData": b64url_encode(data),
            "signature": b64url_encode(signature),
            "userHandle": chosen.user_handle if said.user_handle is None else said.user_handle,
        }
        return self._answer(chosen, client_data, response)

    def _client_data(self, kind: str, options: Mapping[str, Any], said: Said) -> bytes:
        content = {
            "type": said.type or kind,
            "challenge": options["challenge"] if said.challenge is None else said.challenge,
            "origin": said.origin or self.origin,
            "crossOrigin": said.cross_origin,
        }
        return json.dumps(content).encode()

    def _data(self, credential: Credential, said: Said, further: int) -> bytes:
        rp_id_hash = hashlib.sha256((said.rp_id or credential.rp_id).encode()).digest()
        count = credential.count if said.count is None else said.count
        return rp_id_hash + bytes([said.flags | credential.flags | further]) + count.to_bytes(4, "big")

    @staticmethod
    def _answer(credential: Credential, client_data: bytes, response: dict[str, Any]) -> str:
        said = {
            "id": credential.credential_id,
            "rawId": credential.credential_id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {"clientDataJSON": b64url_encode(client_data), **response},
            "clientExtensionResults": {},
        }
        return json.dumps(said)


def cbor(value: object) -> bytes:
    """Integers, byte strings, texts and maps (RFC 8949 section 3). Raises `TypeError` for anything else."""
    match value:
        case int():
            return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
        case bytes():
            return _head(_BYTES, len(value)) + value
        case str():
            return _head(_TEXT, len(value.encode())) + value.encode()
        case dict():
            return _head(_MAP, len(value)) + b"".join(cbor(key) + cbor(each) for key, each in value.items())
        case _:
            raise TypeError("an authenticator says no such thing")


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    size = next(size for size in (1, 2, 4, 8) if number < 1 << 8 * size)
    return bytes([kind << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[size]]) + number.to_bytes(size, "big")
