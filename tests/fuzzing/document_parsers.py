"""Signed events, client documents, and texts that could hold a credential."""

import json
import secrets
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

from authz_vectors import makers
from authz_world import ISSUER
from segue import jose
from segue.issuer_keys import UnknownKey
from segue.security_event import MEDIA_TYPE, SESSION_REVOKED, SecurityEventReader
from segue.strict_json import Malformed, decode_json
from segue.wsgi import TaskTokenMiddleware
from segue_authz import client_documents
from segue_authz.client_auth import attestation
from segue_authz.client_metadata import InvalidClientMetadata
from segue_authz.domain.account import BrowserSession
from segue_authz.domain.client import acceptable_uri
from segue_authz.domain.refusal import Refusal
from segue_authz.endpoints import authorization_request, receiver, revocation, step_up
from segue_authz.endpoints.reauthentication import wanted
from segue_authz.outbound import Answer, NotReached
from segue_authz.tokens.sealed import Sealing
from segue_resource.domain.credential import credential_in
from segue_resource.endpoints.service_token import ServiceTokens
from segue_vectors import TOKENS

from fuzzing.authz_parsers import DERIVATION, REFRESH, request_of
from fuzzing.parser import any_text, parser, text, waited
from fuzzing.signed_parsers import CLAIMS, CLIENT, HEADERS

signing = makers("signing")
JKT = signing.thumbprint(signing.jwk_of(signing.DEVICE))
KID = TOKENS["jwks"]["keys"][0]["kid"]


class _IssuerKeys:
    """The issuer's one key, as both servers ask for it."""

    async def key(self, kid: str) -> Any:
        if kid != KID:
            raise UnknownKey(kid)
        return signing.ISSUER.public_key()

    def by_kid(self, kid: str) -> Any:
        if kid != KID:
            raise KeyError(kid)
        return SimpleNamespace(private_key=signing.ISSUER)


EVENTS = SecurityEventReader(
    issuer=TOKENS["issuer"], audience=TOKENS["audience"], keys=_IssuerKeys(), clock=lambda: TOKENS["now"]
)
_SUBJECT = {"format": "complex", "session": {"format": "opaque", "id": "grt_1"}}
_EVENT = {
    "iss": TOKENS["issuer"],
    "aud": [TOKENS["audience"]],
    "iat": TOKENS["now"],
    "jti": "e1",
    "events": {SESSION_REVOKED: {}},
    "sub_id": _SUBJECT,
}
_EVENT_HEADER = {"typ": "secevent+jwt", "alg": "ES256", "kid": KID}
_EVENT_PARTS = json.dumps(_EVENT_HEADER).encode() + b"\n\n" + json.dumps(_EVENT).encode()


@parser(
    "signed-event",
    "segue.security_event:SecurityEventReader._claims",
    "segue.security_event:SecurityEventReader.read",
    seeds=[_EVENT_PARTS, _EVENT_PARTS.replace(b"opaque", b"x"), _EVENT_PARTS.replace(b"secevent", b"at")],
)
def signed_event(data: bytes) -> None:
    header, _, payload = data.partition(b"\n\n")
    _take(signing.jws(header, payload, signing.ISSUER).encode())


@parser("event", "segue.security_event:SecurityEventReader._claims", seeds=[b"a.b.c", b"", b"\xff"])
def event(data: bytes) -> None:
    _take(data)


def _take(body: bytes) -> None:
    taken = waited(EVENTS.take(MEDIA_TYPE, body))
    assert taken.status in (202, 400)
    if taken.status == 202:
        claims = jose.parse(body.decode("ascii")).claims()
        assert claims["iss"] == TOKENS["issuer"]
        assert taken.grant_id in (None, claims.get("sub_id", {}).get("session", {}).get("id"))


@parser(
    "event-length", "segue.wsgi:TaskTokenMiddleware._take_event", seeds=[b"10", b"", b"-1", b"\xb2", b"1_0", b"9" * 30]
)
def event_length(data: bytes) -> None:
    asked: list[int] = []

    def read(size: int) -> bytes:
        asked.append(size)
        return b""

    guard = SimpleNamespace(events=EVENTS)
    middleware: Any = SimpleNamespace(_guard=guard, _withdrawals=None)
    environ = {"CONTENT_LENGTH": text(data), "CONTENT_TYPE": MEDIA_TYPE, "wsgi.input": SimpleNamespace(read=read)}
    TaskTokenMiddleware._take_event(middleware, environ, lambda *_: lambda __: None)
    assert 0 <= asked[0] <= 10_000


