"""What resource servers read: credentials, addresses, headers, bodies, and what an issuer publishes."""

import json
import re
from typing import Any
from urllib.parse import urlsplit

import msgspec
from segue import issuer_keys
from segue.credentials import InvalidRequest, TokenMissing, presented_token
from segue.issuer_documents import read_metadata
from segue.problem import Problem
from segue.request import ProtectedRequest, of_environ, of_scope
from segue.strict_json import Malformed, decode_json
from segue.target_uri import is_loopback, is_protected, normalise, well_known
from segue.task_token import InvalidToken
from segue_resource import text_hook
from segue_resource.domain import artifact, invitation
from segue_resource.domain.byte_range import Unsatisfiable, byte_range
from segue_resource.domain.draft import begun_after
from segue_resource.domain.merge_patch import merge_patch
from segue_resource.domain.name import is_name
from segue_resource.domain.refusal import Refused
from segue_resource.domain.search import MAX_QUERY, MAX_WORDS, NothingToFind, excerpt, parse, terms_of
from segue_resource.domain.stitching import MAX_HINT, OpenTask, match
from segue_resource.endpoints import (  # noqa: F401  every one, for the shapes it declares
    download,
    drafts,
    events,
    fields,
    forks,
    handoffs,
    header,
    history,
    invitations,
    kept_state,
    lifecycle,
    names,
    presence,
    request_log,
    search,
    service_token,
    sessions,
    task_cards,
    tasks,
    tool_calls,
    working_set,
)
from segue_resource.endpoints.body import MERGE_PATCH, Shape, read_body

from fuzzing.authz_parsers import request_of
from fuzzing.parser import any_text, parser, text, waited

SHAPES = sorted(Shape.__subclasses__(), key=lambda shape: f"{shape.__module__}.{shape.__name__}")
_ID = re.compile(header.ID, re.ASCII)


def _asked(name: str, data: bytes) -> Any:
    return request_of([(name.lower().encode(), data)])


@parser(
    "credentials",
    "segue.credentials:presented_token",
    "segue.credentials:_parameters",
    seeds=[b"DPoP abc\n\n", b"dpop  a==\n\na=1", b"Bearer x\n\n", b"DPoP x\n\naccess_token=x"],
)
def credentials(data: bytes) -> None:
    authorization, _, query = data.partition(b"\n\n")
    request = ProtectedRequest("GET", "/", query, [authorization] if authorization else [], [])
    try:
        token = presented_token(request)
    except (InvalidRequest, InvalidToken, TokenMissing):
        return
    assert token.isascii()
    assert token
    assert not set(token) & set(' ",;\\\r\n\0')
    assert b"access_token=" not in query.split(b"&")


@parser(
    "target-uri",
    "segue.target_uri:normalise",
    "segue.target_uri:is_protected",
    "segue.target_uri:is_loopback",
    seeds=[b"https://tasks.example:443/a?b#c", b"HTTP://[::1]:80/", b"https://a@b/", b"https://a/\\..", b"https:///x"],
)
def target_uri(data: bytes) -> None:
    said = any_text(data)
    usual = normalise(said)
    assert (usual is not None) or not (is_protected(said) or is_loopback(said))
    if usual is None:
        return
    assert normalise(usual) == usual
    assert usual.isascii()
    assert usual.isprintable()
    parts = urlsplit(usual)
    assert "@" not in parts.netloc
    assert parts.scheme in ("http", "https")
    assert not parts.query
    assert not parts.fragment
    well_known(usual, "x")


@parser(
    "request-path", "segue.request:_spelled", seeds=[b"/tasks/tsk_1", b"/a%2Fb", b"/\xff", b"/?x", b"//evil.example/"]
)
def request_path(data: bytes) -> None:
    of_scope(
        {"method": "GET", "path": any_text(data).encode("utf-8", "replace").decode(), "headers": [], "raw_path": data}
    )
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": text(data), "RAW_URI": text(data), "HTTP_DPOP": text(data)}
    assert of_environ(environ).method == "GET"


@parser(
    "state-key",
    "segue_resource.endpoints.kept_state:_key",
    seeds=[b"after=a/1", b"after=", b"after=a&after=b", b"after=%C3%A4", b"after=" + b"k" * 5000],
)
def state_key(data: bytes) -> None:
    try:
        found = kept_state._key(request_of([], query=data), "after")
    except Problem:
        return
    assert found is None or (found.isascii() and 1 <= len(found) <= 255)


