"""A task as MCP resources and tools, used by the official SDK's client: the task store's rules, and one task alone."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult, TextResourceContents
from mcp_world import EARLIER, MCP, MODERN, Heard, Proved, at_mcp, connected, open_mcp_world, uri
from participating import join
from resource_world import NAME, OWNER, TASK, Device, StoreWorld, item, texts

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E4")]

ITEM = {"item_id": "cap", **item()}
CALL = {"tool": "compare", "title": "Compare the clauses", "arguments": {"clause": 7}, "effect": "idempotent"}
PROBLEM = "urn:segue:problem:"


@pytest.fixture
async def world(tmp_path: Path, anyio_backend: str) -> AsyncIterator[StoreWorld]:
    async with open_mcp_world(tmp_path) as opened:
        yield opened


async def read(client: Client, path: str = "") -> Any:
    """The JSON of a resource."""
    (content,) = (await client.read_resource(uri(path))).contents
    assert isinstance(content, TextResourceContents)
    assert (content.uri, content.mime_type) == (uri(path), "application/json")
    return json.loads(content.text)


async def done(client: Client, name: str, /, **arguments: Any) -> Any:
    """What a tool that must work has done."""
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result.structured_content
    return result.structured_content


async def refused(client: Client, name: str, /, **arguments: Any) -> tuple[int, str]:
    """Status and problem of a tool that must not work."""
    result = await client.call_tool(name, arguments)
    return problem_of(result)


def problem_of(result: CallToolResult) -> tuple[int, str]:
    assert result.is_error
    said = result.structured_content
    assert json.loads(result.content[0].model_dump()["text"]) == said
    return said["status"], said["type"].removeprefix(PROBLEM)


@pytest.mark.parametrize("mode", [MODERN, EARLIER, "auto"])
async def test_a_client_of_either_revision_finds_the_task_and_what_can_be_done_with_it(
    world: StoreWorld, mode: str
) -> None:
    async with connected(at_mcp(world), mode=mode) as client:
        resources = (await client.list_resources()).resources
        assert [found.uri for found in resources] == [
            uri(path) for path in ("", "/resume", "/working-set", "/events", "/tool-calls")
        ]
        tools = (await client.list_tools()).tools
        assert len(tools) == 10
        assert all("task_id" not in tool.input_schema["properties"] for tool in tools)
        task = await read(client)
        assert (task["name"], task["status"], task["owner"]) == (NAME, "open", OWNER)
        resume = await read(client, "/resume")
        assert resume["greeting"] == f"You were working on {NAME} - pick up where you left off?"
        assert resume["paragraph"]
        assert client.protocol_version == ("2025-11-25" if mode == EARLIER else MODERN)


async def test_working_set_items_are_listed_and_read_with_their_version(world: StoreWorld) -> None:
    async with connected(at_mcp(world)) as client:
        assert (await done(client, "put_working_set_item", **ITEM))["version"] == 1
        changed = await done(client, "patch_working_set_item", item_id="cap", if_match=1, status="open")
        assert (changed["version"], changed["status"], changed["title"]) == (2, "open", ITEM["title"])
        replaced = await done(client, "put_working_set_item", **{**ITEM, "title": "No cap"}, if_match=2)
        assert replaced["version"] == 3
        *_, listed = (await client.list_resources()).resources
        assert (listed.uri, listed.title) == (uri("/working-set/cap"), "No cap")
        assert listed.description == "decision, settled, version 3"
        assert (await read(client, "/working-set/cap")) == replaced
        assert (await read(client, "/working-set"))["items"] == [replaced]


async def test_nobody_overwrites_what_they_have_not_seen(world: StoreWorld) -> None:
    async with connected(at_mcp(world)) as client:
        await done(client, "put_working_set_item", **ITEM)
        again = await client.call_tool("put_working_set_item", ITEM)
        assert problem_of(again) == (412, "conflict")
        assert again.structured_content["current"]["version"] == 1
        assert await refused(client, "put_working_set_item", **ITEM, if_match=2) == (412, "conflict")
        assert await refused(client, "patch_working_set_item", item_id="cap", if_match=7) == (412, "conflict")
        assert await refused(client, "patch_working_set_item", item_id="cap") == (400, "invalid-request")


@pytest.mark.requirement("T9")
async def test_a_tool_call_is_proposed_claimed_started_kept_and_completed(world: StoreWorld) -> None:
    async with connected(at_mcp(world)) as client:
        call_id = (await done(client, "propose_tool_call", **CALL))["call_id"]
        claimed = await done(client, "claim_tool_call", call_id=call_id, lease=30)
        assert claimed["downstream_key"] == f"{TASK}/{call_id}"
        held = {"call_id": call_id, "fence": claimed["fence"]}
        assert (await done(client, "start_tool_call", **held))["state"] == "running"
        async with connected(at_mcp(world)) as other:
            assert await refused(other, "claim_tool_call", call_id=call_id) == (409, "held")
            seen = await read(other, f"/tool-calls/{call_id}")
            assert (seen["state"], "fence" in seen) == ("running", False)
        assert (await read(client, f"/tool-calls/{call_id}"))["fence"] == claimed["fence"]
        assert (await done(client, "heartbeat_tool_call", **held))["state"] == "running"
        ended = await done(client, "complete_tool_call", **held, result={"kept": 31})
        assert (ended["state"], ended["result"]) == ("succeeded", {"kept": 31})
        assert (await read(client, "/tool-calls"))["tool_calls"] == [ended]


@pytest.mark.requirement("T9")
async def test_only_the_current_fence_is_good_and_a_late_result_is_refused(world: StoreWorld) -> None:
    async with connected(at_mcp(world)) as first:
        call_id = (await done(first, "propose_tool_call", **CALL))["call_id"]
        old = (await done(first, "claim_tool_call", call_id=call_id, lease=1))["fence"]
        world.now += 10
        async with connected(at_mcp(world)) as second:
            new = (await done(second, "claim_tool_call", call_id=call_id))["fence"]
            await done(second, "start_tool_call", call_id=call_id, fence=new)
            for late in ("start_tool_call", "heartbeat_tool_call"):
                assert await refused(first, late, call_id=call_id, fence=old) == (409, "fenced")
            said = {"call_id": call_id, "fence": old}
            assert await refused(first, "complete_tool_call", **said, result=1) == (409, "fenced")
            assert await refused(first, "fail_tool_call", **said, error="no") == (409, "fenced")
            kept = await done(second, "heartbeat_tool_call", call_id=call_id, fence=new, lease=90)
            assert kept["holder"]["lease_until"] == world.now + 90
            ended = await done(second, "complete_tool_call", call_id=call_id, fence=new, result={"kept": 31})
            assert (ended["state"], ended["result"]) == ("succeeded", {"kept": 31})


async def test_a_call_that_waits_for_the_person_is_not_claimed_and_a_failed_one_says_why(world: StoreWorld) -> None:
    async with connected(at_mcp(world)) as client:
        waits = (await done(client, "propose_tool_call", **{**CALL, "effect": "irreversible"}))["call_id"]
        assert await refused(client, "claim_tool_call", call_id=waits) == (409, "not-approved")
        call_id = (await done(client, "propose_tool_call", **CALL))["call_id"]
        held = {"call_id": call_id, "fence": (await done(client, "claim_tool_call", call_id=call_id))["fence"]}
        await done(client, "start_tool_call", **held)
        assert (await done(client, "fail_tool_call", **held, error="no access"))["error"] == "no access"


@pytest.mark.requirement("T11")
async def test_a_message_that_is_sent_again_with_its_key_is_there_once(world: StoreWorld) -> None:
    async with connected(at_mcp(world)) as client:
        said = {"text": "Liability is capped", "idempotency_key": "k1"}
        assert await done(client, "append_message", **said) == await done(client, "append_message", **said)
        assert await refused(client, "append_message", **{**said, "text": "x"}) == (422, "idempotency-key-reused")
        log = (await read(client, "/events"))["events"]
        assert (texts(log), log[-1]["role"]) == (["Liability is capped"], "agent")
        assert texts((await read(client, f"/events?after={log[-1]['seq']}"))["events"]) == []


async def test_what_a_role_does_not_give_no_tool_gives(world: StoreWorld) -> None:
    await join(world, "supervisor", sub="usr_other")
    async with connected(at_mcp(world, sub="usr_other")) as client:
        assert (await read(client))["name"] == NAME
        assert await refused(client, "append_message", text="hello") == (403, "not-your-role")
        assert await refused(client, "put_working_set_item", **ITEM) == (403, "not-your-role")
        assert await refused(client, "propose_tool_call", **CALL) == (403, "not-your-role")
    async with connected(at_mcp(world)) as client:
        assert await refused(client, "append_message", text="hello", role="human_agent") == (403, "not-your-role")


async def test_while_the_task_rests_nothing_new_begins(world: StoreWorld) -> None:
    owner = world.device()
    for status in ("active", "paused"):
        version = (await owner.get()).headers["ETag"]
        answer = await owner.send("POST", "/status", json={"to": status}, headers={"If-Match": version})
        assert answer.status_code == 200, answer.text
    async with connected(at_mcp(world)) as client:
        assert await refused(client, "put_working_set_item", **ITEM) == (423, "not-active")
        assert await refused(client, "propose_tool_call", **CALL) == (423, "not-active")
        assert (await read(client))["status"] == "paused"


async def test_a_device_that_the_task_has_moved_from_reads_on_and_writes_no_more(world: StoreWorld) -> None:
    left = at_mcp(world)
    await left.after_move(2).world.device(epoch=2, transfer_id="trf_1").say("I have it now")
    async with connected(left) as client:
        assert texts((await read(client, "/events"))["events"]) == ["I have it now"]
        assert await refused(client, "append_message", text="me too") == (409, "stale-epoch")


@pytest.mark.requirement("XD-CONS-06", "RFC9470-3-a")
async def test_what_takes_a_fresh_sign_in_takes_one_here_too(world: StoreWorld) -> None:
    world.settings = replace(world.settings, sensitive={"events:append": 300})
    await world.restart()
    heard = Heard()
    async with connected(at_mcp(world, auth_time=world.now - 301), heard=heard) as client:
        with pytest.raises(MCPError):
            await client.call_tool("append_message", {"text": "hello"})
    assert heard[-1].status_code == 401
    assert 'error="insufficient_user_authentication"' in heard[-1].headers["WWW-Authenticate"]
    async with connected(at_mcp(world, auth_time=world.now - 300)) as client:
        await done(client, "append_message", text="hello")


async def test_a_token_opens_one_task_and_no_other_exists(world: StoreWorld) -> None:
    await world.begin("tsk_other", name="Another task")
    async with connected(at_mcp(world)) as client:
        for path in ("", "/resume", "/working-set", "/events", "/tool-calls", "/working-set/cap"):
            for task_id in ("tsk_other", "tsk_nowhere"):
                with pytest.raises(MCPError) as not_found:
                    await client.read_resource(uri(path, task_id=task_id))
                assert (not_found.value.code, not_found.value.message) == (INVALID_PARAMS, "Resource not found")
        listed = [found.uri for found in (await client.list_resources()).resources]
        templates = [found.uri_template for found in (await client.list_resource_templates()).resource_templates]
        assert all(found.startswith(uri()) for found in listed + templates)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://tasks.example/tasks/tsk_contract",
        "segue://tasks",
        uri("/audit"),
        uri("/participants"),
        uri("/working-set/../audit"),
        uri("/working-set/%2e%2e"),
        uri("/working-set/cap/versions"),
        uri("/events?after=0&after=1"),
        uri("/events?access_token=x"),
        uri("/tool-calls/x/claim"),
        uri("#fragment"),
        uri("\n"),
    ],
)
async def test_only_what_is_listed_or_fits_a_template_is_a_resource(world: StoreWorld, elsewhere: str) -> None:
    async with connected(at_mcp(world)) as client:
        with pytest.raises(MCPError, match="Resource not found"):
            await client.read_resource(elsewhere)


@pytest.mark.parametrize(
    "name", ["../events", "a/versions", "a?x=1", "", ".", "%2e", "a b", "a\n", "ä", "x" * 129, 7, None]
)
async def test_an_id_among_the_arguments_leads_nowhere_else(world: StoreWorld, name: object) -> None:
    async with connected(at_mcp(world)) as client:
        held = {"call_id": name, "fence": "1.1"}
        assert await refused(client, "put_working_set_item", **{**ITEM, "item_id": name}) == (400, "invalid-request")
        assert await refused(client, "complete_tool_call", **held, result=1) == (400, "invalid-request")
    assert [event["kind"] for event in await world.device().log()] == ["task.created"]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("append_message", {}),
        ("append_message", {"text": "x", "kind": "task.renamed"}),
        ("append_message", {"text": "x", "role": "owner"}),
        ("append_message", {"text": "x", "idempotency_key": "ä"}),
        ("put_working_set_item", {**ITEM, "if_match": "1"}),
        ("put_working_set_item", {**ITEM, "if_match": 0}),
        ("put_working_set_item", {**ITEM, "task_id": "tsk_other"}),
        ("propose_tool_call", {**CALL, "arguments": []}),
        ("claim_tool_call", {"call_id": "call_1", "lease": 601}),
    ],
)
async def test_arguments_of_another_form_are_a_tool_error(
    world: StoreWorld, tool: str, arguments: dict[str, Any]
) -> None:
    async with connected(at_mcp(world)) as client:
        status, slug = await refused(client, tool, **arguments)
        assert (status, slug) == (400, "invalid-request")
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("approve_tool_call", {"call_id": "call_1"})


async def test_a_client_stops_hearing_of_changes_when_its_token_ends(world: StoreWorld) -> None:
    with anyio.fail_after(30):
        async with (
            connected(at_mcp(world, lifetime=1)) as client,
            client.listen(resource_subscriptions=[uri()]) as changes,
        ):
            assert [change async for change in changes] == []


async def post(device: Device, content: str, *, headers: dict[str, str]) -> httpx2.Response:
    """One message that the SDK's client would not send."""
    headers |= {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    headers |= {"Content-Type": "application/json"}
    return await device.world.http.post(MCP, content=content, headers=headers, auth=Proved(device))


@pytest.mark.parametrize("text", ["NaN", "1e999"])
async def test_what_the_store_would_not_read_it_does_not_read_here(world: StoreWorld, text: str) -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    asked |= {"params": {"name": "propose_tool_call", "arguments": {**CALL, "arguments": {"clause": 0}}}}
    answer = await post(at_mcp(world), json.dumps(asked).replace('"clause": 0', f'"clause": {text}'), headers={})
    said = answer.json()["result"]
    assert (said["isError"], said["structuredContent"]["type"]) == (True, f"{PROBLEM}malformed-json")
    assert [event["kind"] for event in await world.device().log()] == ["task.created"]


async def test_a_request_is_logged_as_one_of_its_session(world: StoreWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="segue_storage.request_log")
    asked = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": uri("/events")}}
    answer = await post(at_mcp(world), json.dumps(asked), headers={"Task-Session": "ses_1"})
    assert answer.status_code == 200, answer.text
    lines = [record.members for record in caplog.records if hasattr(record, "members")]
    (line,) = [found for found in lines if found.get("route") == "/tasks/{task_id}/events"]
    assert (line["task_id"], line["session_id"]) == (TASK, "ses_1")
    assert {found["route"] for found in lines if found is not line} == {"/mcp"}
