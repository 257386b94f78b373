"""The Claude Agent SDK in a task, with the real Claude Code of its wheel: an agent on its way to another device."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from adapters.downstream import Downstream
from adapters.scripted_claude import ScriptedClaude, scripted_claude, text, tool_use
from claude_agent_sdk import (
    ClaudeAgentOptions,
    HookMatcher,
    Message,
    MirrorErrorMessage,
    ResultMessage,
    SystemMessage,
    create_sdk_mcp_server,
    query,
    tool,
)
from journey import Journey
from segue_adapters.claude_agent import Moved, TaskSessions, in_task, running
from segue_adapters.claude_agent.transcript import INTERRUPTED
from segue_client.grant import Grant
from segue_client.task_state import TaskState
from segue_client.tool_runs import Lost, ToolRuns

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]
COMPARE = "mcp__archive__compare"


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[ScriptedClaude]:
    with scripted_claude(tmp_path / "desktop") as model:
        yield model
        assert model.strayed == []


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[ScriptedClaude]:
    with scripted_claude(tmp_path / "phone") as model:
        yield model
        assert model.strayed == []


@pytest.fixture
async def downstream() -> AsyncIterator[Downstream]:
    made = Downstream()
    yield made
    made.finish()


class Agent:
    """The agent as it is installed on every device, in the task of one grant."""

    def __init__(
        self,
        journey: Journey,
        grant: Grant,
        model: ScriptedClaude,
        downstream: Downstream,
        *,
        lease: int = 30,
        effects: dict[str, str] | None = None,
    ) -> None:
        @tool("compare", "Compares a clause with our precedents", {"clause": str})
        async def compare(arguments: dict[str, Any]) -> dict[str, Any]:
            run = running()
            assert run is not None
            found = await downstream.execute(run.downstream_key, f"{arguments['clause']}: seven of forty agree")
            return {"content": [{"type": "text", "text": found}]}

        @tool("fail", "Fails", {})
        async def fail(arguments: dict[str, Any]) -> dict[str, Any]:
            downstream.asked.append("fail")
            raise OSError("the archive is closed")

        self.model = model
        self.sessions = TaskSessions(TaskState(grant, store=journey.site.store), project="review")
        self.runs = ToolRuns(journey.task(grant), lease=lease)
        self.heard: list[Message] = []
        self.plain = ClaudeAgentOptions(
            cwd=model.directory,
            env=model.environment,
            mcp_servers={"archive": create_sdk_mcp_server("archive", tools=[compare, fail])},
            allowed_tools=["mcp__archive"],
            tools=["Bash"],
            setting_sources=[],
            system_prompt="You compare clauses.",
            model="claude-sonnet-4-5",
        )
        self.options = in_task(self.plain, sessions=self.sessions, runs=self.runs, effects=effects)

    async def ask(self, prompt: str, **options: Any) -> ResultMessage:
        for name, value in options.items():
            setattr(self.options, name, value)
        async for message in query(prompt=prompt, options=self.options):
            self.heard.append(message)
        return [message for message in self.heard if isinstance(message, ResultMessage)][-1]

    @property
    def session_id(self) -> str:
        told = next(message for message in self.heard if isinstance(message, SystemMessage))
        return str(told.data["session_id"])


async def test_an_agent_goes_on_at_the_next_device_and_its_tool_runs_once(
    journey: Journey, desktop: ScriptedClaude, phone: ScriptedClaude, downstream: Downstream
) -> None:
    a = await journey.begin()
    at_a = Agent(journey, a, desktop, downstream, lease=5)
    desktop.answers += [[text("I look."), tool_use("toolu_1", COMPARE, clause="7.2")], [text("never said")]]
    working = asyncio.create_task(at_a.ask("Compare 7.2"))
    await asyncio.wait_for(downstream.running.wait(), 20)

    b = await journey.hand_over(a)
    at_b = Agent(journey, b, phone, downstream)
    phone.answers += [[text("Seven of forty agree.")], [text("Nothing more.")]]
    going_on = asyncio.create_task(at_b.ask("Go on", resume=at_a.session_id))
    async with asyncio.timeout(30):
        while len(downstream.asked) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    downstream.finish()
    await asyncio.wait_for(going_on, 30)

    (result,) = phone.results()
    assert result["tool_use_id"] == "toolu_1"
    assert "7.2: seven of forty agree" in str(result["content"])
    assert str(phone.asked[-1]).count("7.2: seven of forty agree") == 1
    assert INTERRUPTED not in str(phone.asked)
    assert len(set(downstream.executed)) == len(downstream.executed) == 1

    ended = await asyncio.wait_for(working, 30)  # A is fenced, and goes no further
    assert ended.terminal_reason == "hook_stopped"
    assert desktop.answers == [[text("never said")]]
    assert any(isinstance(message, MirrorErrorMessage) for message in at_a.heard)
    with pytest.raises(Moved):
        await at_a.sessions.append({"project_key": "p", "session_id": at_a.session_id}, [{"type": "late"}])
    with pytest.raises(Lost):
        await at_a.runs.run("toolu_2", _never, tool=COMPARE, arguments={})


async def _never(run: Any) -> Any:
    raise AssertionError(run)


async def test_calls_that_were_interrupted_together_run_once_when_the_model_asks_again(
    journey: Journey, desktop: ScriptedClaude, phone: ScriptedClaude, downstream: Downstream
) -> None:
    a = await journey.begin()
    at_a = Agent(journey, a, desktop, downstream, lease=5)
    both = [tool_use("toolu_1", COMPARE, clause="7.2"), tool_use("toolu_2", COMPARE, clause="7.3")]
    desktop.answers.append(both)
    working = asyncio.create_task(at_a.ask("Compare 7.2"))
    await asyncio.wait_for(downstream.running.wait(), 20)
    working.cancel()  # the agent's process ends, and the person goes on elsewhere
    await asyncio.gather(working, return_exceptions=True)

    b = await journey.hand_over(a)
    at_b = Agent(journey, b, phone, downstream)
    again = [tool_use("toolu_3", COMPARE, clause="7.3"), tool_use("toolu_4", COMPARE, clause="7.2")]
    phone.answers += [again, [text("Done.")], [tool_use("toolu_5", COMPARE, clause="7.2")], [text("Done.")]]
    downstream.finish()
    await at_b.ask("Go on", resume=at_a.session_id)
    told = {each["tool_use_id"]: str(each["content"]) for each in phone.results()}
    assert "7.3: seven of forty agree" in told["toolu_3"]
    assert "7.2: seven of forty agree" in told["toolu_4"]
    assert len(downstream.executed) == 2
    assert {call["reference"] for call in await _calls(journey, b)} == {"toolu_1", "toolu_2"}

    await at_b.ask("Once more")  # what has been answered is a new call when it is asked for again
    assert len(downstream.executed) == 3


async def _calls(journey: Journey, grant: Grant) -> list[Any]:
    answer = await journey.at_store(grant, "GET", f"/tasks/{grant.task_id}/tool-calls")
    return list(answer.json()["tool_calls"])


async def test_a_call_that_a_person_has_to_approve_waits_for_them_on_any_device(
    journey: Journey, desktop: ScriptedClaude, phone: ScriptedClaude, downstream: Downstream
) -> None:
    downstream.finish()
    effects = {COMPARE: "irreversible"}
    a = await journey.begin()
    at_a = Agent(journey, a, desktop, downstream, effects=effects)
    desktop.answers.append([tool_use("toolu_1", COMPARE, clause="7.2")])
    paused = await at_a.ask("Compare 7.2")
    assert paused.deferred_tool_use is not None
    assert (paused.deferred_tool_use.id, downstream.executed) == ("toolu_1", [])

    b = await journey.hand_over(a)
    (call,) = await _calls(journey, b)
    await journey.task(b).step(call["call_id"], "approve")
    at_b = Agent(journey, b, phone, downstream, effects=effects)
    phone.answers += [[text("Seven.")], [text("Nothing more.")]]
    await at_b.ask("Go on", resume=at_a.session_id)
    (result,) = phone.results()
    assert (result["tool_use_id"], len(downstream.executed)) == ("toolu_1", 1)


async def test_the_newest_session_goes_on_without_being_named(
    journey: Journey, desktop: ScriptedClaude, phone: ScriptedClaude, downstream: Downstream
) -> None:
    downstream.finish()
    a = await journey.begin()
    at_a = Agent(journey, a, desktop, downstream)
    desktop.answers += [[tool_use("toolu_1", "mcp__archive__fail")], [text("The archive is closed.")]]
    await at_a.ask("Remember the blue folder")
    (failed,) = desktop.results()
    assert (failed["is_error"], "the archive is closed" in str(failed["content"])) == (True, True)

    b = await journey.hand_over(a)
    at_b = Agent(journey, b, phone, downstream)
    phone.answers.append([text("The blue one.")])
    ended = await at_b.ask("Which folder?", continue_conversation=True)
    assert ended.session_id == at_a.session_id
    assert "Remember the blue folder" in str(phone.asked[0])
    (call,) = await _calls(journey, b)
    assert (call["state"], downstream.asked) == ("failed", ["fail"])


async def test_a_device_whose_task_has_moved_on_starts_no_tool_of_any_kind(
    journey: Journey, desktop: ScriptedClaude, downstream: Downstream
) -> None:
    a = await journey.begin()
    at_a = Agent(journey, a, desktop, downstream)
    marker = desktop.directory / "written"
    desktop.answers += [[tool_use("toolu_1", "Bash", command=f"touch '{marker}'")], [text("never said")]]
    at_a.sessions.moved = True
    at_a.options.hooks = {**(at_a.options.hooks or {}), "UserPromptSubmit": []}  # they would stop it before
    ended = await at_a.ask("Write it", permission_mode="acceptEdits", allowed_tools=["Bash"])
    assert (ended.terminal_reason, marker.exists()) == ("hook_stopped", False)
    at_a.options = in_task(at_a.plain, sessions=at_a.sessions, runs=at_a.runs)
    await at_a.ask("And now?")
    assert len(desktop.asked) == 1


async def test_a_call_that_could_not_be_kept_is_not_run(
    journey: Journey, desktop: ScriptedClaude, downstream: Downstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    downstream.finish()
    monkeypatch.setattr("segue_adapters.claude_agent.sessions.WRITTEN", 0.5)
    a = await journey.begin()
    at_a = Agent(journey, a, desktop, downstream)

    async def broken(key: Any, entries: Any) -> None:
        raise TimeoutError("the store is away")  # which the SDK does not try again

    monkeypatch.setattr(at_a.sessions, "append", broken)
    desktop.answers += [[tool_use("toolu_1", COMPARE, clause="7.2")], [text("So be it.")]]
    await at_a.ask("Compare 7.2")
    (result,) = desktop.results()
    assert (result["is_error"], downstream.asked) == (True, [])


async def test_the_options_an_agent_had_are_left_as_they_were(
    journey: Journey, desktop: ScriptedClaude, downstream: Downstream
) -> None:
    agent = Agent(journey, await journey.begin(), desktop, downstream)
    server: Any = agent.plain.mcp_servers
    before = len(server["archive"]["instance"].middleware)
    theirs = HookMatcher(matcher="Bash")
    agent.plain.hooks = {"PreToolUse": [theirs]}
    made = in_task(agent.plain, sessions=agent.sessions, runs=agent.runs)
    assert made.hooks is not None
    assert made.hooks["PreToolUse"][0] is theirs
    assert len(made.hooks["PreToolUse"]) == 2
    assert agent.plain.hooks == {"PreToolUse": [theirs]}
    assert len(server["archive"]["instance"].middleware) == before
    assert agent.plain.session_store is None
