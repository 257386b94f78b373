"""Tool calls of an unchanged ADK agent that go through the task: once, with what they did by their context."""

import ast
import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from adapters.adk_world import (
    NAMES,
    SESSION,
    USER,
    agent,
    answer,
    at_device,
    calls,
    drained,
    message,
    responses,
    runner,
    says,
    texts,
)
from adapters.downstream import Downstream
from google.adk.agents.llm_agent import LlmAgent
from google.adk.apps.app import App, ResumabilityConfig
from google.adk.events.event import Event
from google.adk.flows.llm_flows.functions import REQUEST_CONFIRMATION_FUNCTION_CALL_NAME
from google.adk.runners import Runner
from google.adk.sessions.in_memory_session_service import InMemorySessionService
from google.adk.tools.agent_tool import AgentTool
from google.adk.tools.function_tool import FunctionTool
from google.adk.tools.long_running_tool import LongRunningFunctionTool
from google.adk.tools.tool_context import ToolContext
from google.adk.workflow import START, Workflow, node
from google.genai import types
from journey import Journey
from segue_adapters import google_adk
from segue_adapters.running import running
from segue_client.grant import Grant
from segue_client.task_client import TaskClient
from segue_client.task_state import TaskState
from segue_client.tool_runs import InDoubt, Lost

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.requirement("E2", "R62"),
    # ADK says so of what every resumable app uses
    pytest.mark.filterwarnings(r"ignore:\[EXPERIMENTAL\] ResumabilityConfig:UserWarning"),
]

COMPARE = [[calls("compare", clause="7.2")], says("It is like the others.")]
RESULT = {"like": 38, "of": 40}


@pytest.fixture
async def grant(journey: Journey) -> Grant:
    return await journey.begin()


async def started(runner: Runner, text: str = "Compare clause 7.2") -> list[Event]:
    return await drained(runner.run_async(user_id=USER, session_id=SESSION, new_message=message(text)))


async def resumed(runner: Runner, invocation_id: str) -> list[Event]:
    return await drained(runner.run_async(user_id=USER, session_id=SESSION, invocation_id=invocation_id))


async def replied(runner: Runner, content: types.Content) -> list[Event]:
    return await drained(runner.run_async(user_id=USER, session_id=SESSION, new_message=content))


async def kept(runner: Runner) -> list[Event]:
    session = await runner.session_service.get_session(**NAMES)
    assert session is not None
    return session.events


def comparing(downstream: Downstream) -> Callable[[], LlmAgent]:
    async def compare(clause: str, tool_context: ToolContext) -> dict[str, Any]:
        """Compare a clause with our precedents."""
        run = running()
        assert run is not None
        result = await downstream.execute(run.downstream_key, RESULT)
        tool_context.state["compared"] = clause
        return dict(result)

    return lambda: agent(COMPARE, compare)


async def test_begun_at_one_device_with_a_call_in_flight_the_agent_goes_on_at_the_next(
    journey: Journey, grant: Grant
) -> None:
    downstream = Downstream()
    make, store = comparing(downstream), journey.site.store
    desktop = at_device(grant, store, make)
    at_desktop = asyncio.create_task(started(desktop))
    await downstream.running.wait()

    phone = at_device(await journey.hand_over(grant), store, make)
    interrupted = await kept(phone)
    assert [event.author for event in interrupted] == ["user", "lawyer"]
    downstream.running.clear()
    at_phone = asyncio.create_task(resumed(phone, interrupted[-1].invocation_id))
    await downstream.running.wait()
    downstream.finish()

    await at_phone
    with pytest.raises(Lost):
        await at_desktop
    with pytest.raises(Lost):
        await started(desktop, "And clause 8?")
    assert len(downstream.executed) == 1
    assert len(downstream.asked) == 2
    session = await phone.session_service.get_session(**NAMES)
    assert session is not None
    assert responses(session.events) == [RESULT]
    assert session.state == {"compared": "7.2"}
    assert texts(session.events) == ["Compare clause 7.2", "It is like the others."]


