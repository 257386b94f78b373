"""JSON with one reading, JOSE, proofs, tokens, assertions. What is accepted is asked of joserfc as well.

Those called `signed-…` take a header and a payload, parted by a blank line, and sign them: so the fuzzers come past the
signature and try what only the holder of a key can send.
"""

import json
import warnings
from typing import Any

import vectors_by_joserfc as second
from authz_vectors import makers
from segue import jose
from segue.authority import InvalidAuthorizationDetails, parse_granted, parse_requested
from segue.nonce import Nonces
from segue.strict_json import Malformed, decode_json
from segue_authz.client_auth import assertion, login_hint_token, request_object
from segue_authz.domain.client import Client, Method
from segue_authz.domain.refusal import Refusal
from segue_authz.tokens import session_proof
from segue_vectors import ASSERTIONS, PROOFS, TOKENS, Memory, refusal_of_proof, refusal_of_token

from fuzzing.parser import any_text, parser, text, waited

signing = makers("signing")
CLIENT = Client(
    ASSERTIONS["client_id"],
    "Signs",
    frozenset({"task:read"}),
    method=Method.PRIVATE_KEY_JWT,
    jwks=tuple(ASSERTIONS["jwks"]["keys"]),
)
NONCES = Nonces(jose.b64url_decode(PROOFS["nonces"]["secret"]), lifetime=60)
HEADERS = {
    "proof": json.dumps(makers("proof_vectors").HEADER).encode(),
    "token": json.dumps(makers("token_vectors").HEADER).encode(),
    "assertion": json.dumps(makers("assertion_vectors").HEADER).encode(),
}
CLAIMS = {
    "proof": json.dumps(makers("proof_vectors").ASKED.claims).encode(),
    "token": json.dumps(makers("token_vectors").CLAIMS).encode(),
    "assertion": json.dumps(makers("assertion_vectors").CLAIMS).encode(),
}
DETAILS = json.dumps(makers("token_vectors").CLAIMS["authorization_details"]).encode()
ASKED = b'[{"type":"task","name":"Acme","actions":["task:read"]}]'
ODD = (
    b'{"a":1,"a":2}',
    b'{"a":NaN}',
    b'{"a":"\\ud800"}',
    b"[" * 40 + b"]" * 40,
    b"1" * 400,
    b"\xef\xbb\xbf{}",
    b'"\xff"',
)


def _texts(vectors: Any, member: str) -> list[bytes]:
    """Some of the vectors: each section's first, good and malformed."""
    found: dict[tuple[str, str], bytes] = {}
    for case in vectors["cases"]:
        value = case[member][0] if isinstance(case[member], list) and case[member] else case[member]
        if isinstance(value, str) and len(value) < 3000:
            found.setdefault((case["section"], case["expect"]), value.encode())
    return list(found.values())


def _parts(kind: str, vectors: Any, member: str) -> list[bytes]:
    """Header and payload of a good one, of odd ones, and of those vectors that have both."""
    found = [HEADERS[kind] + b"\n\n" + payload for payload in (CLAIMS[kind], *ODD)]
    for data in _texts(vectors, member):
        try:
            header, payload, _ = (jose.b64url_decode(part) for part in data.decode().split("."))
        except ValueError:
            continue
        found.append(header + b"\n\n" + payload)
    return list(dict.fromkeys(found))


def _signed(data: bytes, key: Any) -> str:
    header, _, payload = data.partition(b"\n\n")
    return str(signing.jws(header, payload, key))


def _agreed(outcome: str) -> None:
    assert outcome == "accepted", f"the second implementation says {outcome}"


@parser(
    "strict-json",
    "segue.strict_json:decode_json",
    "segue.strict_json:_value",
    seeds=[b"{}", DETAILS, *CLAIMS.values(), *ODD],
)
def strict_json(data: bytes) -> None:
    try:
        value = decode_json(data)
    except Malformed:
        return
    repeated: list[bool] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        repeated.append(len(dict(pairs)) != len(pairs))
        return dict(pairs)

    assert json.loads(data.decode("utf-8"), object_pairs_hook=members) == value
    assert not any(repeated)
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8")


@parser("base64url", "segue.jose:b64url_decode", seeds=[b"", b"AA", b"AAA", b"_-8", b"AAAA", b"AB", b"A+/=", b"A" * 43])
def base64url(data: bytes) -> None:
    try:
        decoded = jose.b64url_decode(any_text(data))
    except Malformed:
        return
    assert jose.b64url_encode(decoded).encode() == data


@parser(
    "jose",
    "segue.strict_json:decode_json",
    "segue.jose:_object",
    "segue.jose:b64url_decode",
    seeds=_texts(TOKENS, "token"),
)
def compact_jws(data: bytes) -> None:
    key = signing.ISSUER.public_key()
    try:
        jws = jose.parse(any_text(data))
        jws.claims()
        jose.verify(jws, key)
    except (Malformed, jose.BadSignature):
        return
    registry = second.jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    second.jws.deserialize_compact(
        data.decode("ascii"), second.ECKey.import_key(jose.public_jwk(key)), registry=registry
    )


