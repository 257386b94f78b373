"""A task as an A2A 1.0 task, used by the official SDK's client: the task store's rules, and one task alone."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from a2a.client.errors import A2AClientError
from a2a.types.a2a_pb2 import (
    AgentCard,
    CancelTaskRequest,
    GetExtendedAgentCardRequest,
    GetTaskRequest,
    ListTasksRequest,
    Part,
    SendMessageConfiguration,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskPushNotificationConfig,
)
from a2a.utils.errors import (
    ContentTypeNotSupportedError,
    InvalidParamsError,
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from a2a_world import A2A, Proved, Streams, at_a2a, connected, open_a2a_world, said, sent, since, state, texts
from google.protobuf.json_format import MessageToDict, Parse
from resource_world import NAME, STORE, TASK, StoreWorld, item
from segue.authority import ACTIONS
from segue_a2a import operations

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]

PROBLEM = "urn:segue:problem:"
GET = GetTaskRequest(id=TASK)
SUBSCRIBE = SubscribeToTaskRequest(id=TASK)


@pytest.fixture
async def world(tmp_path: Path, anyio_backend: str) -> AsyncIterator[StoreWorld]:
    async with open_a2a_world(tmp_path) as opened:
        yield opened


def metadata(of: Any) -> dict[str, Any]:
    found = MessageToDict(of.metadata)
    assert isinstance(found, dict)
    return found


async def updates(client: Any, request: Any, context: Any = None) -> list[StreamResponse]:
    """Everything until the stream ends."""
    return [update async for update in client.subscribe(request, context=context)]


async def test_a_client_finds_the_card_without_a_token_and_where_tokens_come_from(world: StoreWorld) -> None:
    answer = await world.http.get("/.well-known/agent-card.json")
    card = Parse(answer.content, AgentCard())  # nothing that the protocol does not know
    (served,) = card.supported_interfaces
    assert (served.url, served.protocol_binding, served.protocol_version) == (A2A, "JSONRPC", "1.0")
    assert (card.capabilities.streaming, card.capabilities.push_notifications) == (True, False)
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    challenged = await world.http.post("/a2a", json={})
    described = f"{STORE}/.well-known/oauth-protected-resource/a2a"
    assert challenged.headers["WWW-Authenticate"] == f'DPoP algs="ES256", resource_metadata="{described}"'
    assert (await world.http.get(described)).json()["resource"] == A2A
    assert described in card.security_schemes["taskToken"].http_auth_security_scheme.description


async def test_a_token_for_the_store_is_not_good_here(world: StoreWorld) -> None:
    async with connected(world.device()) as client:
        with pytest.raises(A2AClientError, match="401"):
            await client.get_task(GET)
    assert (await at_a2a(world).get()).status_code == 401


async def test_the_task_is_there_with_history_artifacts_and_where_it_stands(world: StoreWorld) -> None:
    desktop = world.device()
    await desktop.put("cap", item())
    content = {"Content-Type": "text/markdown", "If-None-Match": "*"}
    await desktop.send("PUT", "/artifacts/drafts/rev%202.md", content=b"# Draft", headers=content)
    await desktop.say("Which cap?")
    async with connected(at_a2a(world)) as client:
        task = await client.get_task(GET)
        assert (task.id, task.context_id, state(task)) == (TASK, TASK, "input_required")
        assert texts(task.history) == ["Which cap?"]
        assert [artifact.artifact_id for artifact in task.artifacts] == ["working-set/cap", "artifacts/drafts/rev 2.md"]
        decision, file = task.artifacts
        assert (decision.name, decision.parts[0].text) == ("Liability is capped", "Agreed with counsel.")
        assert metadata(decision) == {"type": "decision", "status": "settled", "version": 1}
        assert (file.parts[0].url, file.parts[0].media_type) == (
            f"{STORE}/tasks/{TASK}/artifacts/drafts/rev%202.md?version=1",
            "text/markdown",
        )
        fetched = await desktop.get(file.parts[0].url.removeprefix(STORE))
        assert fetched.content == b"# Draft"
        about = metadata(task)
        assert (about["name"], about["epoch"], about["lead"], about["access"]) == (NAME, 1, "agent", "write")


async def test_the_state_says_whose_turn_it_is(world: StoreWorld) -> None:
    desktop = world.device()
    seen: list[str] = []
    async with connected(at_a2a(world), streaming=False, polling=True) as client:

        async def look() -> Task:
            task = await client.get_task(GET)
            seen.append(state(task))
            return task

        await look()
        assert state(await sent(client, said("Compare the clauses."))) == "working"
        await desktop.say("Shall I?")
        await look()
        wanted = await desktop.propose("irreversible")
        asking = await look()
        assert texts([asking.status.message]) == ["May this tool call run? Compare the clauses"]
        await desktop.step(wanted, "approve")
        await look()
        await desktop.step(wanted, "cancel")
        await look()
        await desktop.post("/status", {"to": "paused"})
        await look()
        await desktop.post("/status", {"to": "closed"})
        await look()
        await desktop.post("/status", {"to": "archived"})
        await look()
    assert seen == ["submitted", *["input_required"] * 2, "working", *["input_required"] * 2, *["completed"] * 2]


async def test_what_a_person_says_is_in_the_log_once_however_often_it_is_sent(world: StoreWorld) -> None:
    async with connected(at_a2a(world), streaming=False, polling=True) as client:
        for _ in range(2):
            task = await sent(client, said("Two million.", task_id=TASK, context_id=TASK, reference_task_ids=[TASK]))
        assert [message.message_id for message in task.history] == ["msg-1"]
        with pytest.raises(InvalidParamsError) as other:
            await sent(client, said("Three million."))
        assert other.value.data["problem"] == f"{PROBLEM}idempotency-key-reused"
    (message,) = [event for event in await world.device().log() if event["kind"] == "message"]
    assert (message["role"], message["body"]) == ("customer", {"text": "Two million.", "message_id": "msg-1"})


async def test_an_answer_waits_until_it_is_the_persons_turn(world: StoreWorld) -> None:
    desktop = world.device()

    async def answer() -> None:
        while [event["kind"] for event in await desktop.log()][-1] != "message":  # noqa: ASYNC110  as a device looks
            await asyncio.sleep(0.01)
        await desktop.propose()  # somebody is at it
        await desktop.say("It is two million.")
        (call,) = (await desktop.read("/tool-calls"))["tool_calls"]
        await desktop.step(call["call_id"], "cancel")

    async with connected(at_a2a(world), streaming=False) as client, asyncio.TaskGroup() as working:
        working.create_task(answer())
        task = await sent(client, said("What is the cap?"))
        assert (state(task), texts(task.history)) == ("input_required", ["What is the cap?", "It is two million."])


async def test_an_answer_does_not_wait_for_ever(world: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "PATIENCE", 0.2)
    async with connected(at_a2a(world), streaming=False) as client:
        assert state(await sent(client, said("Is anybody there?"))) == "working"


async def test_as_much_history_is_told_as_is_asked_for(world: StoreWorld) -> None:
    desktop = world.device()
    for number in range(5):
        said_now = [{"kind": "message", "role": "agent", "body": {"text": str(number)}}]
        await desktop.post("/events", {"events": [*said_now, *[{"kind": "note", "role": "agent", "body": {}}] * 60]})
    async with connected(at_a2a(world)) as client:
        for length, told in ((None, []), (0, []), (2, ["3", "4"]), (5, list("01234")), (2**31 - 1, list("01234"))):
            task = await client.get_task(GetTaskRequest(id=TASK, history_length=length))
            assert texts(task.history) == told


async def test_the_list_has_the_one_task_that_the_token_opens(world: StoreWorld) -> None:
    await world.begin("tsk_other")
    await world.device().put("cap", item())
    async with connected(at_a2a(world)) as client:
        listed = await client.list_tasks(ListTasksRequest(page_size=7))
        assert ([task.id for task in listed.tasks], listed.next_page_token) == ([TASK], "")
        assert (listed.page_size, listed.total_size, list(listed.tasks[0].artifacts)) == (7, 1, [])
        full = await client.list_tasks(ListTasksRequest(include_artifacts=True, status="TASK_STATE_SUBMITTED"))
        assert len(full.tasks[0].artifacts) == 1
        for nothing in (
            ListTasksRequest(context_id="another"),
            ListTasksRequest(status="TASK_STATE_COMPLETED"),
            ListTasksRequest(status_timestamp_after=datetime(2027, 1, 15, 8, 0, 1, tzinfo=UTC)),
        ):
            assert list((await client.list_tasks(nothing)).tasks) == []
        with pytest.raises(InvalidParamsError):
            await client.list_tasks(ListTasksRequest(page_token="2"))


async def test_cancelling_ends_the_task_and_its_calls_once(world: StoreWorld) -> None:
    desktop = world.device()
    call_id, fence = await desktop.running()
    async with connected(at_a2a(world)) as client:
        assert state(await client.cancel_task(CancelTaskRequest(id=TASK))) == "canceled"
        for number in range(60):  # whatever happens afterwards, it is known why the task was closed
            await desktop.post("/sessions", {"name": f"Look {number}", "transport": "sse"})
        assert state(await client.get_task(GET)) == "canceled"
        with pytest.raises(TaskNotCancelableError):
            await client.cancel_task(CancelTaskRequest(id=TASK))
        with pytest.raises(UnsupportedOperationError) as over:
            _ = [answer async for answer in client.send_message(said("One more thing"))]
        assert "ended" in str(over.value)
        with pytest.raises(UnsupportedOperationError):
            await updates(client, SUBSCRIBE)
    assert (await desktop.step(call_id, "complete", fence=fence, result=1)).status_code == 409


async def test_a_stream_tells_what_happens_and_ends_with_the_task(world: StoreWorld) -> None:
    desktop = world.device()
    await desktop.say("Hello.")
    app = Streams(world.app)

    async def work() -> None:
        await app.begun.wait()
        await desktop.say("I am looking.")
        await desktop.put("cap", item())
        call_id, fence = await desktop.running()
        await desktop.step(call_id, "complete", fence=fence, result=1)
        await desktop.post("/rollbacks", {"to": 4, "head": len(await desktop.log())})
        await desktop.post("/status", {"to": "closed"})

    async with connected(at_a2a(world), app=app) as client, asyncio.TaskGroup() as working:
        working.create_task(work())
        first, *later = await updates(client, SUBSCRIBE)
    assert (first.task.id, texts(first.task.history)) == (TASK, ["Hello."])
    kinds = [metadata(getattr(update, str(update.WhichOneof("payload"))))["kind"] for update in later]
    assert kinds[:3] == ["message", "working_set.changed", "tool_call.proposed"]
    assert kinds[-2:] == ["task.reverted", "task.status_changed"]
    assert texts([later[0].status_update.status.message]) == ["I am looking."]
    assert later[1].artifact_update.artifact.name == "Liability is capped"
    assert [state(each) for each in later if each.HasField("status_update")][-1] == "completed"


async def test_whoever_comes_back_to_a_stream_with_a_cursor_misses_nothing_and_gets_nothing_twice(
    world: StoreWorld,
) -> None:
    desktop, app = world.device(), Streams(world.app)
    for number in range(4):
        await desktop.say(f"{number}")  # events 2 to 5

    async def close() -> None:
        await app.begun.wait()
        await desktop.post("/status", {"to": "closed"})

    async with connected(at_a2a(world), app=app) as client, asyncio.TaskGroup() as working:
        working.create_task(close())
        first, *later = await updates(client, SUBSCRIBE, since(3))
        assert (first.HasField("task"), list(first.task.history)) == (True, [])
        assert [metadata(update.status_update)["seq"] for update in later] == [4, 5, 6]
        assert [state(update) for update in later] == ["input_required", "input_required", "completed"]


@pytest.mark.parametrize("cursor", ["7", "-1", "x", "1 ", "9" * 16])
async def test_a_cursor_that_no_update_had_is_refused(world: StoreWorld, cursor: str) -> None:
    context = since(0)
    assert context.service_parameters is not None
    context.service_parameters["Last-Event-ID"] = cursor
    async with connected(at_a2a(world)) as client:
        with pytest.raises(InvalidParamsError):
            await updates(client, SUBSCRIBE, context)


async def test_a_message_with_a_stream_is_followed_until_it_is_the_persons_turn_again(world: StoreWorld) -> None:
    desktop, app = world.device(), Streams(world.app)

    async def answer() -> None:
        await app.begun.wait()
        await desktop.say("It is two million.")

    async with connected(at_a2a(world), app=app) as client, asyncio.TaskGroup() as working:
        working.create_task(answer())
        first, last = [update async for update in client.send_message(said("What is the cap?"))]
    assert (state(first), texts(first.task.history)) == ("working", ["What is the cap?"])
    assert (state(last), texts([last.status_update.status.message])) == ("input_required", ["It is two million."])


async def test_a_message_sent_again_because_its_stream_broke_is_answered_with_what_came_since(
    world: StoreWorld,
) -> None:
    desktop, device = world.device(), at_a2a(world)
    async with connected(device, streaming=False, polling=True) as client:
        await sent(client, said("What is the cap?"))
    await desktop.say("Let me see.")
    await desktop.say("It is two million.")
    async with connected(device) as client:
        first, *later = [update async for update in client.send_message(said("What is the cap?"))]
    assert texts(first.task.history) == ["What is the cap?", "Let me see.", "It is two million."]
    assert texts(update.status_update.status.message for update in later) == ["Let me see.", "It is two million."]
    assert len(await desktop.log()) == 4


async def test_a_stream_ends_with_the_token(world: StoreWorld) -> None:
    async with connected(at_a2a(world, lifetime=1)) as client:
        async with asyncio.timeout(30):
            assert [state(update) for update in await updates(client, SUBSCRIBE)] == ["submitted"]


async def test_after_a_move_the_first_device_reads_and_writes_nothing(world: StoreWorld) -> None:
    desktop = at_a2a(world)
    async with (
        connected(desktop, streaming=False, polling=True) as left,
        connected(desktop.after_move(2), streaming=False, polling=True) as right,
    ):
        await sent(left, said("Begun here."))
        assert texts((await right.get_task(GET)).history) == ["Begun here."]
        late = said("Still here.", message_id="msg-2")
        for write in (sent(left, late), left.cancel_task(CancelTaskRequest(id=TASK))):
            with pytest.raises(UnsupportedOperationError) as fenced:
                await write
            assert fenced.value.data["problem"] == f"{PROBLEM}stale-epoch"
        await sent(right, said("Gone on there."))
        read = await left.get_task(GET)
        assert (texts(read.history), metadata(read)["access"]) == (["Begun here.", "Gone on there."], "read")


async def test_what_the_token_does_not_allow_is_a_challenge(world: StoreWorld) -> None:
    heard: list[httpx.Response] = []
    call_id = await world.device().propose()
    async with connected(at_a2a(world, actions=frozenset({"task:read"})), heard=heard, streaming=False) as client:
        task = await client.get_task(GetTaskRequest(id=TASK, history_length=500))
        assert (state(task), list(task.artifacts)) == ("working", [])
        for refused in (sent(client, said("x")), client.cancel_task(CancelTaskRequest(id=TASK))):
            with pytest.raises(A2AClientError, match="403"):
                await refused
            assert 'error="insufficient_scope"' in heard[-1].headers["WWW-Authenticate"]
    async with connected(at_a2a(world, actions=ACTIONS - {"events:read"})) as client:
        for stream in (client.subscribe(SUBSCRIBE), client.send_message(said("x"))):
            with pytest.raises(A2AClientError, match="403"):
                _ = [update async for update in stream]
    assert (await world.device().read(f"/tool-calls/{call_id}"))["state"] == "approved"
    assert [event["kind"] for event in await world.device().log()] == ["task.created", "tool_call.proposed"]


@pytest.mark.parametrize("task_id", ["tsk_other", "tsk_nobodys", "../events", ""])
async def test_what_is_not_there_and_what_is_anothers_are_the_same(world: StoreWorld, task_id: str) -> None:
    await world.begin("tsk_other")
    async with connected(at_a2a(world)) as client:
        for ask in (
            client.get_task(GetTaskRequest(id=task_id)),
            client.cancel_task(CancelTaskRequest(id=task_id)),
            updates(client, SubscribeToTaskRequest(id=task_id)),
        ):
            with pytest.raises(TaskNotFoundError if task_id else (TaskNotFoundError, InvalidParamsError)):
                await ask


PUSH = TaskPushNotificationConfig(url="https://hears.example/", task_id=TASK)
PUSHING = SendMessageConfiguration(task_push_notification_config=PUSH)


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        (said("x", task_id="tsk_other"), TaskNotFoundError),
        (said("x", context_id="ctx_1"), InvalidParamsError),
        (said("x", reference_task_ids=["tsk_other"]), UnsupportedOperationError),
        (said("x", parts=[Part(url="https://elsewhere.example/x.pdf")]), ContentTypeNotSupportedError),
        (said("x", parts=[Part(text="see"), Part(raw=b"x", filename="x.bin")]), ContentTypeNotSupportedError),
        (said("x", message_id=""), InvalidParamsError),
        (said("x", parts=[]), InvalidParamsError),
        (said("Authorization: eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c3IifQ.c2lnbmF0dXJlLW9mLXRoYXQ"), InvalidParamsError),
        (SendMessageRequest(message=said("x").message, configuration=PUSHING), PushNotificationNotSupportedError),
        (SendMessageRequest(message=said("x").message, tenant="acme"), InvalidParamsError),
    ],
)
async def test_what_does_not_fit_is_refused_and_says_why(
    world: StoreWorld, request_: SendMessageRequest, refusal: type[Exception]
) -> None:
    async with connected(at_a2a(world), streaming=False, polling=True) as client:
        with pytest.raises(refusal):
            await sent(client, request_)
    assert [event["kind"] for event in await world.device().log()] == ["task.created"]


async def test_there_are_neither_push_notifications_nor_a_second_card(world: StoreWorld) -> None:
    async with connected(at_a2a(world)) as client:
        with pytest.raises(PushNotificationNotSupportedError):
            await client.create_task_push_notification_config(PUSH)
        (await client.get_extended_agent_card(GetExtendedAgentCardRequest())).name.index("Segue")
    refused = await post(world, "GetExtendedAgentCard", {})
    assert refused["error"]["code"] == -32004


async def post(world: StoreWorld, method: object, params: object, **members: Any) -> Any:
    """One message that the SDK's client would not send."""
    content = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params, **members})
    return (await ask(world, content)).json()


