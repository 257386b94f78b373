"""The door for MCP clients: a protected resource of its own (MCP 2026-07-28, Authorization), refusals to the letter."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.shared.exceptions import MCPError
from mcp_world import EARLIER, MCP, MODERN, Heard, at_mcp, connected, open_mcp_world, uri
from resource_world import ISSUER, STORE, Device, StoreWorld, open_store_world
from segue.testing import TestDevice
from segue_mcp.app import mcp_beside
from segue_resource.endpoints.beside import Beside
from starlette.types import ASGIApp, Receive, Scope, Send

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E4")]

METADATA = f"{STORE}/.well-known/oauth-protected-resource/mcp"
ASKED = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
ACCEPTS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}


@pytest.fixture
async def world(tmp_path: Path, anyio_backend: str) -> AsyncIterator[StoreWorld]:
    async with open_mcp_world(tmp_path) as opened:
        yield opened


async def ask(world: StoreWorld, headers: Mapping[str, str], *, method: str = "POST") -> httpx2.Response:
    content = {"json": ASKED} if method == "POST" else {}
    return await world.http.request(method, "/mcp", headers={**ACCEPTS, **headers}, **content)


async def proved(device: Device, key: TestDevice | None = None, *, method: str = "POST") -> dict[str, str]:
    """Headers with the device's token and a fresh proof, by its own key or by another."""
    device.nonce = (await ask(device.world, {})).headers["DPoP-Nonce"]
    return (key or device.key).headers(method, MCP, device.token, nonce=device.nonce)


def challenge(error: str, description: str) -> str:
    parts = f'error="{error}", error_description="{description}", ' if error else ""
    return f'DPoP {parts}algs="ES256", resource_metadata="{METADATA}"'


@pytest.mark.requirement("RFC6750-3-1", "MCP-OVERVIEW-b", "MCP-DISCOVERY-a", "MCP-DISCOVERY-b", "MCP-ERRORS-a")
async def test_a_client_without_a_token_is_told_where_the_resource_describes_itself(world: StoreWorld) -> None:
    answer = await ask(world, {})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, challenge("", ""))
    described = await world.http.get(METADATA.removeprefix(STORE))
    assert described.json() == {
        "resource": MCP,
        "authorization_servers": [ISSUER],
        "authorization_details_types_supported": ["task"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "dpop_bound_access_tokens_required": True,
    }


async def test_the_task_store_beside_it_stays_a_resource_of_its_own(world: StoreWorld) -> None:
    described = await world.http.get("/.well-known/oauth-protected-resource")
    assert described.json()["resource"] == STORE
    metadata = METADATA.removesuffix("/mcp")
    refused = await world.http.get("/tasks")
    assert refused.headers["WWW-Authenticate"] == f'DPoP algs="ES256", resource_metadata="{metadata}"'
    assert (await world.device().get()).status_code == 200


@pytest.mark.requirement("MCP-TOKENS-d", "MCP-TOKENS-e", "MCP-PRIVILEGE-a")
async def test_a_token_is_good_for_its_own_audience_alone(world: StoreWorld) -> None:
    good = await ask(world, await proved(at_mcp(world)))
    assert good.status_code == 200
    for elsewhere in (STORE, f"{STORE}/", "https://agent.example", [MCP, STORE]):
        answer = await ask(world, await proved(world.device(aud=elsewhere)))
        said = challenge("invalid_token", "the task token is not valid here")
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, said)
    assert (await at_mcp(world).get()).status_code == 401


@pytest.mark.requirement("MCP-TOKENS-d")
async def test_a_token_without_a_proof_of_its_key_is_refused(world: StoreWorld) -> None:
    headers = await proved(at_mcp(world))
    del headers["DPoP"]
    answer = await ask(world, headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_dpop_proof")
    assert answer.headers["WWW-Authenticate"].startswith('DPoP error="invalid_dpop_proof", ')
    assert answer.headers["WWW-Authenticate"].endswith(f'algs="ES256", resource_metadata="{METADATA}"')


async def test_a_stolen_token_is_refused_with_the_thiefs_key_and_with_a_copied_proof(world: StoreWorld) -> None:
    device, thief = at_mcp(world), TestDevice(clock=world.clock)
    answer = await ask(world, await proved(device, thief))
    said = challenge("invalid_token", "Invalid DPoP key binding")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, said)
    headers = await proved(device)
    assert (await ask(world, headers)).status_code == 200
    assert (await ask(world, headers)).json()["error"] == "invalid_dpop_proof"


async def test_a_proof_for_another_address_of_the_server_is_refused(world: StoreWorld) -> None:
    device = at_mcp(world)
    await proved(device)
    for url in (STORE, f"{STORE}/tasks", f"{MCP}/", f"{MCP}/mcp"):
        headers = device.key.headers("POST", url, device.token, nonce=device.nonce)
        assert (await ask(world, headers)).json()["error"] == "invalid_dpop_proof"


async def test_a_task_token_does_not_pass_for_a_bearer_token(world: StoreWorld) -> None:
    answer = await ask(world, {"Authorization": f"Bearer {at_mcp(world).token}"})
    said = challenge("invalid_token", "a task token is bound to a key and needs the DPoP scheme")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, said)