@parser(
    "number",
    "segue_resource.endpoints.header:number",
    "segue_resource.endpoints.header:identifier",
    seeds=[b"after=5", b"after=05", b"after=1&after=2", "after=\uff15".encode(), b"after=1_0", b"after=" + b"9" * 5000],
)
def number(data: bytes) -> None:
    request = request_of([], query=data)
    for read in (events.AFTER.of, events.LIMIT.of, working_set.AS_OF.of, working_set.BEFORE.of):
        try:
            assert 0 <= read(request) < 10**15
        except Problem:
            continue
    try:
        found = header.identifier(request, "after")
    except Problem:
        return
    assert found is None or _ID.fullmatch(found)


@parser(
    "last-event-id",
    "segue_resource.endpoints.header:event_id",
    seeds=[b"0", b"17", b"007", b"-1", b"1e3", b"9" * 30, b" 1", b"\xb2"],
)
def last_event_id(data: bytes) -> None:
    try:
        found = header.event_id(_asked("Last-Event-ID", data))
    except Problem:
        return
    assert found is not None
    assert str(found).encode() == data


@parser(
    "idempotency-key", "segue_resource.endpoints.header:idempotency_key", seeds=[b"k", b"a b", b"\xff", b"k" * 256, b""]
)
def idempotency_key(data: bytes) -> None:
    try:
        found = header.idempotency_key(_asked("Idempotency-Key", data))
    except Problem:
        return
    assert found is not None
    assert found.encode("ascii") == data
    assert 1 <= len(data) <= 255


@parser(
    "entity-tag",
    "segue_resource.endpoints.header:required_version",
    seeds=[b'"3"', b'W/"3"', b"*", b'"03"', b'"' + b"9" * 12 + b'"', b"3"],
)
def entity_tag(data: bytes) -> None:
    header.seen(_asked("If-None-Match", data), 3)
    try:
        header.creates(_asked("If-None-Match", data))
        version = header.required_version(_asked("If-Match", data))
    except Problem:
        return
    assert version == 0 or f'"{version}"'.encode() == data


@parser(
    "path-id",
    "segue_resource.endpoints.header:path_id",
    "segue_resource.endpoints.task_cards:_task_id",
    seeds=[b"item-1", b"..", b"a/b", b"\xff", b"tsk_1\n"],
)
def path_id(data: bytes) -> None:
    request = request_of([])
    request.scope["path_params"] = {"item_id": any_text(data), "task_id": any_text(data)}
    for read in (lambda: header.path_id(request, "item_id"), lambda: task_cards._task_id(request)):
        try:
            found = read()
        except (Refused, Problem):
            continue
        assert found.isascii()
        assert found.isprintable()
        assert "/" not in found
        assert not found.startswith(".")


@parser(
    "task-session", "segue_resource.endpoints.request_log:_session_of", seeds=[b"ses_1", b"", b"ses_\xff", b"x" * 300]
)
def task_session(data: bytes) -> None:
    try:
        found = request_log._session_of({"headers": [(b"task-session", data)]})
    except Problem:
        return
    assert found is not None
    assert found.isascii()
    assert found.isprintable()


@parser(
    "service-credentials",
    "segue_resource.endpoints.service_token:_presented",
    seeds=[b"Bearer a.b.c", b"bearer  a", b"Basic x", b"Bearer a,b"],
)
def service_credentials(data: bytes) -> None:
    try:
        assert service_token._presented(_asked("Authorization", data)).encode() in data
    except Problem:
        return


_ITEM = b'{"type":"decision","title":"t","body":"b","status":"open"}'


@parser(
    "request-body",
    "segue_resource.endpoints.body:read_body",
    seeds=[
        bytes([n]) + content
        for n in range(0, len(SHAPES), 3)
        for content in (_ITEM, b"{}", b"[]", b'{"name":"\\u202e"}')
    ],
)
def request_body(data: bytes) -> None:
    """The first byte says which of the documented forms is wanted."""
    shape = SHAPES[data[0] % len(SHAPES)] if data else SHAPES[0]
    try:
        read, content = waited(read_body(_json(data[1:]), shape))
    except Problem:
        return
    assert isinstance(read, shape)
    assert content == data[1:]


