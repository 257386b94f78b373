"""What TaskTokenMiddleware lets through, challenges and publishes, to the letter of RFC 6750, 9449, 9457 and 9728."""

import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from segue.middleware import TaskTokenMiddleware
from segue.problem import Problem
from segue.task_token import TaskToken
from segue_backend import METADATA, URL, Backend, Headers, nothing

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E1", "U2")]


@pytest.fixture
async def world() -> Backend:
    return await Backend().with_nonce()


async def test_a_good_request_reaches_the_app_with_its_token(world: Backend) -> None:
    answer = await world.send(world.headers(world.issuer.token(world.device, task_id="tsk_9")))
    assert (answer.status, answer.body, answer.headers["x-app"]) == (200, b"hello", "1")
    assert isinstance(world.reached[0], TaskToken)
    assert world.reached[0].authority.task_id == "tsk_9"


@pytest.mark.requirement("XD-AGT-06")
@pytest.mark.parametrize("pass_token", [False, True])
async def test_the_app_sees_the_token_only_if_it_says_that_it_exchanges_it(pass_token: bool) -> None:
    world, seen = Backend(), []

    async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        seen.append(dict(scope["headers"]))
        await world.handler(scope, receive, send)

    world.app = TaskTokenMiddleware(
        app,
        issuer=world.issuer.issuer,
        audience=URL,
        fetch=world.issuer.fetch,
        clock=lambda: world.now,
        pass_token=pass_token,
    )
    await world.with_nonce()
    headers = [*world.headers(world.issuer.token(world.device)), (b"accept", b"text/plain")]
    assert (await world.send(headers)).status == 200
    assert seen == [{name: value for name, value in headers if pass_token or name != b"authorization"}]


@pytest.mark.requirement("RFC9449-8-b")
async def test_every_answer_carries_one_fresh_nonce(world: Backend) -> None:
    good = await world.send(world.headers(world.issuer.token(world.device)))
    world.now += 60
    refused = await world.send([])
    for answer in (good, refused):
        assert [name for name, _ in answer.fields].count("dpop-nonce") == 1
    assert good.headers["dpop-nonce"] != refused.headers["dpop-nonce"]


@pytest.mark.requirement("RFC6750-3-1", "RFC9449-7-1-a", "RFC9728-5-1")
@pytest.mark.parametrize("headers", [[], [(b"authorization", b"Basic YTpi")]])
async def test_a_request_without_a_token_is_challenged_without_an_error_code(world: Backend, headers: Headers) -> None:
    answer = await world.send(headers)
    assert (answer.status, answer.challenge) == (401, f'DPoP algs="ES256", resource_metadata="{METADATA}"')
    assert answer.problem["type"] == "urn:segue:problem:token-required"
    assert "error" not in answer.problem


@pytest.mark.requirement("RFC9449-9", "XD-DPOP-10")
async def test_a_proof_without_a_nonce_is_answered_with_one_that_works(world: Backend) -> None:
    world.nonce = None
    token = world.issuer.token(world.device)
    answer = await world.send(world.headers(token))
    assert (answer.status, answer.problem["error"]) == (401, "use_dpop_nonce")
    assert answer.challenge.startswith('DPoP error="use_dpop_nonce", error_description="')
    world.nonce = answer.headers["dpop-nonce"]
    assert (await world.send(world.headers(token))).status == 200