ITEM = {"item_id": "cap", "type": "decision", "title": "Cap", "body": "", "status": "open"}
CALL = {"tool": "compare", "title": "Compare", "arguments": {}, "effect": "pure"}
HELD = {"call_id": "call_1", "fence": "1.1"}
NEEDS = [
    ("append_message", {"text": "hello"}, "events:append"),
    ("put_working_set_item", ITEM, "working_set:write"),
    ("patch_working_set_item", {"item_id": "cap", "if_match": 1, "title": "Caps"}, "working_set:write"),
    ("propose_tool_call", CALL, "tool_calls:propose"),
    ("claim_tool_call", {"call_id": "call_1"}, "tool_calls:claim"),
    ("start_tool_call", HELD, "tool_calls:claim"),
    ("heartbeat_tool_call", HELD, "tool_calls:claim"),
    ("complete_tool_call", {**HELD, "result": 1}, "tool_calls:claim"),
    ("fail_tool_call", {**HELD, "error": "no"}, "tool_calls:claim"),
]


def require_challenged(answer: httpx2.Response, action: str) -> None:
    assert answer.status_code == 403
    said = challenge("insufficient_scope", "the task token does not allow this action")
    assert answer.headers["WWW-Authenticate"] == said
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.json()["type"], answer.json()["actions"]) == ("urn:segue:problem:insufficient-scope", [action])


@pytest.mark.requirement("RFC6750-3-1", "MCP-ERRORS-b")
@pytest.mark.parametrize("mode", [MODERN, EARLIER])
async def test_a_tool_that_the_token_does_not_allow_is_refused_by_http_and_does_nothing(
    world: StoreWorld, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    everything = {action for _, _, action in NEEDS}
    for tool, arguments, action in NEEDS:
        device, heard = at_mcp(world, actions=everything - {action} | {"events:read"}), Heard()
        async with connected(device, mode=mode, heard=heard) as client:
            with pytest.raises(MCPError):
                await client.call_tool(tool, arguments)
        require_challenged(heard[-1], action)
    assert [event["kind"] for event in await world.device().log()] == ["task.created"]
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


@pytest.mark.requirement("MCP-ERRORS-b", "MCP-PRIVILEGE-a")
@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("", "task:read"),
        ("/resume", "task:read"),
        ("/working-set", "working_set:read"),
        ("/working-set/cap", "working_set:read"),
        ("/events", "events:read"),
        ("/tool-calls", "tool_calls:read"),
        ("/tool-calls/call_1", "tool_calls:read"),
    ],
)
async def test_a_resource_that_the_token_does_not_allow_is_refused_by_http(
    world: StoreWorld, path: str, action: str
) -> None:
    reads = {"task:read", "working_set:read", "events:read", "tool_calls:read"}
    heard = Heard()
    async with connected(at_mcp(world, actions=reads - {action}), heard=heard) as client:
        with pytest.raises(MCPError):
            await client.read_resource(uri(path))
        require_challenged(heard[-1], action)
        listed = [found.uri for found in (await client.list_resources()).resources]
        assert listed
        assert uri(path) not in listed


async def test_listening_takes_the_right_to_read_the_log(world: StoreWorld) -> None:
    heard = Heard()
    async with connected(at_mcp(world, actions={"task:read"}), heard=heard) as client:
        with pytest.raises(MCPError):
            async with client.listen(resource_subscriptions=[uri()]):
                pass
    require_challenged(heard[-1], "events:read")


@pytest.mark.requirement("MCP-PRIVILEGE-b")
async def test_the_clients_token_and_proof_go_no_further(tmp_path: Path) -> None:
    """No token passthrough: what is behind the door gets what was verified."""
    asked: list[Scope] = []

    def watched(tasks: ASGIApp) -> Beside:
        async def spy(scope: Scope, receive: Receive, send: Send) -> None:
            asked.append(scope)
            await tasks(scope, receive, send)

        return mcp_beside(STORE)(spy)

    url = f"sqlite:///{tmp_path}/resource.db"
    async with open_store_world(tmp_path, database_url=url, ephemeral_url=None, beside=watched) as world:
        await world.begin()
        device = at_mcp(world)
        async with connected(device) as client:
            await client.call_tool("append_message", {"text": "hello"})
            await client.list_resources()
            await client.read_resource(uri("/events"))
    assert len(asked) == 3
    for scope in asked:
        assert {name for name, _ in scope["headers"]} <= {b"content-type"}
        assert device.token not in repr(scope)


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_there_are_no_sessions_and_no_other_streams(world: StoreWorld, method: str) -> None:
    headers = await proved(at_mcp(world), method=method)
    with anyio.fail_after(30):
        answer = await ask(world, headers, method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


async def test_pages_of_other_origins_are_refused_and_not_even_let_ask(world: StoreWorld) -> None:
    for origin, status in ((STORE, 200), ("https://evil.example", 403), ("null", 403), (f"{STORE}:8443", 403)):
        answer = await ask(world, {**await proved(at_mcp(world)), "Origin": origin})
        assert answer.status_code == status, origin
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = await world.http.request("OPTIONS", "/mcp", headers=asked)
    assert preflight.status_code == 405
    assert "Access-Control-Allow-Origin" not in preflight.headers


async def test_an_answer_is_for_no_cache_and_brings_the_next_nonce(world: StoreWorld) -> None:
    answer = await ask(world, await proved(at_mcp(world)))
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["DPoP-Nonce"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_when_the_server_stops_nothing_listens_for_withdrawals_any_more(world: StoreWorld) -> None:
    assert (await ask(world, await proved(at_mcp(world)))).status_code == 200
    assert listeners() == 1
    await world.stop()
    assert listeners() == 0


def listeners() -> int:
    return [task.get_coro().__qualname__ for task in asyncio.all_tasks()].count("Withdrawals._follow")


async def test_a_request_that_is_too_large_is_refused_before_it_is_read_whole(world: StoreWorld) -> None:
    device: Any = at_mcp(world)
    headers = {**ACCEPTS, **await proved(device), "Content-Type": "application/json"}
    answer = await world.http.post("/mcp", headers=headers, content=b" " * 600_000)
    assert answer.status_code == 413
