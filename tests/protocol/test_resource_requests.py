"""Bad requests get the documented error and change nothing; every answer is dressed the same."""

import json
from typing import Any

import httpx2
import pytest
from resource_world import STORE, StoreWorld, event
from segue_storage.database import DatabaseUnavailable, WriteInDoubt

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

PROBLEM = "urn:segue:problem:"
GOOD = b'{"events":[{"kind":"message","role":"agent","body":{}}]}'


def problem(answer: httpx2.Response) -> tuple[int, str]:
    """Status and kind of an answer that must be problem details (RFC 9457)."""
    content = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert content["status"] == answer.status_code
    assert content["title"]
    assert content["detail"]
    return answer.status_code, content["type"].removeprefix(PROBLEM)


async def send(store: StoreWorld, content: bytes, media_type: str = "application/json") -> tuple[int, str]:
    device = store.device()
    answer = await device.send("POST", "/events", content=content, headers={"Content-Type": media_type})
    assert len(await device.log()) == 1
    return problem(answer)


@pytest.mark.requirement("R37", "T7")
async def test_what_is_not_one_reading_of_json_is_refused(store: StoreWorld) -> None:
    for content in (
        b"",
        b"{",
        b'{"events":[]} x',
        b'{"events":[],"events":[]}',
        GOOD.replace(b"{}", b'{"a":1,"a":2}'),
        GOOD.replace(b"{}", b'{"a":NaN}'),
        GOOD.replace(b"{}", b'{"a":Infinity}'),
        GOOD.replace(b"{}", b'{"a":1e999}'),
        GOOD.replace(b"{}", b'{"a":' + b"9" * 30 + b"}"),
        GOOD.replace(b"{}", b'{"a":"\\ud800"}'),
        GOOD.replace(b"{}", b'{"\\udfff":1}'),
        GOOD.replace(b"{}", b'{"a":"\xff"}'),
        GOOD.replace(b"{}", b'{"a":' + b"[" * 100 + b"]" * 100 + b"}"),
        GOOD.replace(b"{}", b'{"a":"\x01"}'),
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().encode("utf-16"),
        b"[" * 100_000,
    ):
        assert await send(store, content) == (400, "malformed-json"), content[:80]


@pytest.mark.requirement("XD-TASK-10")
async def test_a_body_with_a_live_credential_is_refused_and_leaves_no_trace(store: StoreWorld) -> None:
    for text in ("Cookie: session=31d4d96e407aad42", "-----BEGIN PRIVATE KEY-----"):
        content = json.dumps({"events": [{"kind": "message", "role": "agent", "body": {"x": [text]}}]})
        assert await send(store, content.encode()) == (422, "live-credential")
    named = {"events": [{"kind": "message", "role": "agent", "body": {"arguments": {"api_key": "correct horse"}}}]}
    assert await send(store, json.dumps(named).encode()) == (422, "live-credential")


@pytest.mark.requirement("T7")
async def test_strange_but_honest_text_comes_back_as_it_was_sent(store: StoreWorld) -> None:
    device = store.device()
    body = {"nul": "\x00", "lines": "\u2028\u2029\x85", "pair": "\U0001f600", "deep": [[[1.5, -0.0, None]]], "": 1}
    await device.post("/events", {"events": [{"kind": "message", "role": "agent", "body": body}]})
    assert (await device.log())[-1]["body"] == body
    async with device.follow(last_event_id=1) as stream:
        await stream.start()
        assert (await stream.events(1))[0]["body"] == body


@pytest.mark.requirement("R37")
async def test_a_body_that_is_too_large_is_refused_however_it_is_sent(store: StoreWorld) -> None:
    large = GOOD.replace(b"{}", b'{"a":"%s"}' % (b"x" * 256_000))
    assert await send(store, large) == (413, "content-too-large")

    async def chunks() -> Any:
        for _ in range(300):
            yield b" " * 1000
        raise AssertionError("the server read on")

    device = store.device()
    await device.get()
    answer = await device.send("POST", "/events", content=chunks(), headers={"Content-Type": "application/json"})
    assert problem(answer) == (413, "content-too-large")
    fits = GOOD.replace(b"{}", b'{"a":"%s"}' % (b"x" * 255_000))
    answer = await device.send("POST", "/events", content=fits, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201


@pytest.mark.requirement("R37")
async def test_a_body_of_another_media_type_is_refused(store: StoreWorld) -> None:
    for media_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
        "multipart/form-data",
    ):
        assert await send(store, GOOD, media_type) == (415, "unsupported-media-type"), media_type
    device = store.device()
    for media_type in ("application/json; charset=utf-8", "Application/JSON"):
        answer = await device.send("POST", "/events", content=GOOD, headers={"Content-Type": media_type})
        assert answer.status_code == 201