@parser(
    "signed-jose",
    "segue.strict_json:decode_json",
    "segue.jose:_object",
    seeds=_parts("token", TOKENS, "token"),
)
def signed_jws(data: bytes) -> None:
    compact_jws(_signed(data, signing.ISSUER).encode())


@parser(
    "jwk", "segue.jose:import_p256", seeds=[json.dumps(jose.public_jwk(signing.DEVICE.public_key())).encode(), b"{}"]
)
def jwk(data: bytes) -> None:
    try:
        members = decode_json(data)
        if not isinstance(members, dict):
            return
        key = jose.import_p256(members)
    except Malformed:
        return
    assert "d" not in members
    assert jose.public_jwk(key) == {name: members[name] for name in ("kty", "crv", "x", "y")}
    assert jose.thumbprint(members) == second.ECKey.import_key(jose.public_jwk(key)).thumbprint()


@parser(
    "proof",
    "segue.dpop:ProofChecker.check",
    "segue.dpop:_signer",
    "segue.target_uri:normalise",
    "segue.strict_json:decode_json",
    "segue.jose:b64url_decode",
    "segue.jose:_object",
    seeds=_texts(PROOFS, "proofs"),
)
def proof(data: bytes) -> None:
    memory = Memory()
    refused = waited(refusal_of_proof({"proofs": [any_text(data)]}, memory))
    assert len(memory.used) == (refused is None)
    if refused is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _agreed(second.decide_proof([any_text(data)], PROOFS))


@parser(
    "signed-proof",
    "segue.dpop:ProofChecker.check",
    "segue.dpop:_signer",
    "segue.strict_json:decode_json",
    "segue.jose:_object",
    "segue.target_uri:normalise",
    seeds=_parts("proof", PROOFS, "proofs"),
)
def signed_proof(data: bytes) -> None:
    proof(_signed(data, signing.DEVICE).encode())


@parser("nonce", "segue.nonce:Nonces.accepts", seeds=[nonce.encode() for nonce in PROOFS["nonces"]["accepted"]])
def nonce(data: bytes) -> None:
    about = PROOFS["nonces"]
    if NONCES.accepts(any_text(data), PROOFS["now"], about["incarnation"].encode()):
        assert any_text(data) in about["accepted"]


@parser(
    "task-token",
    "segue.task_token:TaskTokenVerifier.verify",
    "segue.task_token:TaskTokenVerifier._verify",
    "segue.task_token:TaskTokenVerifier._parsed",
    "segue.strict_json:decode_json",
    "segue.task_token:_confirmed_key",
    "segue.authority:_identifier",
    seeds=_texts(TOKENS, "token"),
)
def task_token(data: bytes) -> None:
    if waited(refusal_of_token({"token": any_text(data)})) is None:
        _agreed(second.decide_token(any_text(data), TOKENS))


@parser(
    "signed-task-token",
    "segue.task_token:TaskTokenVerifier.verify",
    "segue.task_token:TaskTokenVerifier._verify",
    "segue.task_token:TaskTokenVerifier._parsed",
    "segue.strict_json:decode_json",
    "segue.task_token:_confirmed_key",
    "segue.authority:_identifier",
    seeds=_parts("token", TOKENS, "token"),
)
def signed_task_token(data: bytes) -> None:
    task_token(_signed(data, signing.ISSUER).encode())


@parser(
    "client-assertion",
    "segue_authz.client_auth.assertion:read",
    "segue_authz.client_auth.assertion:verify",
    seeds=_texts(ASSERTIONS, "assertion"),
)
def client_assertion(data: bytes) -> None:
    assertion.subject(any_text(data)).encode()
    try:
        assertion.verify(any_text(data), CLIENT, issuer=ASSERTIONS["issuer"], now=ASSERTIONS["now"])
    except Refusal:
        return
    _agreed(second.decide_assertion(any_text(data), ASSERTIONS))


@parser(
    "signed-client-assertion",
    "segue_authz.client_auth.assertion:verify",
    seeds=_parts("assertion", ASSERTIONS, "assertion"),
)
def signed_client_assertion(data: bytes) -> None:
    client_assertion(_signed(data, signing.CLIENT).encode())


_OBJECT = {"typ": request_object.TYPE, "alg": "ES256", "kid": "ec"}
_SAID = {
    "iss": CLIENT.client_id,
    "client_id": CLIENT.client_id,
    "aud": ASSERTIONS["issuer"],
    "exp": ASSERTIONS["now"] + 60,
}