@parser(
    "receiver-json",
    "segue_authz.endpoints.receiver:read_json",
    seeds=[b'{"stream_id":"s","events_requested":["x"]}', b"[]"],
)
def receiver_json(data: bytes) -> None:
    try:
        content = waited(receiver.read_json(request_of([(b"content-type", b"application/json")], body=data)))
        receiver.text(content, "stream_id")
        assert all(isinstance(word, str) for word in receiver.words(content, "events_requested"))
    except Refusal:
        return


_CLIENT_ID = "https://app.example/client"
_DOCUMENT = {"client_id": _CLIENT_ID, "client_name": "App", "redirect_uris": ["https://app.example/cb"]}


@parser(
    "client-document",
    "segue_authz.client_documents:_json",
    "segue_authz.client_documents:_client",
    "segue_authz.client_documents:_own",
    seeds=[json.dumps(_DOCUMENT).encode(), json.dumps(_DOCUMENT | {"redirect_uris": ["https://["]}).encode(), b"[]"],
)
def client_document(data: bytes) -> None:
    answer = Answer(200, {"content-type": "application/json"}, data)
    try:
        client = client_documents._client(_CLIENT_ID, client_documents._json(answer))
    except (NotReached, Refusal, InvalidClientMetadata):
        return
    assert client.client_id == _CLIENT_ID
    assert client.redirect_uris
    assert all(acceptable_uri(uri) for uri in client.redirect_uris)


@parser(
    "cache-control",
    "segue_authz.client_documents:_lifetime",
    seeds=[b"max-age=60", b"no-store", b"max-age=" + b"9" * 5000],
)
def cache_control(data: bytes) -> None:
    answer = Answer(200, {"cache-control": text(data), "content-type": text(data)}, b"{}")
    assert 0 < client_documents._lifetime(answer) <= 10**6
    try:
        client_documents._json(answer)
    except NotReached:
        return


@parser(
    "sign-in-wish",
    "segue_authz.endpoints.reauthentication:wanted",
    seeds=[b"login none", b"0", b"\xb2", b"9" * 30, b"-1"],
)
def sign_in_wish(data: bytes) -> None:
    for name in ("prompt", "max_age", "acr_values"):
        try:
            wish = wanted({name: any_text(data)})
        except Refusal:
            continue
        assert wish.max_age is None or wish.max_age >= 0


@parser(
    "choice-kept",
    "segue_authz.endpoints.step_up:chosen",
    "segue_authz.endpoints.reauthentication:unmarked",
    seeds=[b"chosen=", b"chosen=AAAA&signed_in=x", b"chosen=%ff", b"?chosen==&chosen=AA=="],
)
def choice_kept(data: bytes) -> None:
    """Nobody else can write what somebody had chosen."""
    services: Any = SimpleNamespace(sealing=Sealing(DERIVATION, secrets.token_bytes))
    session = BrowserSession("session", "usr_1", 1, "acr", 2)
    assert step_up.chosen(services, session, f"/approve/trf_1?{any_text(data)}") == {}


@parser(
    "revoked-token",
    "segue_authz.endpoints.revocation:_grant_of",
    seeds=[REFRESH, HEADERS["token"] + b"\n\n" + CLAIMS["token"], b"a.b.c"],
)
def revoked_token(data: bytes) -> None:
    """Signed by us if it has a header and a payload; as it is otherwise."""
    settings = SimpleNamespace(issuer=TOKENS["issuer"])
    services: Any = SimpleNamespace(derivation=DERIVATION, keys=_IssuerKeys(), settings=settings)
    header, _, payload = data.partition(b"\n\n")
    token = signing.jws(header, payload, signing.ISSUER) if payload else any_text(data)
    grant_id = revocation._grant_of(services, token)
    assert grant_id is None or isinstance(grant_id, str)
    if grant_id is not None and "." in token and not token.startswith("grt_"):
        assert jose.parse(token).claims()["iss"] == TOKENS["issuer"]