async def test_a_call_that_has_run_answers_the_next_device_with_its_result_and_what_it_did(
    journey: Journey, grant: Grant
) -> None:
    ran: list[str] = []

    def make() -> LlmAgent:
        def compare(clause: str, tool_context: ToolContext) -> dict[str, Any]:
            """Compare a clause with our precedents."""
            ran.append(clause)
            tool_context.state.update({"compared": clause, "temp:draft": "x"})
            tool_context.actions.artifact_delta["table"] = 3
            return {"of": (1, 2), "page": types.Part.from_bytes(data=b"\x00\xff", mime_type="image/png")}

        def before(tool: Any, args: dict[str, Any], tool_context: ToolContext) -> None:
            tool_context.state["seen"] = True

        return agent(COMPARE, compare, before_tool_callback=before)

    desktop = at_device(grant, journey.site.store, make)
    first = await _without_its_answer(desktop)
    phone = at_device(await journey.hand_over(grant), journey.site.store, make)
    events = await resumed(phone, first[-1].invocation_id)
    assert ran == ["7.2"]
    answered = next(event for event in events if event.get_function_responses())
    response = answered.get_function_responses()[0]
    assert response.response == {"of": [1, 2]}
    assert [part.inline_data.data for part in response.parts or [] if part.inline_data] == [b"\x00\xff"]
    assert answered.actions.state_delta == {"seen": True, "compared": "7.2"}
    (call,) = await _calls(journey, grant)
    assert call["result"]["actions"] == {"state_delta": {"compared": "7.2"}, "artifact_delta": {"table": 3}}
    assert answered.actions.artifact_delta == {"table": 3}


async def _without_its_answer(desktop: Runner) -> list[Event]:
    """A run that ends, as a device does, after the tool has run and before the session has what it gave."""

    class Ended(Exception):
        pass

    append = desktop.session_service.append_event

    async def append_event(session: Any, event: Event) -> Event:
        if event.get_function_responses():
            raise Ended
        return await append(session, event)

    desktop.session_service.append_event = append_event  # type: ignore[method-assign]
    with pytest.raises(Ended):
        await started(desktop)
    return await kept(desktop)


async def test_a_large_result_is_kept_beside_its_call(journey: Journey, grant: Grant) -> None:
    ran: list[str] = []

    def make() -> LlmAgent:
        def compare(clause: str) -> str:
            """Compare a clause with our precedents."""
            ran.append(clause)
            return clause * 200_000

        return agent(COMPARE, compare)

    desktop = at_device(grant, journey.site.store, make)
    first = await _without_its_answer(desktop)
    again = at_device(grant, journey.site.store, make)
    assert responses(await resumed(again, first[-1].invocation_id)) == [{"result": "7.2" * 200_000}]
    assert ran == ["7.2"]


async def test_what_cannot_be_taken_back_is_confirmed_by_a_person_and_may_be_at_another_device(
    journey: Journey, grant: Grant
) -> None:
    sent: list[str] = []

    def make() -> LlmAgent:
        def send(to: str) -> str:
            """Send the contract."""
            sent.append(to)
            return "sent"

        return agent([[calls("send", to="acme")], says("It is sent."), says("It is not sent.")], send)

    effects = {"send": "irreversible"}
    desktop = at_device(grant, journey.site.store, make, effects=effects)
    asked = _confirmation(await started(desktop))
    phone = at_device(await journey.hand_over(grant), journey.site.store, make, effects=effects)
    assert _confirmation(await kept(phone)) == asked
    assert sent == []
    events = await replied(phone, answer(asked, REQUEST_CONFIRMATION_FUNCTION_CALL_NAME, {"confirmed": True}))
    assert sent == ["acme"]
    assert responses(events) == [{"result": "sent"}]
    assert texts(events)


async def test_what_a_person_rejects_does_not_run_and_meanwhile_the_model_is_not_asked(
    journey: Journey, grant: Grant
) -> None:
    def send(to: str) -> str:
        """Send the contract."""
        raise AssertionError(to)

    script = [[calls("send", to="acme")], says("one"), says("two")]
    effects = {"send": "irreversible"}
    desktop = at_device(grant, journey.site.store, lambda: agent(script, send), effects=effects, resumable=False)
    waiting = await started(desktop)
    assert texts(waiting) == []
    rejected = answer(_confirmation(waiting), REQUEST_CONFIRMATION_FUNCTION_CALL_NAME, {"confirmed": False})
    assert responses(await replied(desktop, rejected)) == [{"error": "This tool call is rejected."}]


