"""Who does not get past TaskTokenMiddleware, and what each is told."""

import asyncio
import logging
from typing import Any

import pytest
from segue.device_key import DeviceKey
from segue.middleware import TaskTokenMiddleware
from segue.replay import MemoryUnavailable
from segue.testing import TestDevice
from segue_backend import METADATA, URL, Backend

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E1", "U2")]


@pytest.fixture
async def world() -> Backend:
    return await Backend().with_nonce()


@pytest.mark.requirement("RFC6750-3-1", "XD-JOSE-11", "RFC9068-4-e", "RFC9068-4-f")
async def test_an_expired_token_is_invalid(world: Backend) -> None:
    token = world.issuer.token(world.device, lifetime=30)
    world.now += 30
    answer = await world.send(world.headers(token))
    assert (answer.status, answer.problem["error"]) == (401, "invalid_token")
    assert answer.challenge == (
        'DPoP error="invalid_token", error_description="the task token has expired", '
        f'algs="ES256", resource_metadata="{METADATA}"'
    )


@pytest.mark.requirement("XD-DPOP-03", "RFC9449-6-b", "RFC9449-7-1-a")
async def test_a_stolen_token_with_the_thiefs_own_proof_is_an_invalid_token(world: Backend) -> None:
    token = world.issuer.token(world.device)
    thief = TestDevice(DeviceKey.generate(), clock=lambda: world.now)
    answer = await world.send(world.headers(token, device=thief))
    assert (answer.status, answer.problem["error"]) == (401, "invalid_token")
    assert 'error_description="Invalid DPoP key binding"' in answer.challenge


@pytest.mark.requirement("XD-DPOP-02", "RFC9449-7-2")
@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER"])
async def test_a_bound_token_is_no_bearer_token(world: Backend, scheme: bytes) -> None:
    token = world.issuer.token(world.device)
    proof = [field for field in world.headers(token) if field[0] == b"dpop"]
    for extra in ([], proof):
        answer = await world.send([(b"authorization", scheme + b" " + token.encode()), *extra])
        assert (answer.status, answer.problem["error"]) == (401, "invalid_token")
        assert answer.challenge.startswith("DPoP ")
    assert world.reached == []


@pytest.mark.requirement("XD-DPOP-12", "RFC9449-4-3-1", "RFC9449-7-1-a")
@pytest.mark.parametrize("count", [0, 2])
async def test_another_number_of_proofs_than_one_is_refused(world: Backend, count: int) -> None:
    headers = world.headers(world.issuer.token(world.device))
    proof = next(field for field in headers if field[0] == b"dpop")
    answer = await world.send([field for field in headers if field != proof] + [proof] * count)
    assert (answer.status, answer.problem["error"]) == (401, "invalid_dpop_proof")


@pytest.mark.requirement("RFC9449-7-1-c")
async def test_what_a_proxy_is_shown_opens_nothing(world: Backend) -> None:
    token = world.issuer.token(world.device)
    proof = [field for field in world.headers(token) if field[0] == b"dpop"]
    answer = await world.send([(b"proxy-authorization", b"DPoP " + token.encode()), *proof])
    assert (answer.status, world.reached) == (401, [])
    assert "proxy-authenticate" not in answer.headers


@pytest.mark.requirement("XD-DPOP-12", "RFC6750-3-1")
async def test_two_tokens_are_an_invalid_request(world: Backend) -> None:
    headers = world.headers(world.issuer.token(world.device))
    other = (b"authorization", b"DPoP " + world.issuer.token(world.device).encode())
    for doubled in ([*headers, other], [other, *headers]):
        answer = await world.send(doubled)
        assert (answer.status, answer.problem["error"]) == (400, "invalid_request")
        assert answer.challenge.startswith('DPoP error="invalid_request"')


