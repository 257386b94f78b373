"""The official A2A client at running servers: a task that moves to another device with a tool call in flight."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import httpx2
import pytest
from a2a.client.client import Client, ClientConfig
from a2a.client.client_factory import create_client
from a2a.types.a2a_pb2 import CancelTaskRequest, GetTaskRequest, SubscribeToTaskRequest, Task
from a2a.utils.errors import UnsupportedOperationError
from a2a_world import said, sent, since, state, texts
from adapters.downstream import Downstream
from deployment import Deployment
from google.protobuf.json_format import MessageToDict
from journey import Journey, open_journey
from segue_client.grant import Grant
from segue_client.protected_resource import ProtectedResource
from segue_client.task_token_auth import TaskTokenAuth
from segue_client.tool_runs import Lost, Run, ToolRuns

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]

PATIENCE = 30
TOOL = {"tool": "compare", "arguments": {"clause": 7}, "title": "Compare the clauses"}


class WithA2A(Deployment):
    """`segue a2a` in the place of `segue resource`, and an authorization server that mints tokens for it."""

    @property
    def a2a(self) -> str:
        return f"{self.site.store}/a2a"

    def _command(self, name: str) -> list[str]:
        command, _, *rest = super()._command(name)
        return [command, {"resource": "a2a"}.get(name, name), *rest]

    def environment(self) -> dict[str, str]:
        return super().environment() | {"SEGUE_AUTHZ_AUDIENCES": f"{self.site.agent} {self.a2a}"}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WithA2A]:
    running = WithA2A(tmp_path_factory.mktemp("a2a"), database=None, redis=None)
    running.prepare()
    try:
        running.start()
        yield running
    finally:
        running.kill()


@pytest.fixture
async def journey(deployment: WithA2A, anyio_backend: str) -> AsyncIterator[Journey]:
    async with open_journey(deployment.site, deployment.person) as opened:
        yield opened


class Authorized(TaskTokenAuth, httpx.Auth):
    """For the client of the A2A SDK, which is made on httpx."""


@asynccontextmanager
async def connected(deployment: WithA2A, grant: Grant, *, streaming: bool = True) -> AsyncIterator[Client]:
    async def authorize(resource: ProtectedResource) -> Grant:
        assert resource == ProtectedResource(deployment.a2a, deployment.site.issuer)
        return grant

    async with (
        httpx2.AsyncClient() as http,
        httpx.AsyncClient(auth=Authorized(authorize, http=http), timeout=PATIENCE) as proved,
    ):
        config = ClientConfig(streaming=streaming, polling=not streaming, httpx_client=proved)
        yield await create_client(deployment.site.store, config)


def calls(task: Task) -> dict[str, str]:
    """The unfinished tool calls, with their states."""
    return {call["title"]: call["state"] for call in MessageToDict(task.metadata)["toolCalls"]}


async def test_a_task_that_moves_is_the_same_task_object_and_its_running_call_runs_once(
    deployment: WithA2A, journey: Journey
) -> None:
    downstream = Downstream()

    async def compare(run: Run) -> Any:
        return await downstream.execute(run.downstream_key, {"same": False})

    desktop = await journey.begin()
    get = GetTaskRequest(id=desktop.task_id)
    async with connected(deployment, desktop, streaming=False) as left:
        assert state(await sent(left, said("Compare the clauses."))) == "working"
        before = asyncio.create_task(ToolRuns(journey.task(desktop)).run("toolu_1", compare, **TOOL))
        await downstream.running.wait()
        assert calls(await left.get_task(get)) == {TOOL["title"]: "running"}
        phone = await journey.hand_over(desktop)
        async with connected(deployment, phone) as right:
            moved = await right.get_task(get)
            assert (moved.id, state(moved), texts(moved.history)) == (
                desktop.task_id,
                "working",
                ["Compare the clauses."],
            )
            assert calls(moved) == {TOOL["title"]: "running"}
            after = asyncio.create_task(ToolRuns(journey.task(phone)).run("toolu_1", compare, **TOOL))
            await _asked_twice(downstream)
            downstream.finish()
            assert await after == {"same": False}
            with pytest.raises(Lost):
                await before
            assert len(downstream.executed) == 1
            said_late = said("Still here.", message_id="msg-2", task_id=desktop.task_id)
            for write in (sent(left, said_late), left.cancel_task(CancelTaskRequest(id=desktop.task_id))):
                with pytest.raises(UnsupportedOperationError) as fenced:
                    await write
                assert fenced.value.data["problem"] == "urn:segue:problem:stale-epoch"
            await journey.task(phone).append([{"kind": "message", "role": "agent", "body": {"text": "They differ."}}])
            ended = await right.get_task(get)
            assert (state(ended), calls(ended)) == ("input_required", {})
            assert texts(ended.history) == ["Compare the clauses.", "They differ."]


async def _asked_twice(downstream: Downstream) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(downstream.asked) < 2:  # noqa: ASYNC110  there is no event for it
            await asyncio.sleep(0.02)


async def test_the_next_device_goes_on_with_a_stream_where_the_first_one_stopped(
    deployment: WithA2A, journey: Journey
) -> None:
    desktop = await journey.begin()
    request = SubscribeToTaskRequest(id=desktop.task_id)
    told: list[str] = []
    async with connected(deployment, desktop) as left, asyncio.timeout(PATIENCE):
        stream = left.subscribe(request)
        await anext(stream)
        await journey.task(desktop).append([_message("one"), _message("two")])
        update = await anext(stream)
        told += texts([update.status_update.status.message])
        cursor = int(MessageToDict(update.status_update.metadata)["seq"])
    phone = await journey.hand_over(desktop)
    await journey.task(phone).append([_message("three")])
    async with connected(deployment, phone) as right, asyncio.timeout(PATIENCE):
        async for update in right.subscribe(request, context=since(cursor)):
            if update.status_update.status.HasField("message"):
                told += texts([update.status_update.status.message])
            if told[-1] == "three":
                break
    assert told == ["one", "two", "three"]
    assert " ERROR " not in (deployment.folder / "resource" / "log").read_text()


def _message(text: str) -> dict[str, Any]:
    return {"kind": "message", "role": "agent", "body": {"text": text}}