async def ask(world: StoreWorld, content: str, *, version: str | None = "1.0", **headers: str) -> httpx.Response:
    named = {} if version is None else {"A2A-Version": version}
    transport = httpx.ASGITransport(app=world.app)
    sent_headers = {"Content-Type": "application/json", **named, **headers}
    async with httpx.AsyncClient(transport=transport, auth=Proved(at_a2a(world))) as http:
        return await http.post(A2A, content=content, headers=sent_headers)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("{", -32700),
        ("[]", -32600),
        ('{"id": 1}', -32600),
        ('{"jsonrpc": "2.0", "id": true, "method": "GetTask"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": 7}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {}}', -32601),
        ('{"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": []}', -32602),
        ('{"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": 7}}', -32602),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {"pageSize": 101}}', -32602),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {"statusTimestampAfter": "noon"}}', -32602),
        ('{"jsonrpc": "2.0", "id": 1, "method": "DeleteTaskPushNotificationConfig", "params": {}}', -32003),
    ],
)
async def test_what_is_no_call_is_an_error_of_json_rpc(world: StoreWorld, content: str, code: int) -> None:
    answer = await ask(world, content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (200, code)


@pytest.mark.parametrize(
    ("version", "served"), [("1.0", True), ("1.0.1", True), ("0.3", False), ("1.1", False), (None, False)]
)
async def test_the_version_is_1_0(world: StoreWorld, version: str | None, served: bool) -> None:
    content = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": TASK}})
    answer = (await ask(world, content, version=version)).json()
    assert ("result" in answer) is served
    assert served or answer["error"]["code"] == -32009


async def test_pages_of_other_origins_are_not_served(world: StoreWorld) -> None:
    assert (await ask(world, "{}", Origin="https://elsewhere.example")).status_code == 403