@pytest.mark.requirement("R37")
async def test_an_address_or_method_that_is_not_there_is_a_problem_too(store: StoreWorld) -> None:
    device = store.device()
    for path in ("/nothing", "/events/", "/", "/tool-calls/x/explode", "/resume/x", "//resume", "/a%0Ab"):
        assert problem(await device.get(path)) == (404, "not-found"), path
    for method, path, allowed in (
        ("DELETE", "", {"GET", "PATCH"}),
        ("PUT", "/events", {"GET", "POST"}),
        ("POST", "/working-set/x", {"GET", "PUT", "PATCH", "DELETE"}),
        ("HEAD", "", {"GET", "PATCH"}),
        ("HEAD", "/events", {"GET", "POST"}),
        ("GET", "/tool-calls/x/claim", {"POST"}),
    ):
        answer = await device.send(method, path)
        assert answer.status_code == 405, (method, path)
        assert set(answer.headers["Allow"].split(", ")) == allowed
        assert method == "HEAD" or problem(answer) == (405, "method-not-allowed")
    outside = await store.http.get("/no-token-no-telling")
    assert problem(outside)[0] == 401


@pytest.mark.requirement("T11")
async def test_a_bad_idempotency_key_is_refused(store: StoreWorld) -> None:
    device = store.device()
    for key in ("", "a b", "x" * 256, "é".encode(), "a\tb"):
        answer = await device.send("POST", "/events", json={"events": [event("x")]}, headers={"Idempotency-Key": key})
        assert problem(answer) == (400, "invalid-request"), key
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b"), ("Content-Type", "application/json")]
    headers = device.key.headers("POST", f"{STORE}{device.task}/events", device.token, nonce=device.nonce)
    answer = await store.http.post(f"{device.task}/events", content=GOOD, headers=[*headers.items(), *twice])
    assert problem(answer) == (400, "invalid-request")
    assert len(await device.log()) == 1


@pytest.mark.requirement("R37")
async def test_no_id_in_a_path_reaches_the_database_unless_it_can_be_one(store: StoreWorld) -> None:
    device = store.device()
    for wrong in ("%00", "a%00b", "%ff", "x" * 200, "%0a", "a%2fb", "..", "'; DROP TABLE tasks --"):
        for path in ("/tool-calls/{}", "/working-set/{}"):
            answer = await device.get(path.format(wrong))
            assert answer.status_code in (401, 404), wrong  # 401 where the client cannot even sign such an address


@pytest.mark.requirement("A5", "A6", "R11", "R37")
async def test_without_a_good_token_nothing_is_told(store: StoreWorld) -> None:
    device = store.device()
    path = f"{device.task}/events"
    for headers in (
        {},
        {"Authorization": f"Bearer {device.token}"},
        {"Authorization": f"DPoP {device.token}"},
        {"Authorization": "DPoP x.y.z", "DPoP": "x"},
    ):
        answer = await store.http.get(path, headers=headers)
        assert problem(answer)[0] == 401
        assert answer.headers["WWW-Authenticate"].startswith("DPoP")
        assert "DPoP-Nonce" in answer.headers
    thief = store.device()
    thief.token = device.token
    assert (await thief.get("/events")).status_code == 401