async def test_a_decision_that_somebody_made_a_moment_ago_counts(
    journey: Journey, grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(to: str) -> str:
        """Send the contract."""
        raise AssertionError(to)

    script = [[calls("send", to="acme")], says("one"), says("two")]
    desktop = at_device(grant, journey.site.store, lambda: agent(script, send), effects={"send": "irreversible"})
    asked = _confirmation(await started(desktop))
    step = TaskClient.step

    async def beaten(task: TaskClient, call_id: str, verb: str, **members: Any) -> Any:
        if verb == "approve":
            await step(task, call_id, "deny", reason="no")
        return await step(task, call_id, verb, **members)

    monkeypatch.setattr(TaskClient, "step", beaten)
    events = await replied(desktop, answer(asked, REQUEST_CONFIRMATION_FUNCTION_CALL_NAME, {"confirmed": True}))
    assert responses(events) == [{"error": "This tool call is rejected."}]


def _confirmation(events: list[Event]) -> str:
    """The id of the call with which ADK asks the person."""
    (asked,) = [
        call
        for event in events
        for call in event.get_function_calls()
        if call.name == REQUEST_CONFIRMATION_FUNCTION_CALL_NAME
    ]
    assert asked.id
    return asked.id


async def test_a_call_that_was_approved_elsewhere_runs_when_it_is_resumed(journey: Journey, grant: Grant) -> None:
    sent: list[str] = []

    def send(to: str) -> str:
        """Send the contract."""
        sent.append(to)
        return "sent"

    script = [[calls("send", to="acme")], says("It is sent."), says("It is sent.")]
    desktop = at_device(grant, journey.site.store, lambda: agent(script, send), effects={"send": "irreversible"})
    asked = _confirmation(await started(desktop))
    (call,) = await _calls(journey, grant)
    await journey.task(grant).step(call["call_id"], "approve")
    await replied(desktop, answer(asked, REQUEST_CONFIRMATION_FUNCTION_CALL_NAME, {"confirmed": True}))
    assert sent == ["acme"]


async def test_a_tool_that_asks_by_itself_runs_again_once_it_is_confirmed(journey: Journey, grant: Grant) -> None:
    runs: list[bool] = []

    def book(room: str, tool_context: ToolContext) -> dict[str, Any]:
        """Book a room."""
        runs.append(tool_context.tool_confirmation is not None)
        if tool_context.tool_confirmation is None:
            tool_context.request_confirmation(hint="Book it?")
            tool_context.actions.skip_summarization = True
            return {"status": "asked"}
        return {"status": "booked"}

    script = [[calls("book", room="1")], says("Booked."), says("Booked.")]
    desktop = at_device(grant, journey.site.store, lambda: agent(script, book))
    asked = _confirmation(await started(desktop))
    events = await replied(desktop, answer(asked, REQUEST_CONFIRMATION_FUNCTION_CALL_NAME, {"confirmed": True}))
    assert runs == [False, True]
    assert responses(events) == [{"status": "booked"}]


async def test_adks_own_confirmation_comes_before_the_call(journey: Journey, grant: Grant) -> None:
    sent: list[str] = []

    def send(to: str) -> str:
        """Send the contract."""
        sent.append(to)
        return "sent"

    tool = FunctionTool(send, require_confirmation=True)
    script = [[calls("send", to="acme")], says("It is sent."), says("It is sent.")]
    desktop = at_device(grant, journey.site.store, lambda: agent(script, tool), effects={"send": "irreversible"})
    asked = _confirmation(await started(desktop))
    assert await _calls(journey, grant) == []
    events = await replied(desktop, answer(asked, REQUEST_CONFIRMATION_FUNCTION_CALL_NAME, {"confirmed": True}))
    assert (sent, responses(events)) == (["acme"], [{"result": "sent"}])


async def test_a_long_running_call_is_answered_at_the_next_device(journey: Journey, grant: Grant) -> None:
    asked: list[str] = []

    def make() -> LlmAgent:
        def ask_counsel(question: str) -> dict[str, Any]:
            """Ask counsel, who answers later."""
            asked.append(question)
            return {"status": "pending"}

        script = [[calls("ask_counsel", question="?")], says("Counsel agrees."), says("Counsel agrees.")]
        return agent(script, LongRunningFunctionTool(ask_counsel))

    desktop = at_device(grant, journey.site.store, make)
    (call_id,) = {its for event in await started(desktop) for its in event.long_running_tool_ids or ()}
    phone = at_device(await journey.hand_over(grant), journey.site.store, make)
    events = await replied(phone, answer(call_id, "ask_counsel", {"status": "agreed"}))
    assert asked == ["?"]
    assert texts(events) == ["Counsel agrees."]
    assert responses(await kept(phone)) == [{"status": "pending"}, {"status": "agreed"}]
    with pytest.raises(Lost):
        await replied(desktop, answer(call_id, "ask_counsel", {"status": "refused"}))


async def test_callbacks_of_the_agent_see_a_tool_as_ever(journey: Journey, grant: Grant) -> None:
    seen: list[str] = []

    class Closed(Exception):
        pass

    def compare(clause: str) -> str:
        """Compare a clause with our precedents."""
        raise Closed(clause)

    def before(tool: Any, args: dict[str, Any], tool_context: ToolContext) -> dict[str, Any] | None:
        args["clause"] += "!"
        seen.append("before")
        return None

    def failed(tool: Any, args: dict[str, Any], tool_context: ToolContext, error: Exception) -> dict[str, Any]:
        seen.append(f"{type(error).__name__} {error}")
        return {"error": "closed today"}

    def make() -> LlmAgent:
        return agent(COMPARE, compare, before_tool_callback=before, on_tool_error_callback=failed)

    assert responses(await started(at_device(grant, journey.site.store, make))) == [{"error": "closed today"}]
    assert seen == ["before", "Closed 7.2!"]


async def test_of_what_may_have_happened_nobody_says_it_did_not(journey: Journey, grant: Grant) -> None:
    downstream = Downstream()
    effects = {"compare": "irreversible"}
    make, store = comparing(downstream), journey.site.store
    desktop = at_device(grant, store, make, effects=effects)
    asked = _confirmation(await started(desktop))
    confirmed = answer(asked, REQUEST_CONFIRMATION_FUNCTION_CALL_NAME, {"confirmed": True})
    at_desktop = asyncio.create_task(replied(desktop, confirmed))
    await downstream.running.wait()
    phone = at_device(await journey.hand_over(grant), store, make, effects=effects)
    with pytest.raises(InDoubt):
        await resumed(phone, (await kept(phone))[-1].invocation_id)
    assert len(downstream.asked) == 1
    at_desktop.cancel()
    await asyncio.gather(at_desktop, return_exceptions=True)


async def test_an_app_without_the_plugin_uses_the_same_tool_as_ever(journey: Journey, grant: Grant) -> None:
    ran: list[Any] = []

    def compare(clause: str) -> str:
        """Compare a clause with our precedents."""
        ran.append(running())
        return clause

    tool = FunctionTool(compare)
    await started(at_device(grant, journey.site.store, lambda: agent(COMPARE, tool)))
    await started(runner(agent(COMPARE, tool), InMemorySessionService()))
    assert [run is None for run in ran] == [False, True]


async def test_a_tool_that_calls_another_itself_is_one_call(journey: Journey, grant: Grant) -> None:
    def compare(clause: str) -> str:
        """Compare a clause with our precedents."""
        return clause

    inner = FunctionTool(compare)

    async def compare_twice(clause: str, tool_context: ToolContext) -> list[Any]:
        """Compare a clause and the next one."""
        return [await inner.run_async(args={"clause": its}, tool_context=tool_context) for its in (clause, "next")]

    script = [[calls("compare", clause="1")], [calls("compare_twice", clause="2")], says("Compared.")]
    desktop = at_device(grant, journey.site.store, lambda: agent(script, inner, compare_twice))
    assert responses(await started(desktop)) == [{"result": "1"}, {"result": ["2", "next"]}]
    assert [call["tool"] for call in await _calls(journey, grant)] == ["compare_twice", "compare"]


async def test_parallel_calls_run_once_each_and_those_that_had_run_do_not_run_again(
    journey: Journey, grant: Grant
) -> None:
    ran: list[str] = []
    downstream = Downstream()

    def make() -> LlmAgent:
        async def compare(clause: str) -> str:
            """Compare a clause with our precedents."""
            ran.append(clause)
            if clause == "slow":
                await downstream.execute("slow", None)
            return clause

        two = [calls("compare", clause="fast"), calls("compare", clause="slow")]
        return agent([two, says("Both are compared.")], compare)

    desktop = at_device(grant, journey.site.store, make)
    at_desktop = asyncio.create_task(started(desktop))
    await downstream.running.wait()
    await _one_succeeds(journey, grant)
    phone = at_device(await journey.hand_over(grant), journey.site.store, make)
    interrupted = await kept(phone)
    downstream.finish()
    await resumed(phone, interrupted[-1].invocation_id)
    with pytest.raises(Lost):
        await at_desktop
    assert sorted(ran) == ["fast", "slow", "slow"]
    assert responses(await kept(phone)) == [{"result": "fast"}, {"result": "slow"}]


async def _one_succeeds(journey: Journey, grant: Grant) -> None:
    for _ in range(500):
        if any(call["state"] == "succeeded" for call in await _calls(journey, grant)):
            return
        await asyncio.sleep(0.01)
    raise AssertionError


async def _calls(journey: Journey, grant: Grant) -> list[dict[str, Any]]:
    """The task's tool calls, newest first."""
    found = await journey.at_store(grant, "GET", f"/tasks/{grant.task_id}/tool-calls")
    return list(found.json()["tool_calls"])


async def test_a_session_is_rewound_and_goes_on_from_there(journey: Journey, grant: Grant) -> None:
    def make() -> LlmAgent:
        def note(text: str, tool_context: ToolContext) -> str:
            """Note something."""
            tool_context.state["noted"] = text
            return "noted"

        return agent([[calls("note", text="a")], says("one"), [calls("note", text="b")], says("two")], note)

    desktop = at_device(grant, journey.site.store, make)
    await started(desktop, "a")
    second = await started(desktop, "b")
    await desktop.rewind_async(user_id=USER, session_id=SESSION, rewind_before_invocation_id=second[0].invocation_id)
    phone = at_device(await journey.hand_over(grant), journey.site.store, make)
    session = await phone.session_service.get_session(**NAMES)
    assert session is not None
    assert session.state == {"noted": "a"}
    again = await started(phone, "b, once more")
    assert texts(again) == ["two"]


async def test_an_agent_that_was_handed_over_to_goes_on_at_the_next_device(journey: Journey, grant: Grant) -> None:
    downstream = Downstream()

    def make() -> LlmAgent:
        async def compare(clause: str) -> dict[str, Any]:
            """Compare a clause with our precedents."""
            return dict(await downstream.execute("key", RESULT))

        helper = agent(COMPARE, compare, name="helper")
        return agent([[calls("transfer_to_agent", agent_name="helper")]], sub_agents=[helper])

    desktop = at_device(grant, journey.site.store, make)
    at_desktop = asyncio.create_task(started(desktop))
    await downstream.running.wait()
    phone = at_device(await journey.hand_over(grant), journey.site.store, make)
    interrupted = await kept(phone)
    downstream.finish()
    await resumed(phone, interrupted[-1].invocation_id)
    with pytest.raises(Lost):
        await at_desktop
    assert [call["tool"] for call in await _calls(journey, grant)] == ["compare"]
    spoken = [(event.author, text) for event in await kept(phone) for text in texts([event])]
    assert spoken == [("user", "Compare clause 7.2"), ("helper", "It is like the others.")]


@pytest.mark.filterwarnings("ignore:The `plugins` argument is deprecated:DeprecationWarning")  # by ADK's own AgentTool
async def test_of_an_agent_that_is_a_tool_the_tools_run_once(journey: Journey, grant: Grant) -> None:
    def compare(clause: str) -> str:
        """Compare a clause with our precedents."""
        return clause

    inner = AgentTool(agent(COMPARE, compare, name="helper", description="Compares."))
    script = [[calls("helper", request="7.2")], says("It is compared.")]
    events = await started(at_device(grant, journey.site.store, lambda: agent(script, inner)))
    assert texts(events)[-1] == "It is compared."
    assert [call["tool"] for call in await _calls(journey, grant)] == ["compare"]


async def test_a_model_may_give_two_calls_of_its_task_the_same_id(journey: Journey, grant: Grant) -> None:
    days = iter(["Monday", "Tuesday"])

    def today() -> str:
        """What day it is."""
        return next(days)

    first = types.Part(function_call=types.FunctionCall(id="call_0", name="today", args={}))
    desktop = at_device(grant, journey.site.store, lambda: agent([[first], says("1"), [first], says("2")], today))
    given = [*await started(desktop), *await started(desktop, "And now?")]
    assert responses(given) == [{"result": "Monday"}, {"result": "Tuesday"}]


async def test_an_id_that_is_no_reference_is_none(journey: Journey, grant: Grant) -> None:
    def today() -> str:
        """What day it is."""
        return "Monday"

    first = types.Part(function_call=types.FunctionCall(id="Ärger mit " + "x" * 300, name="today", args={}))
    desktop = at_device(grant, journey.site.store, lambda: agent([[first], says("1")], today))
    assert responses(await started(desktop)) == [{"result": "Monday"}]


async def test_what_was_denied_elsewhere_does_not_run_however_it_is_confirmed(journey: Journey, grant: Grant) -> None:
    def send(to: str) -> str:
        """Send the contract."""
        raise AssertionError(to)

    script = [[calls("send", to="acme")], says("one"), says("two")]
    desktop = at_device(grant, journey.site.store, lambda: agent(script, send), effects={"send": "irreversible"})
    asked = _confirmation(await started(desktop))
    (call,) = await _calls(journey, grant)
    await journey.task(grant).step(call["call_id"], "deny", reason="no")
    events = await replied(desktop, answer(asked, REQUEST_CONFIRMATION_FUNCTION_CALL_NAME, {"confirmed": True}))
    assert responses(events) == [{"error": "This tool call is rejected."}]


async def test_a_tool_that_is_a_node_of_a_workflow_is_gone_on_with_too(journey: Journey, grant: Grant) -> None:
    downstream = Downstream()

    def make() -> Workflow:
        async def compare(clause: str) -> dict[str, Any]:
            """Compare a clause with our precedents."""
            run = running()
            assert run is not None
            return dict(await downstream.execute(run.downstream_key, RESULT))

        return Workflow(name="flow", edges=[(START, node(FunctionTool(compare)))])

    desktop = at_device(grant, journey.site.store, make)
    at_desktop = asyncio.create_task(started(desktop, "7.2"))
    await downstream.running.wait()
    phone = at_device(await journey.hand_over(grant), journey.site.store, make)
    interrupted = await kept(phone)
    downstream.running.clear()
    at_phone = asyncio.create_task(resumed(phone, interrupted[-1].invocation_id))
    await downstream.running.wait()
    downstream.finish()
    assert [event.output for event in await at_phone if event.output] == [RESULT]
    with pytest.raises(Lost):
        await at_desktop
    assert (len(downstream.executed), len(downstream.asked)) == (1, 2)


async def test_the_readme_says_what_runs(journey: Journey, grant: Grant) -> None:
    readme = (Path(google_adk.__path__[0]) / "README.md").read_text("utf-8")
    made, resume = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    script = [says("Yes."), says("As I said.")]
    names = {**vars(google_adk), "TaskState": TaskState, "App": App, "Runner": Runner}
    names |= {"ResumabilityConfig": ResumabilityConfig, "store": journey.site.store}
    at_desktop = {**names, "grant": grant, "agent": agent(script)}
    await _run(made, at_desktop)
    await drained(at_desktop["runner"].run_async(user_id="ada", session_id="7", new_message=message("Is it?")))
    at_phone = {**names, "grant": await journey.hand_over(grant), "agent": agent(script)}
    await _run(made, at_phone)
    await _run(resume, at_phone)
    assert texts(at_phone["session"].events) == ["Is it?", "Yes."]


async def _run(lines: str, names: dict[str, Any]) -> None:
    code = compile(lines, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if (waited := eval(code, names)) is not None:
        await waited