@parser(
    "merge-patch",
    "segue_resource.domain.merge_patch:merge_patch",
    "segue_resource.endpoints.working_set:_patched",
    "segue_resource.endpoints.body:read_body",
    seeds=[b'{"title":"x"}', b'{"title":null}', b'{"body":{"a":null}}', _ITEM],
)
def patch(data: bytes) -> None:
    target = json.loads(_ITEM)
    try:
        changes, _ = waited(read_body(_json(data, MERGE_PATCH), dict[str, Any], media_type=MERGE_PATCH))
    except Problem:
        return
    once = merge_patch(target, changes)
    assert merge_patch(once, changes) == once
    assert target == json.loads(_ITEM)
    assert all(once.get(name) == target[name] for name in target.keys() - changes.keys())
    item = msgspec.convert({"item_id": "i", "version": 1, "updated_at": 0, **target}, _Seen)
    try:
        working_set._patched(item, changes)  # type: ignore[arg-type]
    except Problem:
        return


class _Seen(msgspec.Struct):
    """What a patch looks at of an item."""

    item_id: str
    version: int
    updated_at: int
    type: str
    title: str
    body: str
    status: str
    source_seq: int | None = None


def _json(content: bytes, media_type: str = "application/json") -> Any:
    return request_of([(b"content-type", media_type.encode())], body=content)


@parser(
    "invitation-code",
    "segue_resource.domain.invitation:normalise",
    seeds=[b"ABCD-EFGH-IJKL", b"\xff", b"-" * 200, "\u0131".encode()],
)
def invitation_code(data: bytes) -> None:
    read = invitation.normalise(any_text(data))
    assert read is None or (len(read) == invitation.LENGTH and set(read) <= set(invitation.ALPHABET))


@parser(
    "draft-id",
    "segue_resource.domain.draft:begun_after",
    seeds=[b"drf_7_" + b"0" * 24, b"drf_07_" + b"0" * 24, b"drf_"],
)
def draft_id(data: bytes) -> None:
    begun = begun_after(any_text(data))
    assert begun is None or data.startswith(b"drf_%d_" % begun)


@parser(
    "task-name", "segue_resource.domain.name:is_name", seeds=[b"Acme contract", "a\u202eb".encode(), b"\n", b"x" * 300]
)
def task_name(data: bytes) -> None:
    if is_name(any_text(data)):
        assert any_text(data).isprintable() or "\u200d" in any_text(data) or "\u200c" in any_text(data)


_KEY = {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43, "kid": "k"}


@parser(
    "issuer-document",
    "segue.issuer_documents:read_document",
    "segue.strict_json:decode_json",
    seeds=[
        b'{"issuer":"https://id.example","jwks_uri":"https://id.example/jwks"}',
        json.dumps({"keys": [_KEY]}).encode(),
        b"[]",
    ],
)
def issuer_document(data: bytes) -> None:
    async def fetch(_: str) -> bytes:
        return data

    try:
        found = waited(read_metadata("https://id.example", fetch=fetch))
        assert found["issuer"] == "https://id.example"
    except Malformed:
        pass
    try:
        document = decode_json(data)
        keys = issuer_keys._read_jwks(document) if isinstance(document, dict) else {"": None}
    except Malformed:
        return
    assert keys


@parser(
    "paragraph",
    "segue_resource.text_hook:text_in",
    seeds=[b'{"paragraph":"x"}', b"{}", b"\xff", b'{"paragraph":"\xff"}', b'{"x":' + b"[" * 5000],
)
def paragraph(data: bytes) -> None:
    try:
        assert isinstance(text_hook.text_in(data, "paragraph"), str)
    except text_hook.HookFailed:
        return


@parser(
    "summary",
    "segue_resource.text_hook:text_in",
    seeds=[b'{"summary":"x"}', b"{}", b"\xff", b'{"summary":"\xff"}', b'{"x":' + b"[" * 5000],
)
def summary(data: bytes) -> None:
    try:
        assert isinstance(text_hook.text_in(data, "summary"), str)
    except text_hook.HookFailed:
        return


