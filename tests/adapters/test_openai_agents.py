"""Agents of the OpenAI Agents SDK that go from one device to another in the middle of a tool call."""

import asyncio
from collections.abc import Callable
from typing import Any

import mcp
import pytest
from adapters.downstream import Downstream
from agents import (
    Agent,
    FunctionTool,
    ModelProvider,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    Runner,
    function_tool,
    handoff,
)
from agents.exceptions import UserError
from agents.mcp import MCPServer
from agents.models.interface import Model
from agents.testing import ScriptedModel, assistant_message, function_call
from agents.tool import ToolOutputText
from agents.tool_context import ToolContext
from journey import Journey
from segue_adapters.openai_agents import AdvancedTaskSession, TaskMoved, TaskRunner, running
from segue_client.grant import Grant
from segue_client.task_state import TaskState

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]

UNTRACED = RunConfig(tracing_disabled=True)
ASKED = "Compare the cap on liability with our precedents."
FOUND = "The cap is lower than in 38 of 40."
COMPARE = function_call("compare_precedents", {"clause": "7.2"}, call_id="call_7f")

FAILED = "An error occurred while running the tool. Please try again."
EFFECTS = {"compare_precedents": "irreversible"}
Open = Callable[..., TaskRunner]


@pytest.fixture
def opened(journey: Journey) -> Open:
    """What one device of a task runs agents with."""

    def opened(grant: Grant, **how: Any) -> TaskRunner:
        session = AdvancedTaskSession("negotiation", TaskState(grant, store=journey.site.store))
        return TaskRunner(session, journey.task(grant), **how)

    return opened


def reviewer(downstream: Downstream, *answers: Any, **more: Any) -> Agent[Any]:
    """An agent as its author writes it; `answers` are what its model says."""

    @function_tool
    async def compare_precedents(clause: str) -> str:
        run = running()
        assert run is not None
        return str(await downstream.execute(run.downstream_key, f"{clause}: {FOUND}"))

    return Agent(name="reviewer", tools=[compare_precedents], model=ScriptedModel(answers), **more)


def outputs(items: list[Any]) -> list[str]:
    return [item["output"] for item in items if item.get("type") == "function_call_output"]


async def calls(journey: Journey, grant: Grant) -> list[dict[str, Any]]:
    """The task's tool calls, as the store has them."""
    answer = await journey.at_store(grant, "GET", f"/tasks/{grant.task_id}/tool-calls")
    return list(answer.json()["tool_calls"])


def context_of(call_id: str) -> ToolContext[Any]:
    return ToolContext(None, tool_name="compare_precedents", tool_call_id=call_id, tool_arguments="{}")


async def reached(downstream: Downstream, running: "asyncio.Task[Any]") -> None:
    """Wait until the run is in its tool."""
    there = asyncio.ensure_future(downstream.running.wait())
    await asyncio.wait({there, running}, return_when=asyncio.FIRST_COMPLETED)
    there.cancel()
    assert downstream.running.is_set(), running.result()


async def leave(journey: Journey, grant: Grant, downstream: Downstream, running: "asyncio.Task[Any]") -> Grant:
    """The task goes to the phone while the tool runs; the phone's grant."""
    await reached(downstream, running)
    return await journey.hand_over(grant)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_an_agent_goes_on_at_the_phone_and_its_tool_runs_once(
    journey: Journey, opened: Open, *, streamed: bool
) -> None:
    grant, downstream = await journey.begin(), Downstream()
    desktop = opened(grant, lease=1)
    at_desktop = reviewer(downstream, [COMPARE])

    async def at_work() -> Any:
        if not streamed:
            return await desktop.run(at_desktop, ASKED, run_config=UNTRACED)
        async for _ in (result := desktop.run_streamed(at_desktop, ASKED, run_config=UNTRACED)).stream_events():
            pass
        return result

    running = asyncio.ensure_future(at_work())
    there = await leave(journey, grant, downstream, running)
    phone, at_phone = opened(there, lease=1), reviewer(downstream, [assistant_message(FOUND)])
    downstream.running.clear()
    going_on = asyncio.ensure_future(phone.resume(at_phone, run_config=UNTRACED))
    with pytest.raises(TaskMoved):
        await running
    await reached(downstream, going_on)
    downstream.finish()
    result = await going_on

    assert result is not None
    assert result.final_output == FOUND
    assert len(downstream.executed) == 1
    items = await phone.session.get_items()
    assert [item.get("role", item.get("type")) for item in items] == [
        "user",
        "function_call",
        "function_call_output",
        "assistant",
    ]
    assert outputs(items) == [f"7.2: {FOUND}"]
    [call] = await calls(journey, there)
    assert (call["reference"], call["state"], call["attempt"]) == ("call_7f", "succeeded", 2)
    assert await phone.resume(at_phone) is None
    with pytest.raises(TaskMoved):
        await desktop.session.pop_item()
    with pytest.raises(TaskMoved):
        await desktop.run(reviewer(downstream, [COMPARE]), "late", run_config=UNTRACED)
    assert await phone.session.get_items() == items
    assert len(downstream.executed) == 1


