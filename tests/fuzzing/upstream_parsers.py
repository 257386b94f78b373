"""What another provider says: its metadata, its keys, and what it has signed. What is accepted is looked at again."""

import json
from typing import Any

from authz_vectors import makers
from segue.strict_json import Malformed
from segue_authz.outbound import acceptable
from segue_authz.upstream import signed
from segue_authz.upstream.discovery import read_metadata
from segue_authz.upstream.id_token import Expected, identity
from segue_authz.upstream.logout_token import EVENT, logout
from segue_authz.upstream.provider import Provider
from segue_authz.upstream.signed import KINDS, NotBelieved, Token

from fuzzing.parser import any_text, parser

signing = makers("signing")
ISSUER = "https://id.example"
NOW = 1_800_000_000
WORKS = Provider("works", "Works", ISSUER, "segue", secret="s")
JWK = {**signing.jwk_of(signing.ISSUER), "kid": "k1", "use": "sig"}
_ENDPOINTS = {name: f"{ISSUER}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
_METADATA = {"issuer": ISSUER, **_ENDPOINTS, "end_session_endpoint": f"{ISSUER}/end"}
_CLAIMS = {"iss": ISSUER, "sub": "s", "aud": "segue", "exp": NOW + 60, "iat": NOW, "nonce": "n", "auth_time": NOW}
_LOGOUT = {"iss": ISSUER, "sub": "s", "aud": ["segue"], "exp": NOW + 60, "iat": NOW, "jti": "j", "events": {EVENT: {}}}
_HEADER = json.dumps({"alg": "ES256", "kid": "k1"}).encode()


@parser(
    "upstream-metadata",
    "segue_authz.upstream.discovery:read_metadata",
    seeds=[
        json.dumps(_METADATA).encode(),
        json.dumps(_METADATA | {"token_endpoint": "https://["}).encode(),
        json.dumps(_METADATA | {"token_endpoint_auth_methods_supported": [1, {}]}).encode(),
        b"[]",
    ],
)
def upstream_metadata(data: bytes) -> None:
    try:
        read = read_metadata(data, issuer=ISSUER, may=acceptable)
    except NotBelieved:
        return
    assert json.loads(data)["issuer"] == ISSUER
    assert all(acceptable(url) for url in (read.authorization_endpoint, read.token_endpoint, read.jwks_uri))
    assert read.end_session_endpoint is None or acceptable(read.end_session_endpoint)


@parser(
    "upstream-keys",
    "segue_authz.upstream.signed:read_keys",
    seeds=[
        json.dumps({"keys": [JWK]}).encode(),
        json.dumps(
            {"keys": [{"kty": "RSA", "n": "AQ", "e": "AQAB"}, {"kty": "OKP", "crv": "Ed25519", "x": "AA"}]}
        ).encode(),
        json.dumps({"keys": [{"kty": "oct", "k": "AA"}, 1, None]}).encode(),
        b'{"keys":{}}',
    ],
)
def upstream_keys(data: bytes) -> None:
    """Whatever they are, a token that none of them has signed is not believed."""
    try:
        keys = signed.read_keys(data)
    except NotBelieved:
        return
    for alg in KINDS:
        header = signing.jws(json.dumps({"alg": alg}).encode(), b"{}", signing.DEVICE)
        try:
            signed.verified(header, keys)
        except NotBelieved:
            continue
        raise AssertionError("none of the keys has signed it")


@parser(
    "upstream-token",
    "segue_authz.upstream.signed:_read",
    "segue_authz.upstream.signed:verified",
    seeds=[
        signing.jws(_HEADER, json.dumps(_CLAIMS).encode(), signing.ISSUER).encode(),
        signing.jws(_HEADER, json.dumps(_CLAIMS).encode(), signing.DEVICE).encode(),
        b"a.b.c",
        b"....",
    ],
)
def upstream_token(data: bytes) -> None:
    try:
        token = signed.verified(any_text(data), [JWK])
    except NotBelieved:
        return
    assert token.header["alg"] == "ES256"


def _signed(data: bytes) -> Token | None:
    header, _, payload = data.partition(b"\n\n")
    try:
        return signed.verified(signing.jws(header, payload, signing.ISSUER), [JWK])
    except (NotBelieved, Malformed):
        return None


def _pair(claims: dict[str, Any], **header: Any) -> bytes:
    return json.dumps({"alg": "ES256", "kid": "k1"} | header).encode() + b"\n\n" + json.dumps(claims).encode()


@parser(
    "signed-upstream-identity",
    "segue_authz.upstream.id_token:identity",
    seeds=[_pair(_CLAIMS), _pair(_CLAIMS | {"aud": ["segue"], "amr": ["pwd"], "at_hash": "AA"}), _pair(_LOGOUT)],
)
def upstream_identity(data: bytes) -> None:
    token = _signed(data)
    if token is None:
        return
    try:
        found = identity(token, WORKS, Expected("n", "at", NOW - 10), now=NOW)
    except NotBelieved:
        return
    claims = token.claims
    assert (claims["iss"], claims["nonce"], "events" in claims) == (ISSUER, "n", False)
    assert claims["aud"] in ("segue", ["segue"])
    assert (found.issuer, found.sub) == (ISSUER, claims["sub"])
    assert isinstance(found.sub, str)
    assert found.sub.isascii()
    assert 0 < len(found.sub) <= 255


@parser(
    "signed-upstream-logout",
    "segue_authz.upstream.logout_token:logout",
    seeds=[_pair(_LOGOUT, typ="logout+jwt"), _pair(_LOGOUT | {"nonce": "n"}), _pair(_CLAIMS)],
)
def upstream_logout(data: bytes) -> None:
    token = _signed(data)
    if token is None:
        return
    try:
        told = logout(token, WORKS, now=NOW)
    except NotBelieved:
        return
    assert EVENT in token.claims["events"]
    assert "nonce" not in token.claims
    assert told.sub or told.sid