@parser(
    "search-query",
    "segue_resource.domain.search:parse",
    "segue_resource.endpoints.search:_parsed",
    seeds=[
        b"liability cap",
        "Pr\u00fcfung Stra\u00dfe*".encode(),
        "\u6771\u4eac\u90fd a*".encode(),
        b'" OR 1 * ^ NEAR(a b)',
    ],
)
def search_query(data: bytes) -> None:
    said = any_text(data)
    try:
        query = parse(said[:MAX_QUERY])
    except NothingToFind:
        return
    assert 1 <= len(query.words) + len(query.beginnings) <= MAX_WORDS
    assert all(term.isalnum() for term in query.words | query.beginnings)  # nothing that an index takes for an operator
    shown = excerpt([said], query)
    assert query.matches(terms_of([said[:MAX_QUERY]])) <= bool(excerpt([said[:MAX_QUERY]], query).marks)
    assert all(0 <= start < end <= len(shown.text) for start, end in shown.marks)


@parser(
    "about-a-session",
    "segue_resource.domain.term:_of_token",
    "segue_resource.domain.term:_of_tokens",
    "segue_resource.domain.term:_pairs",
    seeds=[
        b"where were we with lease_acme.docx, clause 7?",
        "\u4eac\u90fd\u65c5\u884c OPS-2291 \u0301\u202e".encode(),
        b"a." * 500,
        b"Mietvertrag 1 " * 50,
    ],
)
def about_a_session(data: bytes) -> None:
    said = any_text(data)
    known = [OpenTask("tsk_a", ["Acme lease", "lease_acme.docx clause 7"], 0), OpenTask("tsk_b", [said], 9)]
    found = match(said, known, now=10)
    assert found == match(said, known, now=10)
    assert sum(one.likely for one in found) <= 1
    for one in found:
        assert 0 <= one.score <= 1
        assert len(one.reason) < 400
        assert not set(one.reason) & set('<>&"\u202e\u2066')
    assert match(said[:MAX_HINT], known[:1], now=10) == match(said, known[:1], now=10)


@parser(
    "artifact-path",
    "segue_resource.domain.artifact:normalise",
    "segue_resource.domain.artifact:_is_segment",
    "segue_resource.endpoints.download:disposition",
    seeds=[b"notes/progress.md", b"../x", b"a%2e%2e/b", "re\u0301sume\u0301".encode(), b"NUL", b"x/" * 40, b"C:x"],
)
def artifact_path(data: bytes) -> None:
    path = artifact.normalise(any_text(data))
    if path is None:
        return
    assert artifact.normalise(path) == path
    assert not {"", ".", ".."} & set(path.split("/"))
    assert not set(path) & set('\\:*?"<>|\r\n\0')
    said = download.disposition(path)
    assert said.isascii()
    assert said.isprintable()
    assert said.count('"') == 2


@parser(
    "byte-range",
    "segue_resource.domain.byte_range:byte_range",
    seeds=[
        b"bytes=0-4",
        b"bytes=-5",
        b"bytes=5-",
        b"bytes=9-2",
        b"bytes=-0",
        b"bytes=0-1,3-4",
        b"BYTES=0-" + b"9" * 20,
    ],
)
def ranges(data: bytes) -> None:
    for size in (0, 1, 10):
        try:
            found = byte_range(any_text(data), size=size)
        except Unsatisfiable:
            continue
        assert found is None or 0 <= found.first <= found.last < size


@parser(
    "media-type",
    "segue_resource.domain.artifact:media_type",
    seeds=[b"text/plain; charset=utf-8", b"TEXT/HTML", b"*/*", b"a/b/c", b"text/plain\r\nx: y"],
)
def media_type(data: bytes) -> None:
    found = artifact.media_type(any_text(data))
    if found is not None:
        assert found.isascii()
        assert found.isprintable()
        assert not any(word in artifact.served_as(found) for word in ("html", "xml", "script"))


@parser(
    "upload-fields",
    "segue_resource.endpoints.fields:integer",
    "segue_resource.endpoints.fields:sha256",
    "segue_resource.endpoints.fields:boolean",
    seeds=[
        b"?1",
        b"17",
        b"sha-256=:" + b"A" * 43 + b"=:",
        b"md5=:AA==:, sha-256=:" + b"A" * 43 + b"=:",
        b"sha-256=:x:",
    ],
)
def upload_fields(data: bytes) -> None:
    request = _asked("Upload-Offset", data)
    for read in (fields.integer, fields.boolean, fields.sha256):
        try:
            found = read(request, "Upload-Offset")
        except Problem:
            continue
        assert found is None or isinstance(found, bool) or (found >= 0 if isinstance(found, int) else len(found) == 64)