@parser(
    "signed-request-object",
    "segue_authz.client_auth.request_object:verify",
    seeds=[json.dumps(_OBJECT).encode() + b"\n\n" + json.dumps(_SAID | {"state": "x", "resource": ["x"]}).encode()],
)
def signed_request_object(data: bytes) -> None:
    signed = _signed(data, signing.CLIENT)
    try:
        read = request_object.verify(signed, CLIENT, issuer=ASSERTIONS["issuer"], now=ASSERTIONS["now"])
    except Refusal:
        return
    assert read.parameters["client_id"] == CLIENT.client_id
    assert all(isinstance(value, str) and "\0" not in value for value in read.parameters.values())


_HINT = {"typ": login_hint_token.TYPE, "alg": "ES256", "kid": "ec"}
_HINTED = _SAID | {"jti": "j", "sub_id": {"format": "opaque", "id": "person"}}


@parser(
    "signed-login-hint",
    "segue_authz.client_auth.login_hint_token:verify",
    seeds=[json.dumps(_HINT).encode() + b"\n\n" + json.dumps(_HINTED).encode()],
)
def signed_login_hint(data: bytes) -> None:
    signed = _signed(data, signing.CLIENT)
    try:
        hint = login_hint_token.verify(signed, CLIENT, issuer=ASSERTIONS["issuer"], now=ASSERTIONS["now"])
    except Refusal:
        return
    assert (hint.subject is None) != (hint.username is None)


@parser(
    "authorization-details",
    "segue.authority:parse_requested",
    "segue.authority:_identifier",
    seeds=[ASKED, DETAILS, *ODD],
)
def authorization_details(data: bytes) -> None:
    try:
        asked = parse_requested(any_text(data))
    except InvalidAuthorizationDetails:
        return
    (detail,) = json.loads(any_text(data))
    assert detail["type"] == "task"
    assert asked.actions == frozenset(detail["actions"]) != frozenset()
    assert asked.name is None or (asked.name == detail["name"] and "\n" not in asked.name)


@parser("granted-details", "segue.authority:_identifier", seeds=[DETAILS, ASKED])
def granted_details(data: bytes) -> None:
    try:
        details = decode_json(data)
        authority = parse_granted(details)
    except (Malformed, InvalidAuthorizationDetails):
        return
    (detail,) = authority.as_details()
    assert detail == {**details[0], "actions": sorted(details[0]["actions"])}
    assert text(data)


SESSION_JWK = jose.public_jwk(signing.ISSUER.public_key())
SESSION_HEADER = json.dumps({"typ": "dbsc+jwt", "alg": "ES256", "jwk": SESSION_JWK}).encode()
REFRESH_HEADER = json.dumps({"typ": "dbsc+jwt", "alg": "ES256"}).encode()
SESSION_CLAIMS = b'{"jti":"c","authorization":"a"}'


@parser(
    "session-proof",
    "segue_authz.tokens.session_proof:registration",
    "segue_authz.tokens.session_proof:refresh",
    seeds=[
        *(_signed(header + b"\n\n" + SESSION_CLAIMS, signing.ISSUER).encode() for header in (SESSION_HEADER, b"{}")),
        b"eyJhbGciOiJub25lIiwidHlwIjoiZGJzYytqd3QifQ.eyJqdGkiOiJjIn0.",
    ],
)
def proof_of_a_session(data: bytes) -> None:
    try:
        read = session_proof.registration(any_text(data))
    except session_proof.BadProof:
        pass
    else:
        assert jose.parse(any_text(data)).header["typ"] == session_proof.TYPE
        assert (read.jwk, read.challenge) == (SESSION_JWK, "c"), "nobody else can sign with that key"
    try:
        session_proof.refresh(any_text(data)).is_by(SESSION_JWK)
    except session_proof.BadProof:
        return


@parser(
    "signed-session-proof",
    "segue_authz.tokens.session_proof:registration",
    "segue_authz.tokens.session_proof:refresh",
    seeds=[
        *(SESSION_HEADER + b"\n\n" + payload for payload in (SESSION_CLAIMS, *ODD)),
        REFRESH_HEADER + b"\n\n" + SESSION_CLAIMS,
    ],
)
def signed_proof_of_a_session(data: bytes) -> None:
    proof = _signed(data, signing.ISSUER)
    header, payload = (decode_json(part) if part else {} for part in _read_parts(proof))
    try:
        read = session_proof.registration(proof)
    except session_proof.BadProof:
        pass
    else:
        assert header["alg"] == "ES256"
        assert jose.public_jwk(jose.import_p256(header["jwk"])) == read.jwk == SESSION_JWK
        assert (payload["jti"], payload["authorization"]) == (read.challenge, read.authorization)
    try:
        refreshed = session_proof.refresh(proof)
    except session_proof.BadProof:
        return
    assert "jwk" not in header
    assert refreshed.is_by(SESSION_JWK)
    assert payload["jti"] == refreshed.challenge


def _read_parts(proof: str) -> list[bytes]:
    """Header and payload, nothing where strict JSON has no reading for them."""
    found = []
    for each in proof.split(".")[:2]:
        data = jose.b64url_decode(each)
        try:
            decode_json(data)
        except Malformed:
            data = b""
        found.append(data)
    return found