async def test_a_tool_call_of_a_device_that_the_task_has_left_is_refused(journey: Journey, opened: Open) -> None:
    grant, downstream = await journey.begin(), Downstream()
    downstream.finish()
    desktop, at_desktop = opened(grant), reviewer(downstream)
    await opened(await journey.hand_over(grant)).session.get_items()
    [tool] = await desktop.in_task(at_desktop).get_all_tools(RunContextWrapper(None))
    assert isinstance(tool, FunctionTool)
    with pytest.raises(TaskMoved):
        await tool.on_invoke_tool(context_of("call_late"), '{"clause": "7.2"}')
    assert downstream.executed == []


async def test_what_a_tool_gave_is_told_again_after_the_turn_was_lost(journey: Journey, opened: Open) -> None:
    """The desktop dies between the end of the tool and the end of the turn."""
    grant, downstream = await journey.begin(), Downstream()
    downstream.finish()
    desktop = opened(grant)

    class Dies(RunHooks[Any]):
        async def on_tool_end(self, *told: Any) -> None:
            raise Died

    with pytest.raises(Died):
        await desktop.run(reviewer(downstream, [COMPARE]), ASKED, run_config=UNTRACED, hooks=Dies())
    phone = opened(await journey.hand_over(grant))
    again = reviewer(downstream, [assistant_message(FOUND)])
    result = await phone.resume(again, run_config=UNTRACED)
    assert result is not None
    assert result.final_output == FOUND
    assert outputs(await phone.session.get_items()) == [f"7.2: {FOUND}"]
    assert len(downstream.asked) == 1
    assert [
        entry async for entry in phone.session.history.state.scan(f"{phone.session.history.keys.base}/answers/")
    ] == []


async def test_whoever_was_handed_the_conversation_goes_on_with_it(journey: Journey, opened: Open) -> None:
    grant, downstream = await journey.begin(), Downstream()
    desktop, phone_says = opened(grant, lease=1), [assistant_message(FOUND)]

    def staff(*lawyer_says: Any) -> Agent[Any]:
        lawyer = reviewer(downstream, *lawyer_says)
        passes = function_call("transfer_to_reviewer", {}, call_id="call_pass")
        return Agent(name="reception", handoffs=[handoff(lawyer)], model=ScriptedModel([[passes]]))

    running = asyncio.ensure_future(desktop.run(staff([COMPARE]), ASKED, run_config=UNTRACED))
    there = await leave(journey, grant, downstream, running)
    downstream.finish()
    phone = opened(there, lease=1)
    result = await phone.resume(staff(phone_says), run_config=UNTRACED)
    await asyncio.gather(running, return_exceptions=True)
    assert result is not None
    assert (result.last_agent.name, result.final_output) == ("reviewer", FOUND)
    assert len(downstream.executed) == 1
    assert result.last_agent is phone.in_task(result.last_agent)


async def test_whoever_spoke_last_goes_on_between_two_turns(journey: Journey, opened: Open) -> None:
    grant, downstream = await journey.begin(), Downstream()
    downstream.finish()
    lawyer = reviewer(downstream, [COMPARE], RuntimeError("away"), [assistant_message(FOUND)])
    passes = function_call("transfer_to_reviewer", {}, call_id="call_pass")
    reception = Agent(name="reception", handoffs=[lawyer], model=ScriptedModel([[passes]]))
    with pytest.raises(RuntimeError, match="away"):
        await opened(grant).run(reception, ASKED, run_config=UNTRACED)
    result = await opened(await journey.hand_over(grant)).resume(reception, run_config=UNTRACED)
    assert result is not None
    assert (result.last_agent.name, result.final_output) == ("reviewer", FOUND)


