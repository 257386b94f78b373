"""A client does not register an Ed25519 key for which anybody could sign."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from segue.jose import b64url_encode
from segue_authz.client_auth.small_order import has_small_order
from segue_authz.enrolment import NotAcceptable, require_public

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
IDENTITY = b"\x01" + bytes(31)


def low_points() -> list[bytes]:
    """Every encoding of the points of order 1, 2, 4 and 8, by their equations (RFC 8032 section 5.1)."""
    ys = {0, 1, P - 1}
    root = pow(1 + D, (P + 3) // 8, P)
    root = root if root * root % P == (1 + D) % P else root * pow(2, (P - 1) // 4, P) % P
    for sign in (1, -1):  # d y^4 + 2 y^2 - 1 = 0
        square = (-1 + sign * root) * pow(D, -1, P) % P
        y = pow(square, (P + 3) // 8, P)
        y = y if y * y % P == square else y * pow(2, (P - 1) // 4, P) % P
        ys |= {y, P - y} if y * y % P == square else set()
    encoded = {y for each in ys for y in (each, each + P) if y < 2**255}
    return [(y | sign << 255).to_bytes(32, "little") for y in encoded for sign in (0, 1)]


def jwk(key: bytes) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": b64url_encode(key)}


def test_for_such_a_key_one_signature_fits_every_text() -> None:
    for payload in (b'{"sub":"anybody"}', b'{"sub":"somebody"}'):
        text = b64url_encode(b'{"alg":"EdDSA"}') + "." + b64url_encode(payload)
        forged = f"{text}.{b64url_encode(IDENTITY + bytes(32))}"
        assert jwt.decode(forged, jwt.PyJWK(jwk(IDENTITY)), algorithms=["EdDSA"])


@pytest.mark.requirement("XD-TOK-10", "XD-JOSE-05")
@pytest.mark.parametrize("key", low_points(), ids=bytes.hex)
def test_it_is_not_registered(key: bytes) -> None:
    with pytest.raises(NotAcceptable, match="full order"):
        require_public(jwk(key))


def test_there_are_all_of_them_and_honest_keys_are_none() -> None:
    assert len(low_points()) >= 14
    for number in range(1, 50):
        key = Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)).public_key().public_bytes_raw()
        assert not has_small_order(key)
        require_public(jwk(key))