_SERVICE = {"iss": ISSUER, "aud": ISSUER, "sub": "usr_1", "exp": TOKENS["now"] + 20, "jti": "j"}


@parser(
    "signed-service-token",
    "segue_resource.endpoints.service_token:ServiceTokens._verify",
    seeds=[json.dumps(_EVENT_HEADER | {"typ": "segue-service+jwt"}).encode() + b"\n\n" + json.dumps(_SERVICE).encode()],
)
def signed_service_token(data: bytes) -> None:
    header, _, payload = data.partition(b"\n\n")
    tokens = ServiceTokens(
        issuer=ISSUER,
        audience=ISSUER,
        keys=_IssuerKeys(),
        replay=None,  # type: ignore[arg-type]
        clock=lambda: int(TOKENS["now"]),
    )
    for name in ("sub", "asks"):
        try:
            value, jti = waited(tokens._verify(signing.jws(header, payload, signing.ISSUER), name))
        except (jose.Malformed, jose.BadSignature, UnknownKey):
            continue
        assert value
        assert jti


@parser(
    "document-name",
    "segue_authz.endpoints.authorization_request:names_document",
    "segue_authz.client_documents:ClientDocuments.names",
    seeds=[
        b"client_id=https://app.example/client",
        b"client_id=https://app.example/../x",
        b"%",
        b"client_id=https://[",
    ],
)
def document_name(data: bytes) -> None:
    documents = object.__new__(client_documents.ClientDocuments)
    documents._hosts = ("any",)
    services: Any = SimpleNamespace(client_documents=documents)
    try:
        named = authorization_request.names_document(services, text(data))
    except Refusal:
        return
    if named:
        client_id = dict(parse_qsl(text(data)))["client_id"]
        assert client_id.startswith("https://")
        assert not set(client_id) & set("?#@ \\")


@parser(
    "stored-credential",
    "segue_resource.domain.credential:credential_in",
    "segue_resource.domain.credential:_named",
    seeds=[
        b'{"password":"hunter22222"}',
        b'{"a":"Bearer eyJabcdefgh.eyJabcdefgh.abcdefghijklmnop"}',
        b'{"a":"https://user:secret@host/"}',
        b'["-----BEGIN RSA PRIVATE KEY-----"]',
        b'{"token":"vault://team/crm"}',
    ],
)
def stored_credential(data: bytes) -> None:
    try:
        value = decode_json(data, max_bytes=256_000, max_depth=32)
    except Malformed:
        value = any_text(data)
    said = credential_in(value)
    assert said is None or len(said) < 100


ATTESTERS = attestation.Attesters([attestation.Attester("maker", CLIENT.jwks, frozenset({CLIENT.client_id}))])
_ATTESTED = {
    "sub": CLIENT.client_id,
    "exp": TOKENS["now"] + 600,
    "cnf": {"jwk": signing.jwk_of(signing.DEVICE)},
}
_ATTESTATION = {"typ": attestation.TYPE, "alg": "ES256", "kid": "ec"}


@parser(
    "signed-attestation",
    "segue_authz.client_auth.attestation:Attesters._read",
    "segue_authz.client_auth.attestation:Attesters.verify",
    seeds=[
        json.dumps(_ATTESTATION).encode() + b"\n\n" + json.dumps(_ATTESTED | changes).encode()
        for changes in ({}, {"cnf": {"jwk": []}}, {"cnf": []}, {"exp": 1.5}, {"sub": "other"}, {"iat": True})
    ],
)
def signed_attestation(data: bytes) -> None:
    header, _, payload = data.partition(b"\n\n")
    shown = {attestation.HEADER: [signing.jws(header, payload, signing.CLIENT)], attestation.POP_HEADER: []}
    try:
        maker = ATTESTERS.verify(shown, CLIENT, jkt=JKT, now=TOKENS["now"])
    except Refusal:
        return
    assert maker == "maker"
    claims = decode_json(payload)
    assert claims["sub"] == CLIENT.client_id
    assert {name: claims["cnf"]["jwk"][name] for name in ("x", "y")}.items() <= signing.jwk_of(signing.DEVICE).items()