async def test_a_new_question_is_not_answered_with_what_was_left(journey: Journey, opened: Open) -> None:
    grant, downstream = await journey.begin(), Downstream()
    running = asyncio.ensure_future(
        opened(grant, lease=1).run(reviewer(downstream, [COMPARE]), ASKED, run_config=UNTRACED)
    )
    phone = opened(await leave(journey, grant, downstream, running))
    never_mind = reviewer(downstream, [assistant_message("All right.")])
    result = await phone.run(never_mind, "Never mind.", run_config=UNTRACED)
    downstream.finish()
    await asyncio.gather(running, return_exceptions=True)
    assert result.final_output == "All right."
    assert await phone.resume(never_mind) is None


async def test_a_question_in_another_ones_place_is_answered_anew(journey: Journey, opened: Open) -> None:
    grant, downstream = await journey.begin(), Downstream()
    downstream.finish()

    class Dies(RunHooks[Any]):
        async def on_tool_start(self, *told: Any) -> None:
            raise Died

    with pytest.raises(Died):
        await opened(grant).run(reviewer(downstream, [COMPARE]), ASKED, run_config=UNTRACED, hooks=Dies())
    assert await opened(grant).session.pop_item() is not None
    anew = reviewer(downstream, [assistant_message("Good evening.")])
    result = await opened(grant).run(anew, "Good evening.", run_config=UNTRACED)
    assert (result.final_output, downstream.asked) == ("Good evening.", [])


class TestApproval:
    """`compare_precedents` stands here for what a person has to approve."""

    @pytest.mark.parametrize("said_by", ["the store", "the run"])
    async def test_a_run_that_waits_at_the_desktop_is_approved_and_goes_on_at_the_phone(
        self, journey: Journey, opened: Open, *, said_by: str
    ) -> None:
        grant, downstream = await journey.begin(), Downstream()
        downstream.finish()
        desktop = opened(grant, effects=EFFECTS)
        waits = await desktop.run(reviewer(downstream, [COMPARE]), ASKED, run_config=UNTRACED)
        assert [each.tool_name for each in waits.interruptions] == ["compare_precedents"]
        there = await journey.hand_over(grant)
        phone, at_phone = opened(there, effects=EFFECTS), reviewer(downstream, [assistant_message(FOUND)])
        still = await phone.resume(at_phone, run_config=UNTRACED)
        assert still is not None
        assert (len(still.interruptions), downstream.asked) == (1, [])
        if said_by == "the store":
            [call] = await calls(journey, there)
            await journey.task(there).step(call["call_id"], "approve")
            result = await phone.resume(at_phone, run_config=UNTRACED)
        else:
            state = await phone.paused(at_phone)
            assert state is not None
            state.approve(state.get_interruptions()[0])
            result = await phone.run(at_phone, state, run_config=UNTRACED)
        assert result is not None
        assert result.final_output == FOUND
        assert len(downstream.executed) == 1
        assert outputs(await phone.session.get_items()) == [f"7.2: {FOUND}"]
        [call] = await calls(journey, there)
        assert (call["reference"], call["state"]) == ("call_7f", "succeeded")
        assert await phone.paused(at_phone) is None
        assert await phone.resume(at_phone) is None
        with pytest.raises(TaskMoved):
            await desktop.run(reviewer(downstream, [COMPARE]), "late", run_config=UNTRACED)

    async def test_a_pause_costs_the_same_at_any_depth_and_goes_on_with_all_that_was_said(
        self, journey: Journey, opened: Open
    ) -> None:
        grant, downstream = await journey.begin(), Downstream()
        downstream.finish()
        runner, sizes = opened(grant, effects=EFFECTS), []
        for number in range(2):
            await runner.session.add_items([{"role": "user", "content": f"{number} {'x' * 1000}"}] * 200 * number)
            made = function_call("compare_precedents", {"clause": "7.2"}, call_id=f"call_{number}")
            agent = reviewer(downstream, [made], [assistant_message(FOUND)])
            await runner.run(agent, ASKED, run_config=UNTRACED)
            paused = await runner.session.history.state.get(runner.session.history.keys.paused)
            assert paused is not None
            sizes.append(len(str(paused.value)))
            await runner.session.add_items([{"role": "user", "content": "meanwhile"}])
            if number:
                placed, branch = await runner.session.placed(), await runner.session.current()
                assert await runner.session.replace_last(placed, [{"role": "user", "content": "short"}], branch=branch)
            state = await opened(grant, effects=EFFECTS).paused(agent)
            assert state is not None
            state.approve(state.get_interruptions()[0])
            await runner.run(agent, state, run_config=UNTRACED)
            assert isinstance(agent.model, ScriptedModel)
            assert agent.model.last_call is not None
        assert sizes[1] < sizes[0] * 1.5
        assert len(agent.model.last_call.input) == 5 + 200 + 3

    async def test_a_call_that_was_denied_is_told_to_the_model(self, journey: Journey, opened: Open) -> None:
        grant, downstream = await journey.begin(), Downstream()
        runner = opened(grant, effects=EFFECTS)
        agent = reviewer(downstream, [COMPARE], [assistant_message("Then not.")])
        await runner.run(agent, ASKED, run_config=UNTRACED)
        [call] = await calls(journey, grant)
        await journey.task(grant).step(call["call_id"], "deny", reason="too early")
        result = await runner.resume(agent, run_config=UNTRACED)
        assert result is not None
        assert result.final_output == "Then not."
        assert outputs(await runner.session.get_items()) == ["Tool execution was not approved."]
        assert downstream.executed == []

    async def test_what_is_refused_on_the_run_is_denied_at_the_store(self, journey: Journey, opened: Open) -> None:
        grant, downstream = await journey.begin(), Downstream()
        runner = opened(grant, effects=EFFECTS)
        agent = reviewer(downstream, [COMPARE], [assistant_message("Then not.")])
        waits = await runner.run(agent, ASKED, run_config=UNTRACED)
        state = waits.to_state()
        state.reject(waits.interruptions[0], rejection_message="not now")
        await runner.run(agent, state, run_config=UNTRACED)
        assert outputs(await runner.session.get_items()) == ["not now"]
        assert [call["state"] for call in await calls(journey, grant)] == ["cancelled"]

    async def test_what_a_tool_itself_wants_to_be_asked_is_asked(self, journey: Journey, opened: Open) -> None:
        asked: list[Any] = []

        async def needs(context: Any, arguments: dict[str, Any], call_id: str) -> bool:
            asked.append((arguments, call_id))
            return True

        @function_tool(needs_approval=needs)
        async def sign(page: int) -> str:
            return f"signed {page}"

        model = ScriptedModel([[function_call("sign", {"page": 4}, call_id="call_s")], [assistant_message("Done.")]])
        agent, runner = Agent(name="signer", tools=[sign], model=model), opened(await journey.begin())
        result = await runner.run(agent, "Sign.", run_config=UNTRACED)
        assert (len(result.interruptions), asked) == (1, [({"page": 4}, "call_s")])
        state = await runner.paused(agent)
        assert state is not None
        state.reject(state.get_interruptions()[0], rejection_message="not page 4")
        result = await runner.run(agent, state, run_config=UNTRACED)
        assert (result.final_output, outputs(await runner.session.get_items())) == ("Done.", ["not page 4"])


