"""What the authorization server reads beside JOSE: forms, credentials, codes, addresses, headers, documents."""

import json
import tomllib
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from authz_world import ISSUER
from segue.strict_json import Malformed, decode_json
from segue_authz import client_metadata, delivery, outbound, policy_file, task_cards
from segue_authz.client_auth.shown import shown
from segue_authz.domain import backchannel
from segue_authz.domain.client import acceptable_uri
from segue_authz.domain.policy import Policies
from segue_authz.domain.refusal import Refusal
from segue_authz.domain.task_card import CardsUnavailable, TaskCard
from segue_authz.domain.transfer_code import ALPHABET, LENGTH, normalise
from segue_authz.endpoints import authorization_request, backchannel_authentication, registration, service_access
from segue_authz.endpoints.browser import StaleForm, check_form
from segue_authz.endpoints.claim import read_device_name, read_place
from segue_authz.endpoints.form import parse, read_form
from segue_authz.endpoints.network import network_of
from segue_authz.endpoints.page import FromElsewhere, check_origin
from segue_authz.endpoints.session_headers import one_string, skipped_because
from segue_authz.endpoints.sign_in.page import local
from segue_authz.enrolment import canonical_username
from segue_authz.pages.language import accepted, asked_for, by_tag
from segue_authz.pages.names import display_name
from segue_authz.tokens.derivation import Derivation
from segue_authz.tokens.id_token import IdTokens, NoIdToken
from segue_authz.tokens.mint import Mint
from segue_authz.tokens.session_binding import SessionBinding
from segue_storage.setting import BadSetting
from starlette.requests import Request

from fuzzing.parser import any_text, parser, text, waited

DERIVATION = Derivation(b"s" * 32)
MINT: Any = Mint(issuer=ISSUER, audiences=(ISSUER,), keys=None, derivation=DERIVATION, random=None)  # type: ignore[arg-type]
BINDING = SessionBinding(DERIVATION, lambda size: b"r" * size)
REFRESH = DERIVATION.refresh_token("grt_1", 7).encode()


def request_of(headers: list[tuple[bytes, bytes]], *, query: bytes = b"", body: bytes = b"", host: str = "") -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": query}
    return Request({**scope, "client": (host, 1) if host else None, "server": ("localhost", 8400)}, receive)


@parser(
    "form",
    "segue_authz.endpoints.form:parse",
    seeds=[b"a=b&c=%20d", b"a=1&a=2", b"a=%ff", b"a=%00", b"&".join([b"a=1"] * 70)],
)
def form(data: bytes) -> None:
    try:
        read = parse(data)
    except Refusal:
        return
    assert parse(urlencode(read).encode()) == read
    assert len(parse_qsl(data.decode("ascii"), keep_blank_values=True)) == len(read) <= 64


@parser(
    "form-body",
    "segue_authz.endpoints.form:read_form",
    seeds=[
        b"application/x-www-form-urlencoded\n\na=b",
        b"APPLICATION/X-WWW-FORM-URLENCODED; charset=x\n\na=b",
        b"text/plain\n\na=b",
    ],
)
def form_body(data: bytes) -> None:
    media_type, _, body = data.partition(b"\n\n")
    try:
        read = waited(read_form(request_of([(b"content-type", media_type)], body=body)))
    except Refusal:
        return
    assert text(media_type).partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"
    assert read == parse(body)


@parser(
    "client-credentials",
    "segue_authz.client_auth.shown:_basic",
    seeds=[
        b"Basic YTpi\n\n",
        b"basic ZGVza3RvcDp4\n\nclient_id=desktop",
        b"Basic JTAwOiUwMA==\n\n",
        b"Bearer x\n\nclient_id=x",
    ],
)
def client_credentials(data: bytes) -> None:
    header, _, body = data.partition(b"\n\n")
    try:
        given = parse(body)
        said = shown([text(header)] if header else [], given)
    except Refusal:
        return
    said.client_id.encode()
    said.credential.encode()
    assert given.get("client_id", said.client_id) == said.client_id


@parser(
    "user-code",
    "segue_authz.domain.transfer_code:normalise",
    seeds=[b"WDJB-MJHT", b"wdjb mjht", "WDJ\u212a-MJHT".encode(), b"-" * 20],
)
def user_code(data: bytes) -> None:
    read = normalise(any_text(data))
    if read is not None:
        assert len(read) == LENGTH
        assert set(read) <= set(ALPHABET)
        assert [letter for letter in any_text(data).upper() if letter not in "- "] == list(read)