@pytest.mark.requirement("RFC9728-2", "RFC9728-3-1", "XD-META-05")
async def test_the_server_describes_itself_to_anyone(world: Backend) -> None:
    answer = await world.send([], path="/.well-known/oauth-protected-resource")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert json.loads(answer.body) == {
        "resource": URL,
        "authorization_servers": ["https://id.example"],
        "authorization_details_types_supported": ["task"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "dpop_bound_access_tokens_required": True,
    }


@pytest.mark.requirement("RFC9728-3-1")
async def test_rfc9728_3_3_the_metadata_is_nowhere_but_where_its_resource_says() -> None:
    world = Backend(audience=f"{URL}/agent/1")
    assert (await world.send([], path="/.well-known/oauth-protected-resource")).status == 401
    found = await world.send([], path="/.well-known/oauth-protected-resource/agent/1")
    assert json.loads(found.body)["resource"] == f"{URL}/agent/1"


@pytest.mark.requirement("RFC9728-2-b", "RFC9728-3-2")
async def test_rfc9728_3_2_parameters_with_no_value_are_left_out(world: Backend) -> None:
    found = json.loads((await world.send([], path="/.well-known/oauth-protected-resource")).body)
    assert all(found.values())
    assert (await world.send([], "HEAD", "/.well-known/oauth-protected-resource")).body == b""


@pytest.mark.requirement("RFC9449-8-2-b")
@pytest.mark.parametrize(
    ("said", "sent", "nonces"),
    [
        (None, [b"no-store"], 1),
        (b"no-store", [b"no-store"], 1),
        (b"private, No-Store", [b"private, No-Store"], 1),
        (b"max-age=60", [b"max-age=60"], 0),
        (b"no-cache", [b"no-cache"], 0),
    ],
)
async def test_rfc9449_8_2_an_answer_with_a_nonce_is_uncacheable(
    world: Backend, said: bytes | None, sent: list[bytes], nonces: int
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [] if said is None else [(b"Cache-Control", said)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    world.app._app = app
    answer = await world.send(world.headers(world.issuer.token(world.device)))
    assert [value.encode() for name, value in answer.fields if name.lower() == "cache-control"] == sent
    assert [name for name, _ in answer.fields].count("dpop-nonce") == nonces


async def test_the_metadata_of_an_audience_with_a_path_is_where_the_challenge_says() -> None:
    world = Backend(audience=f"{URL}/agent/1")
    metadata = "/.well-known/oauth-protected-resource/agent/1"
    assert f'resource_metadata="{URL}{metadata}"' in (await world.send([])).challenge
    assert (await world.send([], path=metadata)).status == 200
    await world.with_nonce()
    token = world.issuer.token(world.device)
    assert (await world.send(world.headers(token, url=f"{URL}/agent/1/run"))).status == 200


async def test_only_reading_the_metadata_is_free(world: Backend) -> None:
    for method, path in (
        ("POST", "/.well-known/oauth-protected-resource"),
        ("GET", "/.well-known/oauth-protected-resource/x"),
    ):
        assert (await world.send([], method, path)).status == 401


@pytest.mark.requirement("XD-WEB-07")
async def test_a_preflight_goes_through_to_the_app_without_a_token(world: Backend) -> None:
    answer = await world.send([(b"access-control-request-method", b"POST")], "OPTIONS")
    assert (answer.status, world.reached) == (200, [None])


@pytest.mark.parametrize(
    ("headers", "method"), [([], "OPTIONS"), ([(b"access-control-request-method", b"POST")], "POST")]
)
async def test_what_only_looks_like_a_preflight_needs_a_token(world: Backend, headers: Headers, method: str) -> None:
    assert (await world.send(headers, method)).status == 401
    assert world.reached == []


@pytest.mark.requirement("XD-AGT-09", "XD-WEB-08")
async def test_a_websocket_is_refused_before_it_is_accepted(world: Backend) -> None:
    messages: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        messages.append(message)

    await world.app({"type": "websocket", "path": "/", "headers": []}, nothing, send)
    assert messages == [{"type": "websocket.close", "code": 1008}]
    assert world.reached == []


@pytest.mark.requirement("XD-AGT-09")
async def test_another_protocol_is_refused(world: Backend) -> None:
    with pytest.raises(ValueError, match="nothing but HTTP"):
        await world.app({"type": "webtransport"}, nothing, nothing)  # type: ignore[arg-type]
    assert world.reached == []


async def test_the_lifespan_goes_through(world: Backend) -> None:
    world.failure = KeyError("reached")
    with pytest.raises(KeyError):
        await world.app({"type": "lifespan"}, nothing, nothing)  # type: ignore[arg-type]


async def test_a_problem_that_escapes_the_app_is_its_answer(world: Backend) -> None:
    world.failure = Problem(409, "stale-epoch", "The task has moved", "another device has it")
    answer = await world.send(world.headers(world.issuer.token(world.device)))
    assert (answer.status, answer.problem["type"]) == (409, "urn:segue:problem:stale-epoch")
    assert "dpop-nonce" in answer.headers


async def test_a_framework_that_answers_500_to_a_problem_and_raises_it_again_is_corrected(world: Backend) -> None:
    sent = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        try:
            raise Problem(409, "stale-epoch", "t", "d")
        except Problem:
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b"Internal Server Error"})
            sent += 1
            raise

    world.app._app = app
    answer = await world.send(world.headers(world.issuer.token(world.device)))
    assert (answer.status, answer.problem["detail"], sent) == (409, "d", 1)


async def test_an_answer_that_an_app_gives_to_a_problem_itself_is_kept(world: Backend) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            raise Problem(409, "stale-epoch", "t", "d")
        except Problem:
            await send({"type": "http.response.start", "status": 418, "headers": []})
            await send({"type": "http.response.body", "body": b"my own words"})

    world.app._app = app
    answer = await world.send(world.headers(world.issuer.token(world.device)))
    assert (answer.status, answer.body) == (418, b"my own words")


async def test_a_problem_after_the_answer_began_is_raised(world: Backend) -> None:
    problem = Problem(409, "stale-epoch", "t", "d")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise problem

    world.app._app = app
    with pytest.raises(Problem):
        await world.send(world.headers(world.issuer.token(world.device)))


async def test_an_error_of_the_app_stays_the_apps(world: Backend) -> None:
    world.failure = KeyError("bug")
    with pytest.raises(KeyError):
        await world.send(world.headers(world.issuer.token(world.device)))


@pytest.mark.requirement("XD-TOK-01")
@pytest.mark.parametrize("wrong", [{"audience": ""}, {"audience": f"{URL}/"}, {"issuer": "http://id.example"}])
def test_a_backend_without_a_proper_audience_and_issuer_does_not_start(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="must be a URL"):
        TaskTokenMiddleware(Backend().handler, **{"issuer": "https://id.example", "audience": URL, **wrong})