class TestTools:
    async def run_tools(self, runner: TaskRunner, tools: list[Any], *made: Any, **more: Any) -> list[Any]:
        """What the model is told by the tools of one turn."""
        model = ScriptedModel([list(made), [assistant_message("Done.")]])
        await runner.run(Agent(name="worker", tools=tools, model=model, **more), "Go.", run_config=UNTRACED)
        assert model.last_call is not None
        return [item["output"] for item in model.last_call.input if item.get("type") == "function_call_output"]

    async def test_the_model_is_told_what_the_sdk_would_tell_it(self, journey: Journey, opened: Open) -> None:
        @function_tool
        def gives(what: str) -> Any:
            given = {"number": 4, "data": {"a": [1, None]}, "nothing": None, "object": Opaque(), "text": "x"}
            return [ToolOutputText(text="a"), ToolOutputText(text="b")] if what == "content" else given[what]

        names = ["number", "data", "nothing", "object", "text", "content"]
        made = [function_call("gives", {"what": name}, call_id=f"call_{name}") for name in names]
        told = await self.run_tools(opened(await journey.begin()), [gives], *made)
        plain = Agent(
            name="worker", tools=[gives], model=(model := ScriptedModel([made, [assistant_message("Done.")]]))
        )
        await Runner.run(plain, "Go.", run_config=UNTRACED)
        assert model.last_call is not None
        assert told == [item["output"] for item in model.last_call.input if item.get("type") == "function_call_output"]

    async def test_a_failure_is_told_in_the_tools_own_words_and_known_to_the_store(
        self, journey: Journey, opened: Open
    ) -> None:
        ran: list[str] = []

        def worded(context: Any, error: Exception) -> str:
            return f"worded: {error}"

        @function_tool
        def breaks() -> str:
            ran.append("breaks")
            raise ValueError("no such clause")

        @function_tool(failure_error_function=worded)
        def breaks_too() -> str:
            raise ValueError("no such clause")

        grant = await journey.begin()
        made = [function_call(name, {}, call_id=f"call_{name}") for name in ("breaks", "breaks_too")]
        for _ in range(2):  # told again, not run again
            told = await self.run_tools(opened(grant), [breaks, breaks_too], *made)
            assert told == [FAILED, "worded: no such clause"]
        assert ran == ["breaks"]
        assert {call["state"] for call in await calls(journey, grant)} == {"failed"}

    async def test_a_failure_that_ends_the_run_ends_it(self, journey: Journey, opened: Open) -> None:
        @function_tool(failure_error_function=None)
        def breaks() -> str:
            raise LookupError("no such clause")

        with pytest.raises(UserError, match="no such clause"):
            await self.run_tools(opened(await journey.begin()), [breaks], function_call("breaks", {}, call_id="c"))

    async def test_arguments_that_are_none_run_nothing(self, journey: Journey, opened: Open) -> None:
        grant, downstream = await journey.begin(), Downstream()
        tools = reviewer(downstream).tools
        [told] = await self.run_tools(opened(grant), tools, function_call("compare_precedents", "[", call_id="c"))
        assert told == FAILED
        assert await calls(journey, grant) == []

    async def test_a_tool_of_an_mcp_server_runs_once(self, journey: Journey, opened: Open) -> None:
        grant, server = await journey.begin(), Precedents()
        for _ in range(2):
            made = function_call("find", {"clause": "7.2"}, call_id="call_mcp")
            [told] = await self.run_tools(opened(grant), [], made, mcp_servers=[server])
            assert FOUND in str(told)
        assert server.called == ["find"]
        assert [call["state"] for call in await calls(journey, grant)] == ["succeeded"]

    async def test_an_agent_as_a_tool_is_gone_through_and_keeps_its_answers_to_itself(
        self, journey: Journey, opened: Open
    ) -> None:
        grant, downstream = await journey.begin(), Downstream()
        downstream.finish()
        runner = opened(grant)
        inner = reviewer(downstream, [COMPARE], [assistant_message(FOUND)])
        tool = runner.in_task(inner).as_tool("ask_reviewer", "asks the reviewer")
        asks = function_call("ask_reviewer", {"input": "7.2?"}, call_id="call_ask")
        assert await self.run_tools(runner, [tool], asks) == [FOUND]
        assert [call["reference"] for call in await calls(journey, grant)] == ["call_7f"]
        assert len(await runner.session.get_items()) == 4

    async def test_a_model_by_its_name_is_kept_from_asking_twice_too(self, journey: Journey, opened: Open) -> None:
        grant, downstream = await journey.begin(), Downstream()
        downstream.finish()

        class Provider(ModelProvider):
            def get_model(self, model_name: str | None) -> Model:
                assert model_name == "a-model"
                return model

        model = ScriptedModel([[COMPARE], RuntimeError("away"), [assistant_message(FOUND)]])
        agent = Agent(name="reviewer", tools=reviewer(downstream).tools, model="a-model")
        config, runner = RunConfig(model_provider=Provider(), tracing_disabled=True), opened(grant)

        class Dies(RunHooks[Any]):
            async def on_tool_start(self, *told: Any) -> None:
                raise Died

        with pytest.raises(Died):
            await runner.run(agent, ASKED, run_config=config, hooks=Dies())
        with pytest.raises(RuntimeError, match="away"):
            await opened(grant).resume(agent, run_config=config)
        result = await opened(grant).resume(agent, run_config=config)
        assert result is not None
        assert result.final_output == FOUND
        assert len(model.calls) == 3
        assert len(downstream.asked) == 1


class Precedents(MCPServer):
    """A server with one tool."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[str] = []

    @property
    def name(self) -> str:
        return "precedents"

    async def connect(self) -> None: ...

    async def cleanup(self) -> None: ...

    async def list_prompts(self) -> Any: ...

    async def get_prompt(self, name: str, arguments: Any = None) -> Any: ...

    async def list_tools(self, run_context: Any = None, agent: Any = None) -> list[mcp.types.Tool]:
        return [mcp.types.Tool(name="find", inputSchema={"type": "object", "properties": {}})]

    async def call_tool(self, tool_name: str, arguments: Any, meta: Any = None) -> mcp.types.CallToolResult:
        self.called.append(tool_name)
        return mcp.types.CallToolResult(content=[mcp.types.TextContent(type="text", text=FOUND)])


class Died(BaseException):
    """Nothing that is done about errors is done."""


class Opaque:
    def __str__(self) -> str:
        return "something of its own"