@parser(
    "refresh-token",
    "segue_authz.tokens.derivation:Derivation.read_refresh_token",
    seeds=[REFRESH, REFRESH + b".", b"a.1.b"],
)
def refresh_token(data: bytes) -> None:
    read = DERIVATION.read_refresh_token(any_text(data))
    assert read is None or DERIVATION.refresh_token(*read) == any_text(data)


@parser(
    "id-token-hint",
    "segue_authz.tokens.id_token:IdTokens.subject_of",
    "segue.jose:_object",
    seeds=[b"eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJqdGkiOiJ4In0.AA", b"a.b.c"],
)
def id_token_hint(data: bytes) -> None:
    tokens = IdTokens(issuer=ISSUER, keys=None, derivation=DERIVATION)  # type: ignore[arg-type]
    try:
        tokens.subject_of(any_text(data), client_id="desktop", now=0)
    except NoIdToken:
        return
    raise AssertionError("nobody but the server can make one")


@parser(
    "csrf",
    "segue_authz.endpoints.browser:check_form",
    "segue_authz.tokens.derivation:same",
    seeds=[DERIVATION.csrf("cookie").encode(), b"", b"\xed\xa0\x80", b"\xff"],
)
def csrf(data: bytes) -> None:
    browser: Any = SimpleNamespace(csrf=DERIVATION.csrf("cookie"))
    try:
        check_form(browser, {"csrf": any_text(data)})
    except StaleForm:
        return
    assert data == DERIVATION.csrf("cookie").encode()


@parser(
    "cookie",
    "segue_authz.endpoints.browser:browser_of",
    "segue_authz.tokens.derivation:Derivation.csrf",
    seeds=[b"segue=abc", b"segue=abc; segue=def", b"a=b; __Host-segue=\xff", b'segue="a\\";b"', b";;;=;"],
)
def cookie(data: bytes) -> None:
    value = request_of([(b"cookie", data)]).cookies.get("segue")
    if value:
        DERIVATION.digest("browser", value)
        DERIVATION.csrf(value)


@parser(
    "session-header",
    "segue_authz.endpoints.session_headers:one_string",
    "segue_authz.endpoints.session_headers:skipped_because",
    seeds=[
        b"bare.value_-",
        b'"quoted"',
        b'"quoted";a=1',
        b'"a"b"',
        b'quota_exceeded;session_identifier="1", unreachable',
    ],
)
def session_header(data: bytes) -> None:
    known = {"", "unreachable", "server_error", "quota_exceeded"}
    assert set(skipped_because(request_of([(b"secure-session-skipped", data)])).split(" ")) <= known
    try:
        read = one_string([text(data)])
    except Refusal:
        return
    assert read is not None
    assert read.isascii()
    assert read.isprintable()
    assert '"' not in read
    assert read in text(data)


@parser(
    "bound-cookie",
    "segue_authz.tokens.session_binding:SessionBinding.accepts_cookie",
    "segue_authz.tokens.session_binding:SessionBinding.accepts_challenge",
    "segue_authz.tokens.session_binding:SessionBinding.accepts_registration",
    seeds=[BINDING.cookie("s", now=0).encode(), BINDING.challenge("s", until=60).encode(), b"..", b"9.a.b"],
)
def bound_cookie(data: bytes) -> None:
    said = any_text(data)
    if BINDING.accepts_cookie(said, "s", now=0):
        assert said == BINDING.cookie("s", now=0)
        assert not BINDING.accepts_challenge(said, "s", now=0)
    assert not BINDING.accepts_cookie(said, "another", now=0)
    assert not BINDING.accepts_registration(said, "s", now=0)


@parser(
    "origin",
    "segue_authz.endpoints.page:check_origin",
    seeds=[b"null", ISSUER.encode(), b"https://evil.example", b"\xff"],
)
def origin(data: bytes) -> None:
    services: Any = SimpleNamespace(settings=SimpleNamespace(issuer=ISSUER))
    try:
        check_origin(services, request_of([(b"origin", data)]))
    except FromElsewhere:
        return
    assert data in (b"null", ISSUER.encode())


@parser(
    "return-to",
    "segue_authz.endpoints.sign_in.page:local",
    seeds=[b"/authorize?client_id=x", b"//evil.example", b"/\\evil", b"//[", b"/\r\nX: y", b"javascript:x", b"/%00"],
)
def return_to(data: bytes) -> None:
    found = local(any_text(data))
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))
    assert found.isprintable()
    assert "\\" not in found
    assert urlsplit(ISSUER + found).netloc == urlsplit(ISSUER).netloc


