"""segue.jose and segue.strict_json read one thing out of the bytes, or nothing."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from segue import jose
from segue.jose import BadSignature, Malformed

KEY = ec.derive_private_key(7, ec.SECP256R1())
JWK = jose.public_jwk(KEY.public_key())
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_json_that_any_parser_reads_alike_is_read(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False).encode()
    assert jose.decode_json(text, max_depth=50) == json.loads(text)


@pytest.mark.requirement("XD-JOSE-07")
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nonsense",
        b"{} {}",
        b'{"a":1,"a":1}',
        b'{"a":[{"b":1,"b":2}]}',
        b'{"a":1,"\\u0061":2}',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e400",
        b"-1e400",
        b"9007199254740992",
        b"-9007199254740992",
        b"9" * 5000,
        b"01",
        b"1_000",
        "\uff11".encode(),
        b'"\\ud800"',
        b'["\\uDFFF"]',
        b'{"\\uDbff":1}',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        "{}".encode("utf-32"),
        b'{"a":1}'.decode().encode("utf-16-le"),
        b'"a\nb"',
        b"'a'",
        b"[1,]",
    ],
)
def test_json_with_another_reading_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        jose.decode_json(text)


@pytest.mark.parametrize(
    "text", [b"9007199254740991", b"-9007199254740991", b'"\\ud83d\\ude00"', b'"\\\\ud800"', b"1e300", b" {} "]
)
def test_json_at_the_border_is_read(text: bytes) -> None:
    assert jose.decode_json(text) == json.loads(text)


@pytest.mark.requirement("XD-DOS-04")
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"":'])
def test_deep_json_is_refused_before_it_is_parsed(opening: bytes) -> None:
    with pytest.raises(Malformed, match="deep"):
        jose.decode_json(opening * 9000)


def test_brackets_in_strings_are_not_depth() -> None:
    text = json.dumps({"a": "[" * 100, "b": '\\"[[[' * 20, "c": [1] * 40}).encode()
    assert jose.decode_json(text) == json.loads(text)


def test_depth_is_bounded_where_it_says() -> None:
    assert jose.decode_json(b"[" * 16 + b"]" * 16)
    with pytest.raises(Malformed):
        jose.decode_json(b"[" * 17 + b"]" * 17)


@pytest.mark.requirement("XD-DOS-04")
def test_a_string_that_never_ends_takes_no_quadratic_time() -> None:
    with pytest.raises(Malformed):
        jose.decode_json(b"[" * 20 + b'\\"' * 500_000, max_bytes=2_000_000)


def test_long_json_is_refused() -> None:
    with pytest.raises(Malformed, match="long"):
        jose.decode_json(b" " * 65_536 + b"1")


@given(st.binary(max_size=100))
def test_base64url_comes_back(data: bytes) -> None:
    assert jose.b64url_decode(jose.b64url_encode(data)) == data


@pytest.mark.requirement("XD-JOSE-08")
@pytest.mark.parametrize(
    "text", ["A", "AB", "AA=", "AA==", "A A", "AA\n", "+/+/", "QQ==QQ", "AAAA!", "\u0410AAA", "AAA\u0661", "=", "é"]
)
def test_another_spelling_of_base64url_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        jose.b64url_decode(text)


@given(st.text(alphabet="ABQgw-_+/= \n", max_size=12))
def test_no_two_texts_decode_alike(text: str) -> None:
    try:
        data = jose.b64url_decode(text)
    except Malformed:
        return
    assert jose.b64url_encode(data) == text


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_what_is_signed_is_read_and_verified(claims: dict[str, str]) -> None:
    jws = jose.parse(jose.sign({"typ": "x"}, claims, KEY))
    jose.verify(jws, KEY.public_key())
    assert (jws.header, jws.claims()) == ({"typ": "x", "alg": "ES256"}, claims)


def test_the_header_cannot_name_another_algorithm_than_the_one_that_signs() -> None:
    assert jose.parse(jose.sign({"alg": "none"}, {}, KEY)).header == {"alg": "ES256"}


def test_nan_is_not_signed() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        jose.sign({}, {"a": float("nan")}, KEY)


@pytest.mark.requirement("XD-JOSE-05")
def test_a_signature_of_another_length_is_refused() -> None:
    jws = jose.parse(jose.sign({}, {}, KEY))
    for signature in (b"", jws.signature[:-1], jws.signature + b"\0", bytes(64)):
        with pytest.raises(BadSignature):
            jose.verify(jose.Jws(jws.header, jws.payload_bytes, jws.signing_input, signature), KEY.public_key())


def test_a_signature_by_another_key_is_refused() -> None:
    with pytest.raises(BadSignature):
        jose.verify(jose.parse(jose.sign({}, {}, ec.generate_private_key(ec.SECP256R1()))), KEY.public_key())


@pytest.mark.requirement("XD-DOS-04")
def test_a_long_token_is_refused_unread() -> None:
    with pytest.raises(Malformed, match="long"):
        jose.parse("A" * 8193)


def test_a_key_comes_back_from_its_jwk() -> None:
    assert jose.import_p256(JWK) == KEY.public_key()


@pytest.mark.requirement("XD-DPOP-11")
@pytest.mark.parametrize(
    "change",
    [
        {"kty": "RSA"},
        {"kty": "ec"},
        {"crv": "P-384"},
        {"crv": None},
        {"d": JWK["x"]},
        {"d": None},
        {"x": JWK["y"]},
        {"x": JWK["x"] + "="},
        {"x": "A" + JWK["x"]},
        {"x": 7},
        {"y": None},
        {"y": "\u0410" + JWK["y"][1:]},
    ],
)
def test_another_kind_of_key_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        jose.import_p256({**JWK, **change})


def test_a_thumbprint_leaves_optional_members_out() -> None:
    assert jose.thumbprint({**JWK, "kid": "x", "use": "sig"}) == jose.thumbprint(JWK)


def test_the_thumbprint_of_what_is_no_key_is_refused() -> None:
    with pytest.raises(Malformed):
        jose.thumbprint({**JWK, "x": '","y":"' + JWK["x"][7:]})
