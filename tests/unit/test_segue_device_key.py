"""A device's key survives being stored, and makes proofs as RFC 9449 section 4.2 has them."""

import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from segue import jose
from segue.device_key import DeviceKey


def _pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_a_stored_key_is_the_same_key() -> None:
    key = DeviceKey.generate()
    assert DeviceKey.from_pem(key.to_pem()).jkt == key.jkt


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()])
def test_another_kind_of_key_is_refused(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> None:
    with pytest.raises(ValueError, match="P-256"):
        DeviceKey.from_pem(_pem(key))


@pytest.mark.requirement("RFC9449-4-2-a", "RFC9449-4-2-b", "RFC9449-4-2-e", "RFC9449-4-2-f", "RFC9449-4-2-g")
def test_a_proof_has_what_the_rfc_asks_for() -> None:
    key = DeviceKey.generate()
    jws = jose.parse(key.proof("GET", "https://a.example/b?c#d", now=5, nonce="n", access_token="t", jti="j"))
    assert jws.header == {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk}
    ath = jose.b64url_encode(hashlib.sha256(b"t").digest())
    assert jws.claims() == {"jti": "j", "htm": "GET", "htu": "https://a.example/b", "iat": 5, "nonce": "n", "ath": ath}


@pytest.mark.requirement("RFC9449-4-2-d")
def test_every_proof_has_its_own_jti() -> None:
    key = DeviceKey.generate()
    first, second = (jose.parse(key.proof("GET", "https://a.example", now=5)).claims() for _ in range(2))
    assert first["jti"] != second["jti"]
    assert first.keys() == {"jti", "htm", "htu", "iat"}


@pytest.mark.requirement("RFC9449-4-2-c")
def test_the_private_part_is_not_in_the_proof() -> None:
    assert "d" not in DeviceKey.generate().jwk