@parser(
    "peer",
    "segue_authz.endpoints.network:network_of",
    seeds=[b"192.0.2.1", b"::ffff:192.0.2.1", b"2001:db8::1%eth0", b"unix:"],
)
def peer(data: bytes) -> None:
    network = network_of(request_of([], host=any_text(data)))
    assert network == "unknown" or set(network) <= set("0123456789abcdef.:/")


class _Nobody:
    """In place of the tables: whatever is asked for is not there."""

    async def enabled(self, client_id: str) -> None:
        client_id.encode()

    async def find(self, digest: str, *, now: int) -> None:
        digest.encode()


@parser(
    "authorization-request",
    "segue_authz.endpoints.authorization_request:authorization_request",
    seeds=[b"client_id=desktop&request_uri=urn:ietf:params:oauth:request_uri:x&response_type=code", b"client_id=%00"],
)
def authorize(data: bytes) -> None:
    services: Any = SimpleNamespace(
        clients=_Nobody(), pushed_requests=_Nobody(), derivation=DERIVATION, clock=lambda: 0, mint=MINT
    )
    try:
        given = parse(data)
        client: Any = SimpleNamespace(actions=frozenset({"task:read"}), redirect_uris=())
        asked = authorization_request.authorization_request(services, given, client)
        assert len(asked.code_challenge) == len(asked.jkt) == 43
        assert asked.task.actions <= client.actions
    except Refusal:
        pass
    if "request_uri" in dict(parse_qsl(text(data))):
        assert waited(authorization_request._pushed(services, any_text(data))) is None


@parser(
    "device-name",
    "segue_authz.endpoints.claim:read_device_name",
    "segue_authz.endpoints.claim:read_place",
    "segue_authz.pages.names:display_name",
    "segue_authz.enrolment:canonical_username",
    seeds=[b"A phone", "\u202ename".encode(), b"x" * 101, b"\0"],
)
def device_name(data: bytes) -> None:
    try:
        name = read_device_name({"device_name": any_text(data)})
        read_place({"place": any_text(data)})
    except Refusal:
        return
    assert 0 < len(name) <= 100
    display_name(name)
    canonical_username(name)


@parser(
    "languages",
    "segue_authz.pages.language:accepted",
    "segue_authz.pages.language:asked_for",
    seeds=[b"de-AT, en;q=0.8", b"*;q=0.1,ar;q=0", b"fr de ar", b";;,q=2", b"a-" * 600],
)
def languages(data: bytes) -> None:
    said = any_text(data)
    for read in (accepted(said), asked_for(said)):
        assert read is None or by_tag(read.tag) is read


@parser(
    "backchannel",
    "segue_authz.domain.backchannel:acceptable_message",
    "segue_authz.domain.backchannel:acceptable_notification_token",
    "segue_authz.endpoints.backchannel_authentication:_lifetime",
    seeds=[b"W4SCT", b"300", b"x" * 30, b"-1", "\uff13".encode()],
)
def backchannel_request(data: bytes) -> None:
    said = any_text(data)
    if backchannel.acceptable_message(said):
        assert said.isprintable()
        assert "://" not in said
    if backchannel.acceptable_notification_token(said):
        assert said.isascii()
        assert " " not in said
    backchannel.acceptable_user_code(said)
    try:
        assert 0 < backchannel_authentication._lifetime({"requested_expiry": said}, Policies().general) < 10_000
    except Refusal:
        return


@parser(
    "registration-bearer",
    "segue_authz.endpoints.registration:_bearer",
    seeds=[b"Bearer x", b"bearer  ", b"DPoP x", b"Bearer"],
)
def registration_bearer(data: bytes) -> None:
    try:
        assert registration._bearer(request_of([(b"authorization", data)]), "no").strip()
    except Refusal:
        return


_METADATA = {"redirect_uris": ["https://app.example/cb"], "client_name": "App", "token_endpoint_auth_method": "none"}
_KEYED = {
    **_METADATA,
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA"}]},
}


@parser(
    "client-metadata",
    "segue_authz.client_metadata:read",
    "segue_authz.domain.client:acceptable_uri",
    "segue_authz.endpoints.registration:_json",
    seeds=[json.dumps(_METADATA).encode(), json.dumps(_KEYED).encode(), b'{"redirect_uris":["https://["]}'],
)
def client_metadata_document(data: bytes) -> None:
    try:
        content = waited(registration._json(request_of([(b"content-type", b"application/json")], body=data)))
        described = client_metadata.read(content)
    except (Refusal, Malformed):
        return
    assert described.redirect_uris
    assert all(acceptable_uri(uri) for uri in described.redirect_uris)
    assert not any("d" in key or key.get("kty") == "oct" for key in described.jwks)