@pytest.mark.requirement("XD-TOK-11", "RFC6750-2-3", "MCP-TOKENS-c")
@pytest.mark.parametrize("query", [b"access_token=", b"a=b&access_token=x", b"access%5Ftoken=x", b"a&access_token"])
async def test_a_token_in_the_address_is_refused_beside_a_good_one_too(world: Backend, query: bytes) -> None:
    token = world.issuer.token(world.device)
    for headers in ([], world.headers(token)):
        answer = await world.send(headers, query_string=query)
        assert (answer.status, answer.problem["error"]) == (400, "invalid_request")
    assert world.reached == []


@pytest.mark.requirement("RFC6750-3-1", "XD-DPOP-12")
@pytest.mark.parametrize(
    "spoilt", [b"DPoP", b"DPoP ", b"DPoP %s b", b"DPoP %s, DPoP b", b"DPoP %s\xff", b'DPoP token="%s"']
)
async def test_malformed_credentials_are_an_invalid_request(world: Backend, spoilt: bytes) -> None:
    token = world.issuer.token(world.device)
    credentials = spoilt.replace(b"%s", token.encode())
    proof = [field for field in world.headers(token) if field[0] == b"dpop"]
    answer = await world.send([(b"authorization", credentials), *proof])
    assert (answer.status, answer.problem["error"]) == (400, "invalid_request")
    assert world.reached == []


@pytest.mark.requirement("XD-DPOP-08")
async def test_a_proof_made_for_another_token_of_the_same_key_is_refused(world: Backend) -> None:
    low, high = (
        dict(world.headers(world.issuer.token(world.device, actions=[action])))
        for action in ("task:read", "task:write")
    )
    answer = await world.send([(b"authorization", high[b"authorization"]), (b"dpop", low[b"dpop"])])
    assert (answer.status, answer.problem["error"]) == (401, "invalid_dpop_proof")


@pytest.mark.parametrize("scheme", [b"DPoP", b"dpop", b"DPOP"])
async def test_the_scheme_has_no_case(world: Backend, scheme: bytes) -> None:
    token = world.issuer.token(world.device)
    proof = [field for field in world.headers(token) if field[0] == b"dpop"]
    assert (await world.send([(b"authorization", scheme + b" " + token.encode()), *proof])).status == 200


@pytest.mark.requirement("XD-DPOP-11", "XD-JOSE-07", "XD-DOS-04")
@pytest.mark.parametrize(
    "garbage", [b"", b"\xff\xfe", b"a.b.c", b"." * 9000, b"{}", b"e30.e30.e30", b"W10.W10.W10", b"x" * 99999]
)
async def test_garbage_is_refused_and_never_an_error_of_ours(world: Backend, garbage: bytes) -> None:
    token = world.issuer.token(world.device).encode()
    good = dict(world.headers(token.decode()))
    for headers in ({**good, b"dpop": garbage}, {**good, b"authorization": b"DPoP " + garbage}):
        answer = await world.send(list(headers.items()))
        assert answer.status in (400, 401)
        assert answer.problem["error"] in ("invalid_request", "invalid_token", "invalid_dpop_proof")


@pytest.mark.requirement("XD-DPOP-04")
async def test_a_captured_request_sent_twenty_times_at_once_succeeds_once(world: Backend) -> None:
    headers = world.headers(world.issuer.token(world.device))
    answers = await asyncio.gather(*(world.send(headers) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] + [401] * 19
    assert len(world.reached) == 1


@pytest.mark.requirement("XD-DPOP-06")
@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("POST", f"{URL}/run"),
        ("GET", f"{URL}/"),
        ("GET", f"{URL}/run/"),
        ("GET", f"{URL}/RUN"),
        ("GET", f"{URL}/%72un"),
        ("GET", "http://agent.example/run"),
        ("GET", "https://agent.example:8443/run"),
        ("GET", "https://evil.example/run"),
    ],
)
async def test_a_proof_for_another_request_is_refused(world: Backend, method: str, url: str) -> None:
    answer = await world.send(world.headers(world.issuer.token(world.device), method=method, url=url))
    assert (answer.status, answer.problem["error"]) == (401, "invalid_dpop_proof")