@pytest.mark.requirement("A6")
async def test_a_proof_is_good_for_one_request(store: StoreWorld) -> None:
    device = store.device()
    await device.get()
    headers = device.key.headers("GET", STORE + device.task, device.token, nonce=device.nonce)
    answers = [await store.http.get(device.task, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 401]


@pytest.mark.requirement("E1")
async def test_every_answer_is_dressed_against_caches_and_sniffing(store: StoreWorld) -> None:
    device = store.device()
    answers = [
        await device.get(),
        await device.get("/nothing"),
        await store.http.get("/tasks"),
        await store.http.get("/healthz"),
        await store.cards("GET"),
        await store.http.get("/task-cards"),
        await store.http.delete("/healthz"),
    ]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        assert "Set-Cookie" not in answer.headers
    assert all("DPoP-Nonce" in answer.headers for answer in answers[:3])


@pytest.mark.requirement("E6")
async def test_any_page_may_be_a_device_and_no_page_may_be_a_server(store: StoreWorld) -> None:
    asked = {"Origin": "https://phone.example", "Access-Control-Request-Method": "PUT"}
    preflight = await store.http.options("/tasks/tsk_contract/working-set/x", headers=asked)
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    allowed = set(preflight.headers["Access-Control-Allow-Headers"].split(", "))
    assert allowed == {
        *("Authorization", "DPoP", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID"),
        *("Task-Session", "Range", "If-Range", "Content-Digest", "Repr-Digest"),
        *("Upload-Complete", "Upload-Offset", "Upload-Length"),
    }
    assert set(preflight.headers["Access-Control-Allow-Methods"].split(", ")) >= {"GET", "PUT", "PATCH", "DELETE"}
    for answer in (await store.device().get(), await store.http.get("/tasks"), await store.device().get("/nothing")):
        assert answer.headers.get_list("Access-Control-Allow-Origin") == ["*"]
        exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert exposed >= {"DPoP-Nonce", "WWW-Authenticate", "ETag", "Task-Head", "Idempotency-Replayed", "Location"}
    for answer in (
        await store.cards("GET"),
        await store.http.get("/healthz"),
        await store.http.options("/task-cards", headers=asked),
    ):
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.requirement("E1")
async def test_the_store_describes_itself_to_clients(store: StoreWorld) -> None:
    answer = await store.http.get("/.well-known/oauth-protected-resource")
    assert (answer.status_code, answer.json()["resource"]) == (200, STORE)
    assert answer.json()["authorization_servers"] == ["https://id.example"]
    assert answer.headers.get_list("Access-Control-Allow-Origin") == ["*"]


@pytest.mark.requirement("T8")
async def test_an_outage_says_whether_something_was_done(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    device = store.device()
    await device.get()
    for failure, kind in ((DatabaseUnavailable("away"), "unavailable"), (WriteInDoubt("cut"), "in-doubt")):

        async def failing(work: object, failure: Exception = failure, **_: object) -> None:
            raise failure

        monkeypatch.setattr(store.database, "write", failing)
        answer = await device.say("x")
        assert problem(answer) == (503, kind)
        assert "Retry-After" in answer.headers


@pytest.mark.requirement("R37")
async def test_a_failure_of_ours_is_a_500_that_says_nothing(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    device = store.device()

    async def broken(work: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(store.database, "read", broken)
    answer = await device.get()
    assert problem(answer) == (500, "server-error")
    assert "secret" not in answer.text
    assert "DPoP-Nonce" in answer.headers
    assert "secret inside" in caplog.text


@pytest.mark.requirement("R37")
async def test_a_failure_before_any_endpoint_is_told_in_the_same_way(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    device = store.device()

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(store.ephemeral, "first_use", broken)
    answer = await device.get()
    assert problem(answer) == (500, "server-error")
    assert "secret" not in answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "secret inside" in caplog.text


@pytest.mark.requirement("E5")
async def test_readiness_names_what_is_missing(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await store.http.get("/healthz")).json() == {"alive": True}
    ready = await store.http.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "missing": []})

    async def away(*_: object) -> bytes:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(store.issuer, "fetch", away)
    store.now += 11  # the keys are asked for again
    assert (await store.http.get("/readyz")).status_code == 200  # an issuer that restarts does not take us with it
    monkeypatch.setattr(store.database, "read", away)
    await store.restart()
    missing = await store.http.get("/readyz")
    assert (missing.status_code, missing.json()["missing"]) == (503, ["database", "issuer_keys"])
    assert (await store.http.get("/healthz")).status_code == 200


@pytest.mark.requirement("R37")
async def test_without_the_issuers_keys_every_request_is_refused(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = store.device()

    async def away(url: str) -> bytes:
        raise OSError("away")

    monkeypatch.setattr(store.issuer, "fetch", away)
    await store.restart()
    assert problem(await device.get()) == (503, "cannot-verify")
    assert problem(await store.cards("GET")) == (503, "cannot-verify")


def test_the_examples_of_malformed_json_are_malformed_for_one_reason_each() -> None:
    assert json.loads(GOOD)["events"]