@parser(
    "client-address",
    "segue_authz.outbound:_read",
    "segue_authz.outbound:may_be_asked",
    "segue_authz.delivery:on_loopback",
    "segue_authz.delivery:_loopback",
    "segue_authz.domain.client:acceptable_uri",
    seeds=[
        b"https://app.example/x",
        b"https://[::1]/",
        b"https://user@host/",
        b"http://localhost:1/",
        b"https://a:99999/",
        b"https://[",
    ],
)
def client_address(data: bytes) -> None:
    said = any_text(data)
    delivery.on_loopback(said)
    if acceptable_uri(said):
        assert said.isascii()
        assert "@" not in urlsplit(said).netloc
    try:
        parts = outbound._read(said)
    except outbound.NotReached:
        return
    assert parts.scheme == "https"
    assert parts.hostname


@parser("peer-address", "segue_authz.outbound:may_be_asked", seeds=[b"10.0.0.1", b"::1", b"8.8.8.8", b"::ffff:8.8.8.8"])
def peer_address(data: bytes) -> None:
    if outbound.may_be_asked(any_text(data)):
        address = ip_address(any_text(data))
        assert address.is_global
        assert not any((address.is_loopback, address.is_private, address.is_link_local, address.is_multicast))


@parser(
    "service-token",
    "segue_authz.endpoints.service_access:_claims",
    "segue_authz.endpoints.service_access:shows_token",
    seeds=[b"DPoP x", b"dpop", b"Bearer x", b"\xff"],
)
def service_token(data: bytes) -> None:
    services: Any = SimpleNamespace(settings=SimpleNamespace(issuer=ISSUER), keys=_NoKeys(), clock=lambda: 0)
    service_access.shows_token(request_of([(b"authorization", data)]))
    try:
        service_access._claims(services, text(data).partition(" ")[2])
    except Refusal:
        return
    raise AssertionError("there is no key that it could be signed with")


class _NoKeys:
    def by_kid(self, kid: str) -> Any:
        raise KeyError(kid)


_CARD = {
    "task_id": "tsk_1",
    "name": "Acme",
    "state": "s",
    "owner": "usr_1",
    "sensitivity": "normal",
    "running_tool_calls": 0,
    "last_at": 0,
    "role": "customer",
    "actions": ["task:read"],
}


@parser(
    "task-card",
    "segue_authz.task_cards:_decode",
    seeds=[
        json.dumps(_CARD).encode(),
        json.dumps({"cards": [_CARD]}).encode(),
        b'{"type":"urn:segue:problem:not-active"}',
        b'{"type":"\xff"}',
        b'{"x":' + b"[" * 5000,
        *(b"[", b"\xff"),
    ],
)
def task_card(data: bytes) -> None:
    answer: Any = SimpleNamespace(status_code=200, content=data)
    for shape in (
        TaskCard,
        task_cards._Cards,
        task_cards._MatchedCards,
        task_cards._Names,
        task_cards._Noted,
        task_cards._Joined,
        task_cards._Problem,
    ):
        try:
            read = task_cards._decode(answer, shape)  # type: ignore[var-annotated]
        except CardsUnavailable:
            continue
        assert isinstance(read, shape)


@parser(
    "policy-file",
    "segue_authz.policy_file:read",
    "segue_authz.policy_file:_networks",
    seeds=[
        b'[transfer_policy]\npreset = "strict"\n',
        b'[transfer_policy.clients.x]\ntrusted_networks = ["10.0.0.0/8"]\n',
        b"a = [[[",
    ],
)
def policy(data: bytes) -> None:
    """As long as an operator would write one."""
    try:
        table = tomllib.loads(data[:8192].decode("utf-8"))
        if set(table) == {"transfer_policy"} and isinstance(table["transfer_policy"], dict):
            policy_file.from_table(table["transfer_policy"])
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, BadSetting):
        return


@parser("json-body", "segue_authz.endpoints.registration:_json", seeds=[b"{}", b"[", b"\xff"])
def json_body(data: bytes) -> None:
    try:
        waited(registration._json(request_of([(b"content-type", b"application/json")], body=data)))
    except Refusal:
        return
    decode_json(data)
