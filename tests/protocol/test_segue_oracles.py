"""segue.jose agrees with joserfc and PyJWT: what it accepts they accept, and what it signs they verify."""

import base64
import json
from pathlib import Path
from typing import Any

import joserfc.errors
import joserfc.jwk
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from segue import jose
from segue.jose import BadSignature, Malformed

pytestmark = pytest.mark.requirement("XD-JOSE-01", "XD-JOSE-05", "XD-JOSE-08", "XD-JOSE-09")

VECTORS = Path(__file__).parents[2] / "specs" / "vectors"
PROOFS = json.loads((VECTORS / "dpop-proofs.json").read_text())
TOKENS = json.loads((VECTORS / "task-tokens.json").read_text())
TEXTS = [text for case in PROOFS["cases"] for text in case["proofs"]] + [case["token"] for case in TOKENS["cases"]]
KEY = ec.derive_private_key(7, ec.SECP256R1())
GOOD = jose.sign({"typ": "at+jwt", "kid": "k"}, {"a": 1, "b": ["é", None]}, KEY)
REGISTRY = joserfc_jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)

Read = tuple[dict[str, Any], bytes] | None


def _by_segue(token: str, key: ec.EllipticCurvePublicKey) -> Read:
    try:
        jws = jose.parse(token)
        jose.verify(jws, key)
    except (Malformed, BadSignature):
        return None
    return jws.header, jws.payload_bytes


def _by_joserfc(token: str, key: ec.EllipticCurvePublicKey) -> Read:
    imported = joserfc.jwk.ECKey.import_key(jose.public_jwk(key))
    try:
        read = joserfc_jws.deserialize_compact(token, imported, registry=REGISTRY)
    except (joserfc.errors.JoseError, ValueError, RecursionError):
        return None
    return dict(read.headers()), read.payload


def _by_pyjwt(token: str, key: ec.EllipticCurvePublicKey) -> Read:
    try:
        read = jwt.PyJWS().decode_complete(token, key, algorithms=["ES256"])
    except jwt.InvalidTokenError:
        return None
    return read["header"], read["payload"]


def _signer(token: str) -> ec.EllipticCurvePublicKey:
    """The key a vector would have to be verified with: the one it brings, or the issuer's."""
    try:
        header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
        return jose.import_p256(header.get("jwk"))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return jose.import_p256(TOKENS["jwks"]["keys"][0])


@pytest.mark.parametrize("text", TEXTS)
def test_a_vector_that_is_accepted_is_accepted_by_both_oracles_and_read_alike(text: str) -> None:
    key = _signer(text)
    read = _by_segue(text, key)
    if read is not None:
        assert _by_joserfc(text, key) == _by_pyjwt(text, key) == read


def test_the_oracles_have_something_to_agree_with() -> None:
    assert sum(_by_segue(text, _signer(text)) is not None for text in TEXTS) > 100


@given(st.data())
def test_a_token_with_a_changed_character_is_accepted_by_all_or_none(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(GOOD) - 1))
    character = data.draw(st.sampled_from("ABCDghwxQZ09-_=+/. \n.é"))
    token = GOOD[:place] + character + GOOD[place + data.draw(st.integers(0, 2)) :]
    read = _by_segue(token, KEY.public_key())
    assert read == _by_joserfc(token, KEY.public_key())
    assert read is None or read == _by_pyjwt(token, KEY.public_key())


@given(st.binary(min_size=64, max_size=64))
def test_a_random_signature_is_accepted_by_none(signature: bytes) -> None:
    token = f"{GOOD.rpartition('.')[0]}.{jose.b64url_encode(signature)}"
    assert _by_segue(token, KEY.public_key()) is _by_joserfc(token, KEY.public_key()) is None


@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8)))
def test_what_any_of_the_three_signs_is_read_alike_by_the_others(claims: dict[str, Any]) -> None:
    public = KEY.public_key()
    private = joserfc.jwk.ECKey.import_key(KEY)
    payload = json.dumps(claims).encode()
    for token in (
        jose.sign({"typ": "x"}, claims, KEY),
        joserfc_jws.serialize_compact({"alg": "ES256", "typ": "x"}, payload, private, algorithms=["ES256"]),
        jwt.PyJWS().encode(payload, KEY, algorithm="ES256", headers={"typ": "x"}),
    ):
        read = _by_segue(token, public)
        assert read is not None
        assert jose.parse(token).claims() == claims
        assert read == _by_joserfc(token, public) == _by_pyjwt(token, public)


@given(st.integers(1, 2**255))
def test_thumbprints_are_those_of_joserfc(secret: int) -> None:
    jwk = jose.public_jwk(ec.derive_private_key(secret, ec.SECP256R1()).public_key())
    assert jose.thumbprint(jwk) == joserfc.jwk.ECKey.import_key(jwk).thumbprint()