@pytest.mark.requirement("XD-DPOP-07", "XD-WEB-09")
async def test_the_host_the_client_names_plays_no_part(world: Backend) -> None:
    token = world.issuer.token(world.device)
    forged = [(b"host", b"evil.example"), (b"x-forwarded-host", b"evil.example"), (b"forwarded", b"host=evil.example")]
    refused = await world.send(world.headers(token, url="https://evil.example/run") + forged)
    accepted = await world.send(world.headers(token) + forged)
    assert (refused.status, accepted.status) == (401, 200)


@pytest.mark.requirement("XD-DPOP-06")
async def test_the_path_is_compared_as_it_was_written(world: Backend) -> None:
    token = world.issuer.token(world.device)
    for url, path, raw_path in (
        (f"{URL}/a%2Fb/%C3%A9?x=y", "/a/b/é", b"/a%2Fb/%C3%A9"),
        (f"{URL}/a;b=c@d:e", "/a;b=c@d:e", None),
        (f"{URL}/%C3%A9%20", "/é ", None),
    ):
        scope: dict[str, Any] = {"path": path} if raw_path is None else {"path": path, "raw_path": raw_path}
        assert (await world.send(world.headers(token, url=url), **scope)).status == 200
    assert (await world.send(world.headers(token, url=f"{URL}/a"), path="/a", raw_path=b"/\xff")).status == 401


@pytest.mark.requirement("XD-TOK-01", "RFC9068-4-c", "RFC9068-4-f")
async def test_a_token_for_another_server_is_refused(world: Backend) -> None:
    answer = await world.send(world.headers(world.issuer.token(world.device, aud="https://tasks.example")))
    assert (answer.status, answer.problem["error"]) == (401, "invalid_token")


@pytest.mark.requirement("XD-OPS-06", "XD-AGT-09")
async def test_without_the_issuers_keys_nobody_gets_in(world: Backend) -> None:
    token = world.issuer.token(world.device)
    world.issuer.issuer = "https://moved.example"
    answer = await world.send(world.headers(token))
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    assert answer.problem["type"] == "urn:segue:problem:cannot-verify"
    assert "dpop-nonce" in answer.headers
    assert world.reached == []


@pytest.mark.requirement("XD-OPS-06", "XD-DPOP-05")
async def test_without_the_memory_of_uses_nobody_gets_in() -> None:
    class Away:
        async def incarnation(self) -> bytes:
            raise MemoryUnavailable("away")

        async def first_use(self, key: str, *, lifetime: int, incarnation: bytes) -> bool:
            raise MemoryUnavailable("away")

    world = Backend()
    world.nonce = "x"
    world.app = TaskTokenMiddleware(
        world.handler,
        issuer=world.issuer.issuer,
        audience=URL,
        fetch=world.issuer.fetch,
        replay=Away(),
        clock=lambda: world.now,
    )
    answer = await world.send(world.headers(world.issuer.token(world.device)))
    assert (answer.status, "dpop-nonce" in answer.headers) == (503, False)
    assert world.reached == []


@pytest.mark.requirement("XD-PRIV-02", "XD-OPS-01")
async def test_the_log_tells_the_cause_and_no_token_or_proof(world: Backend, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = world.issuer.token(world.device, aud="https://tasks.example\nforged")
    headers = world.headers(token)
    await world.send(headers)
    await world.send(world.headers(world.issuer.token(world.device), method="POST"))
    assert [record.getMessage() for record in caplog.records if record.name == "segue"][-2:] == [
        "refused: InvalidToken: aud is not this resource server alone",
        "refused: InvalidDPoPProof: htm differs",
    ]
    for secret in (token, *(value.decode() for _, value in headers), "forged"):
        assert secret not in caplog.text
