"""MCP tasks (SEP-2663) by the official SDK's client: a tool call, and the whole task, from any device that has it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp_tasks_client import Acknowledged, TaskRequest, TasksExtension, answered, cancelled, polled, requested
from mcp_types import (
    INVALID_PARAMS,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    SubscriptionFilter,
    SubscriptionsListenRequest,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)
from mcp_world import EARLIER, MODERN, Heard, at_mcp, connected, open_mcp_world
from resource_world import NAME, TASK, StoreWorld, texts
from segue.authority import ACTIONS
from segue_mcp import tasks
from segue_mcp.extension import EXTENSION
from segue_resource.endpoints.beside_task import look

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]

CALL = {"tool": "compare", "title": "Compare the clauses", "arguments": {"clause": 7}, "effect": "idempotent"}
RISKY = {**CALL, "title": "Send the contract", "effect": "irreversible"}
PROBLEM = "urn:segue:problem:"


@pytest.fixture
async def world(tmp_path: Path, anyio_backend: str) -> AsyncIterator[StoreWorld]:
    async with open_mcp_world(tmp_path) as opened:
        yield opened


def knowing_tasks(world: StoreWorld, **token: Any) -> Any:
    return connected(at_mcp(world, **token), extensions=[TasksExtension()])


def accepts(**content: Any) -> dict[str, Any]:
    return {"action": "accept", "content": content}


async def test_a_tool_call_that_is_asked_for_ends_as_a_task_with_the_result_of_whoever_ran_it(
    world: StoreWorld,
) -> None:
    worker = world.device()

    async def work() -> None:
        while not (calls := (await worker.read("/tool-calls"))["tool_calls"]):  # noqa: ASYNC110  as a device looks
            await asyncio.sleep(0.01)
        fence = (await worker.step(calls[0]["call_id"], "claim")).json()["fence"]
        await worker.step(calls[0]["call_id"], "start", fence=fence)
        await worker.step(calls[0]["call_id"], "complete", fence=fence, result={"same": False})

    async with knowing_tasks(world) as client, asyncio.TaskGroup() as working:
        working.create_task(work())
        result = await client.call_tool("request_tool_call", CALL)
        assert (result.structured_content, result.is_error) == ({"same": False}, False)


async def test_the_server_says_that_it_knows_tasks(world: StoreWorld) -> None:
    async with connected(at_mcp(world), mode="auto") as client:
        assert client.server_capabilities.extensions == {EXTENSION: {}}


async def test_every_state_of_a_call_is_a_status_of_its_task(world: StoreWorld) -> None:
    worker = world.device()
    async with knowing_tasks(world) as client:
        call_id = await requested(client, CALL)
        seen = [await polled(client, call_id)]
        fence = (await worker.step(call_id, "claim")).json()["fence"]
        seen.append(await polled(client, call_id))
        await worker.step(call_id, "start", fence=fence)
        seen.append(await polled(client, call_id))
        await worker.step(call_id, "fail", fence=fence, error="the archive is closed")
        seen.append(await polled(client, call_id))
        assert [task.status for task in seen] == ["working", "working", "working", "completed"]
        assert [task.statusMessage.rpartition(": ")[2] for task in seen] == ["approved", "claimed", "running", "failed"]
        assert seen[-1].result == {"content": [{"type": "text", "text": "the archive is closed"}], "isError": True}
        assert seen[0].createdAt == "2027-01-15T08:00:00Z"
        assert seen[0].createdAt <= seen[0].lastUpdatedAt
        stopped = await requested(client, CALL)
        await cancelled(client, stopped)
        assert (await polled(client, stopped)).status == "cancelled"
        await cancelled(client, call_id)  # has ended: acknowledged, and stays as it ended
        assert (await polled(client, call_id)).status == "completed"


async def test_whoever_may_approve_is_asked_and_whoever_may_not_sees_that_it_is_worked_on(world: StoreWorld) -> None:
    agent = ACTIONS - {"tool_calls:approve"}
    async with knowing_tasks(world) as client, knowing_tasks(world, actions=agent) as agents:
        wanted, refused = await requested(agents, RISKY), await requested(agents, RISKY)
        asking = await polled(client, wanted)
        assert (asking.status, list(asking.inputRequests or ())) == ("input_required", [f"approve-{wanted}"])
        (question,) = (asking.inputRequests or {}).values()
        assert question["params"]["message"] == "May this tool call run? Send the contract"
        waiting = await polled(agents, wanted)
        assert (waiting.status, waiting.inputRequests) == ("working", None)
        await answered(agents, wanted, **{f"approve-{wanted}": accepts(approved=True)})
        assert (await polled(client, wanted)).status == "input_required"
        await answered(
            client, wanted, **{f"approve-{wanted}": {"action": "cancel"}, "unheard-of": accepts(approved=True)}
        )
        assert (await polled(client, wanted)).status == "input_required"
        await answered(client, wanted, **{f"approve-{wanted}": accepts(approved=True)})
        await answered(client, refused, **{f"approve-{refused}": {"action": "decline"}})
        assert [(await polled(client, each)).status for each in (wanted, refused)] == ["working", "cancelled"]
        other = await requested(client, RISKY)
        with pytest.raises(MCPError, match="not of the form") as wrong:
            await answered(client, other, **{f"approve-{other}": accepts()})
        assert wrong.value.error.code == INVALID_PARAMS


async def test_the_person_settles_what_nobody_knows_the_outcome_of(world: StoreWorld) -> None:
    call_id, _ = await world.device().running("irreversible", lease=1)
    await world.later(2)
    await world.device().step(call_id, "claim")  # finds that the holder is lost
    async with knowing_tasks(world) as client:
        asking = await polled(client, call_id)
        assert (asking.status, list(asking.inputRequests or ())) == ("input_required", [f"settle-{call_id}-1"])
        await answered(client, call_id, **{f"settle-{call_id}-1": accepts(outcome="happened")})
        assert (await polled(client, call_id)).status == "completed"


async def test_the_task_itself_is_a_task_that_asks_for_the_persons_next_message(
    world: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop = world.device()
    async with knowing_tasks(world) as client:
        begun = await polled(client, TASK)
        assert (begun.status, begun.statusMessage) == ("working", f"{NAME}: open")
        await desktop.say("Which cap shall I ask for?")
        asking = await polled(client, TASK)
        ((key, question),) = (asking.inputRequests or {}).items()
        assert (asking.status, key) == ("input_required", "reply-2")
        assert question["params"]["message"] == "Which cap shall I ask for?"
        said = {key: accepts(text="Two million.")}
        with monkeypatch.context() as patched:
            patched.setattr(tasks, "look", _together(2))
            await asyncio.gather(*(answered(client, TASK, **said) for _ in range(2)))  # given again, and said once
        assert (await polled(client, TASK)).status == "working"
        await answered(client, TASK, **{key: accepts(text="Too late.")})
        log = await desktop.log()
        assert texts(log) == ["Which cap shall I ask for?", "Two million."]
        assert log[-1]["role"] == "customer"
        await desktop.post("/status", {"to": "closed"})
        ended = await polled(client, TASK)
        assert (ended.status, ended.result is not None) == ("completed", True)


def _together(count: int) -> Any:
    """Nobody goes on until so many have looked where the task stands."""
    barrier = asyncio.Barrier(count)

    async def looking(*where: Any) -> Any:
        looked = await look(*where)
        await barrier.wait()
        return looked

    return looking


async def test_cancelling_the_task_cancels_its_calls_and_closes_it(world: StoreWorld) -> None:
    desktop = world.device()
    call_id, fence = await desktop.running()
    async with knowing_tasks(world) as client:
        await cancelled(client, TASK)
        assert [(await polled(client, each)).status for each in (TASK, call_id)] == ["cancelled", "cancelled"]
        await cancelled(client, TASK)
    late = await desktop.step(call_id, "complete", fence=fence, result=1)
    assert (late.status_code, late.json()["type"]) == (409, f"{PROBLEM}fenced")
    assert (await desktop.read())["status"] == "closed"


async def test_a_task_is_seen_on_the_device_that_it_moved_to_and_the_first_device_ends_nothing(
    world: StoreWorld,
) -> None:
    desktop = at_mcp(world)
    phone = desktop.after_move(2)
    extension = [TasksExtension()]
    async with connected(desktop, extensions=extension) as left, connected(phone, extensions=extension) as right:
        call_id, risky = await requested(left, CALL), await requested(left, RISKY)
        assert (await polled(right, call_id)).status == "working"
        with pytest.raises(MCPError) as fenced:
            await answered(left, risky, **{f"approve-{risky}": accepts(approved=True)})
        assert fenced.value.error.data["problem"]["type"] == f"{PROBLEM}stale-epoch"
        for task_id in (call_id, TASK):
            with pytest.raises(MCPError) as fenced:
                await cancelled(left, task_id)
            assert fenced.value.error.data["problem"]["type"] == f"{PROBLEM}stale-epoch"
        assert (await polled(left, call_id)).status == "working"
        await cancelled(right, call_id)
        assert (await polled(left, call_id)).status == "cancelled"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/cancel", "tasks/update"])
async def test_a_client_without_the_extension_is_told_that_it_needs_it(world: StoreWorld, method: str) -> None:
    call_id = await world.device().propose()
    params = {"taskId": call_id, "inputResponses": {}}
    for mode in (MODERN, EARLIER):
        async with connected(at_mcp(world), mode=mode) as client:
            with pytest.raises(MCPError) as missing:
                await client.session.send_request(TaskRequest(method=method, params=params), Acknowledged)
            assert missing.value.error.code == MISSING_REQUIRED_CLIENT_CAPABILITY
            assert missing.value.error.data == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
            with pytest.raises(MCPError) as missing:
                await client.call_tool("request_tool_call", CALL)
            assert missing.value.error.code == MISSING_REQUIRED_CLIENT_CAPABILITY
    assert len((await world.device().read("/tool-calls"))["tool_calls"]) == 1


async def test_a_client_without_the_extension_cannot_listen_for_tasks(world: StoreWorld) -> None:
    wanted = SubscriptionFilter.model_validate({"taskIds": [TASK]})
    params = SubscriptionsListenRequestParams(notifications=wanted)
    async with connected(at_mcp(world)) as client:
        with pytest.raises(MCPError) as missing:
            await client.session.send_request(SubscriptionsListenRequest(params=params), SubscriptionsListenResult)
        assert missing.value.error.code == MISSING_REQUIRED_CLIENT_CAPABILITY


@pytest.mark.parametrize("task_id", ["call_nobodys", "tsk_other", "../events", "", "a b", "x" * 129])
async def test_what_is_not_there_and_what_is_anothers_are_the_same(world: StoreWorld, task_id: str) -> None:
    await world.begin("tsk_other", sub="usr_other")
    async with knowing_tasks(world) as client:
        for ask in (polled, cancelled, answered):
            with pytest.raises(MCPError, match="Task not found") as unknown:
                await ask(client, task_id)
            assert unknown.value.error.code == INVALID_PARAMS


async def test_what_the_token_does_not_allow_is_a_challenge_and_nothing_is_cancelled(world: StoreWorld) -> None:
    call_id = await world.device().propose()
    heard = Heard()
    reader = at_mcp(world, actions=frozenset({"task:read", "tool_calls:read"}))
    async with connected(reader, heard=heard, extensions=[TasksExtension()]) as client:
        assert (await polled(client, call_id)).status == "working"  # without the log, its times are the task's
        for task_id in (call_id, TASK):
            with pytest.raises(MCPError):
                await cancelled(client, task_id)
            assert heard[-1].status_code == 403
            assert 'error="insufficient_scope"' in heard[-1].headers["WWW-Authenticate"]
    assert (await world.device().read(f"/tool-calls/{call_id}"))["state"] == "approved"
