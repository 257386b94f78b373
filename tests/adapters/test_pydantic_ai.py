"""Pydantic AI at work in a task: conversations, tool calls, approvals and the way to another device.

The framework is the real one, the model one of its own for tests, which is told what to answer.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from adapters.downstream import Downstream
from journey import Journey
from pydantic_ai import Agent
from pydantic_ai.conversation import Conversation
from pydantic_ai.conversation_store import ConversationConflict, ConversationRecord
from pydantic_ai.exceptions import ApprovalRequired, ModelRetry
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturn,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.tools import DeferredToolRequests, RunContext
from segue_adapters.pydantic_ai import KeptAsItGoes, RunOnce, TaskConversations, decided, running
from segue_client.device import Refused
from segue_client.grant import Grant
from segue_client.task_state import TaskState
from segue_client.tool_runs import Lost, ToolRuns

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]


@pytest.fixture
async def grant(journey: Journey) -> Grant:
    return await journey.begin()


@pytest.fixture
def store(journey: Journey, grant: Grant) -> TaskConversations:
    return conversations(journey, grant)


def conversations(journey: Journey, grant: Grant) -> TaskConversations:
    return TaskConversations(TaskState(grant, store=journey.site.store))


def runs(journey: Journey, grant: Grant) -> ToolRuns:
    return ToolRuns(journey.task(grant))


def says(*answers: Any) -> FunctionModel:
    """A model that gives these answers, one each time: text, or tool calls."""
    left = iter(answers)

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        said = next(left)
        return ModelResponse(parts=[TextPart(said)] if isinstance(said, str) else list(said))

    return FunctionModel(answer)


def calls(tool: str, reference: str, **arguments: Any) -> list[ToolCallPart]:
    return [ToolCallPart(tool, arguments, tool_call_id=reference)]


def prompts(messages: list[ModelMessage]) -> list[Any]:
    return [
        part.content
        for message in messages
        for part in message.parts
        if isinstance(part, UserPromptPart | TextPart | ToolReturnPart)
    ]


def talk(*texts: str, conversation_id: str = "review") -> Conversation:
    turns: list[ModelMessage] = []
    for number, text in enumerate(texts):
        turns.append(
            ModelResponse(parts=[TextPart(text)]) if number % 2 else ModelRequest(parts=[UserPromptPart(text)])
        )
    return Conversation(conversation_id=conversation_id, messages=turns)


# the store's operations


async def test_a_conversation_is_loaded_as_it_was_saved(store: TaskConversations) -> None:
    agent = Agent(says("Forty of them.", "Seven agree."))
    result = await agent.run("How many precedents?", conversation=Conversation(conversation_id="review"))
    await store.save(result)
    loaded = await store.load("review")
    assert loaded is not None
    assert loaded.messages == result.all_messages()
    assert loaded.usage == result.usage
    again = await agent.run("How many agree?", conversation=loaded)
    await store.save(again)
    assert [entry.message for entry in await store.load_entries("review") or []] == again.all_messages()


async def test_a_conversation_that_nobody_saved_is_not_there(store: TaskConversations) -> None:
    assert await store.load("unheard") is None
    assert await store.list_conversations() == []


async def test_a_save_writes_only_what_is_new(journey: Journey, store: TaskConversations, grant: Grant) -> None:
    first = talk("One", "Two", "Three", "Four")
    await store.save(first)
    before = (await journey.task(grant).resume())["cursor"]
    first.messages.append(ModelRequest(parts=[UserPromptPart("Five")]))
    assert len(await store.save(first)) == 1
    assert (await journey.task(grant).resume())["cursor"] - before == 2  # the message and the record


async def test_of_two_who_save_the_same_conversation_one_learns_of_the_other(
    journey: Journey, store: TaskConversations, grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.save(talk("One", "Two"))
    other = conversations(journey, grant)
    mine, theirs = await store.load("review"), await other.load("review")
    assert mine is not None
    assert theirs is not None
    mine.messages.append(ModelRequest(parts=[UserPromptPart("mine")]))
    theirs.messages.append(ModelRequest(parts=[UserPromptPart("theirs")]))
    both, keep = asyncio.Barrier(2), TaskState.keep

    async def met(state: TaskState, *entries: Any, **members: Any) -> int:
        await both.wait()  # neither writes before both have read
        return await keep(state, *entries, **members)

    monkeypatch.setattr(TaskState, "keep", met)
    outcomes = await asyncio.gather(store.save(mine), other.save(theirs), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConversationConflict", "list"]
    assert len(await store.load_entries("review") or []) == 3


async def test_two_who_begin_a_conversation_of_one_name_do_not_overwrite_each_other(
    journey: Journey, store: TaskConversations, grant: Grant
) -> None:
    await store.save(talk("One"))
    with pytest.raises(ConversationConflict):
        await conversations(journey, grant).save(talk("Another"))


async def test_a_window_of_the_last_messages_is_loaded_without_the_rest(store: TaskConversations) -> None:
    saved = talk(*(str(number) for number in range(30)))
    await store.save(talk("aside", "yes", conversation_id="aside"))
    await store.save(saved)
    window = await store.load("review", limit=3)
    assert window is not None
    assert prompts(window.messages) == ["27", "28", "29"]
    whole = await store.load("review")
    assert whole is not None
    assert prompts(whole.messages) == [str(number) for number in range(30)]


async def test_a_branch_leaves_what_it_left_to_come_back_to(store: TaskConversations) -> None:
    saved = talk("One", "Two", "Three", "Four")
    entries = await store.save(saved)
    branch = await store.branch("review", at=2, expected_revision=saved.revision)
    branch.messages.append(ModelRequest(parts=[UserPromptPart("Otherwise")]))
    await store.save(branch)
    loaded = await store.load("review")
    assert loaded is not None
    assert prompts(loaded.messages) == ["One", "Two", "Otherwise"]
    back = await store.branch("review", from_entry=entries[-1].id, expected_revision=loaded.revision)
    assert prompts(back.messages) == ["One", "Two", "Three", "Four"]


async def test_a_fork_shares_what_was_said_and_outlives_the_original(store: TaskConversations) -> None:
    await store.save(talk("One", "Two", "Three"))
    fork = await store.fork("review", at=2, new_conversation_id="otherwise")
    fork.messages.append(ModelRequest(parts=[UserPromptPart("Else")]))
    await store.save(fork)
    await store.delete("review")
    assert await store.load("review") is None
    loaded = await store.load("otherwise")
    assert loaded is not None
    assert prompts(loaded.messages) == ["One", "Two", "Else"]


async def test_conversations_are_listed_by_scope_and_the_latest_first(store: TaskConversations) -> None:
    for name in ("a", "b", "c"):
        await store.save(talk("Hello", conversation_id=name), scope="other" if name == "b" else "mine")
    assert [record.conversation_id for record in await store.list_conversations(scope="mine")] == ["c", "a"]
    assert [record.conversation_id for record in await store.list_conversations(limit=1)] == ["c"]
    assert await store.load("b", scope="mine") is None


async def test_a_message_of_a_device_whose_clock_is_behind_is_found(
    store: TaskConversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = talk("One", "Two")
    await store.save(saved)
    early = iter(f"00000000-0000-7000-8000-{number:012}" for number in range(9))
    monkeypatch.setattr("pydantic_ai.conversation_store.uuid7", lambda: next(early))
    saved.messages += talk("Three", "Four").messages
    await store.save(saved)
    loaded = await store.load("review")
    assert loaded is not None
    assert prompts(loaded.messages) == ["One", "Two", "Three", "Four"]


async def test_a_record_does_not_point_at_a_message_that_is_not_there(store: TaskConversations) -> None:
    with pytest.raises(ConversationConflict):
        await store.write_record(ConversationRecord(conversation_id="review", head_id="gone"), expected_revision=None)
    assert await store.load("review") is None


async def test_nothing_that_was_said_or_named_is_in_a_key(
    journey: Journey, store: TaskConversations, grant: Grant
) -> None:
    await store.save(talk("confidential", conversation_id="Dana against the landlord"))
    keys = [entry.key async for entry in TaskState(grant, store=journey.site.store).scan("pydantic-ai/")]
    assert len(keys) == 2
    assert not any("Dana" in key or "confidential" in key for key in keys)


# the way to another device


@pytest.fixture
async def downstream() -> AsyncIterator[Downstream]:
    made = Downstream()
    yield made
    made.finish()


def reviewer(downstream: Downstream, *answers: Any) -> Agent[None, str]:
    """The agent as both devices have it; only what its model says next is a matter of the script."""
    agent = Agent(says(*answers))

    @agent.tool_plain
    async def compare(clause: str) -> Any:
        run = running()
        assert run is not None
        return await downstream.execute(run.downstream_key, {"clause": clause, "agree": 7})

    return agent


async def test_an_agent_goes_on_at_the_next_device_and_its_tool_runs_once(
    journey: Journey, downstream: Downstream
) -> None:
    a = await journey.begin()
    at_a = conversations(journey, a)
    begun = Conversation(conversation_id="review")
    desktop = reviewer(downstream, calls("compare", "call-1", clause="7.2"), "never said")
    working = asyncio.create_task(
        desktop.run(
            "Compare 7.2",
            conversation=begun,
            capabilities=[KeptAsItGoes(at_a, begun), RunOnce(ToolRuns(journey.task(a), lease=5))],
        )
    )
    await asyncio.wait_for(downstream.running.wait(), 10)

    b = await journey.hand_over(a)
    at_b = conversations(journey, b)
    kept = await at_b.load("review")
    assert kept is not None
    phone = reviewer(downstream, "Seven of forty agree.")
    going_on = asyncio.create_task(
        phone.run(conversation=kept, capabilities=[KeptAsItGoes(at_b, kept), RunOnce(runs(journey, b))])
    )
    async with asyncio.timeout(30):
        while len(downstream.asked) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    downstream.finish()
    result = await asyncio.wait_for(going_on, 20)
    assert result.output == "Seven of forty agree."

    with pytest.raises(Lost):  # A is fenced: what it still does leads nowhere
        await asyncio.wait_for(working, 20)
    with pytest.raises(Refused, match="stale-epoch"):
        await at_a.save(talk("late", conversation_id="late"))
    with pytest.raises(Lost):
        await runs(journey, a).run("call-2", _never, tool="compare", arguments={})
    assert len(downstream.executed) == 1
    final = await at_b.load("review")
    assert final is not None
    assert prompts(final.messages) == ["Compare 7.2", {"clause": "7.2", "agree": 7}, "Seven of forty agree."]
    assert final.messages == result.all_messages()


async def _never(run: Any) -> Any:
    raise AssertionError(run)


async def test_a_run_that_was_kept_as_it_went_is_gone_on_with_in_the_next_turn(
    journey: Journey, store: TaskConversations, grant: Grant, downstream: Downstream
) -> None:
    downstream.finish()
    agent = reviewer(downstream, calls("compare", "call-1", clause="7.2"), "Seven.", "Forty.", "Both.")
    conversation = Conversation(conversation_id="review")
    once = RunOnce(runs(journey, grant))
    first = await agent.run(
        "Compare", conversation=conversation, capabilities=[KeptAsItGoes(store, conversation), once]
    )
    following = first.conversation
    second = await agent.run("And 7.3?", conversation=following, capabilities=[KeptAsItGoes(store, following), once])
    third = await agent.run("Both?", conversation=second.conversation)
    await store.save(third)
    loaded = await store.load("review")
    assert loaded is not None
    assert loaded.messages == third.all_messages()
    assert loaded.usage == third.usage


async def test_a_run_from_an_older_copy_of_the_conversation_is_refused(
    journey: Journey, store: TaskConversations, grant: Grant
) -> None:
    await store.save(talk("One", "Two"))
    stale = await store.load("review")
    newer = await conversations(journey, grant).load("review")
    assert stale is not None
    assert newer is not None
    newer.messages += talk("Three", "Four").messages
    await conversations(journey, grant).save(newer)
    with pytest.raises(ConversationConflict):
        await Agent(says("Never.")).run("Five", conversation=stale, capabilities=[KeptAsItGoes(store, stale)])


async def test_a_tool_does_not_start_before_the_message_that_calls_it_is_kept(
    journey: Journey, store: TaskConversations, grant: Grant
) -> None:
    seen: list[int] = []
    agent = Agent(says(calls("look", "call-1"), "Done."))

    @agent.tool_plain
    async def look() -> str:
        seen.append(len(await store.load_entries("review") or []))
        return "looked"

    begun = Conversation(conversation_id="review")
    await agent.run(
        "Look", conversation=begun, capabilities=[KeptAsItGoes(store, begun), RunOnce(runs(journey, grant))]
    )
    assert seen == [2]


# approval and deferral


async def test_an_approval_that_a_call_waits_for_is_kept_over_a_transfer(journey: Journey) -> None:
    done: list[str] = []

    def agent_at(*answers: Any) -> Agent[None, Any]:
        agent: Agent[None, Any] = Agent(says(*answers), output_type=[str, DeferredToolRequests])

        @agent.tool_plain
        async def file(clause: str) -> str:
            done.append(clause)
            return "filed"

        return agent

    a = await journey.begin()
    effects = {"file": "irreversible"}
    begun = Conversation(conversation_id="review")
    at_a = conversations(journey, a)
    paused = await agent_at(calls("file", "call-1", clause="7.2")).run(
        "File it", conversation=begun, capabilities=[KeptAsItGoes(at_a, begun), RunOnce(runs(journey, a), effects)]
    )
    assert isinstance(paused.output, DeferredToolRequests)
    b = await journey.hand_over(a)
    at_b = conversations(journey, b)
    kept = await at_b.load("review")
    assert kept is not None
    assert kept.deferred_tool_requests is not None
    assert (await decided(kept.deferred_tool_requests, journey.task(b))).approvals == {}
    (waiting,) = kept.deferred_tool_requests.metadata.values()
    await journey.task(b).step(waiting["call_id"], "approve")
    results = await decided(kept.deferred_tool_requests, journey.task(b))
    assert results.approvals == {"call-1": True}
    assert done == []
    result = await agent_at("Filed.").run(
        conversation=kept,
        deferred_tool_results=results,
        capabilities=[KeptAsItGoes(at_b, kept), RunOnce(runs(journey, b), effects)],
    )
    assert (result.output, done) == ("Filed.", ["7.2"])
    final = await at_b.load("review")
    assert final is not None
    assert final.deferred_tool_requests is None
    assert prompts(final.messages) == ["File it", "filed", "Filed."]


async def test_a_call_that_a_person_declines_is_told_as_denied(
    journey: Journey, store: TaskConversations, grant: Grant
) -> None:
    agent: Agent[None, Any] = Agent(
        says(calls("file", "call-1"), "I leave it."), output_type=[str, DeferredToolRequests]
    )

    @agent.tool_plain
    async def file() -> str:
        raise AssertionError("it was declined")

    conversation = Conversation(conversation_id="review")
    once = RunOnce(runs(journey, grant), {"file": "irreversible"})
    paused = await agent.run(
        "File it", conversation=conversation, capabilities=[KeptAsItGoes(store, conversation), once]
    )
    (waiting,) = paused.output.metadata.values()
    await journey.task(grant).step(waiting["call_id"], "cancel")
    following = paused.conversation
    results = await decided(paused.output, journey.task(grant))
    result = await agent.run(
        conversation=following,
        deferred_tool_results=results,
        capabilities=[KeptAsItGoes(store, following), once],
    )
    assert prompts(result.all_messages())[1:] == ["The tool call was denied.", "I leave it."]


async def test_a_tool_that_asks_for_approval_itself_runs_once_it_has_it(
    journey: Journey, store: TaskConversations, grant: Grant
) -> None:
    agent: Agent[None, Any] = Agent(says(calls("file", "call-1"), "Filed."), output_type=[str, DeferredToolRequests])
    ran: list[bool] = []

    @agent.tool
    async def file(ctx: RunContext[None]) -> str:
        ran.append(ctx.tool_call_approved)
        if not ctx.tool_call_approved:
            raise ApprovalRequired(metadata={"fee": 40})
        return "filed"

    conversation = Conversation(conversation_id="review")
    once = RunOnce(runs(journey, grant))
    paused = await agent.run(
        "File it", conversation=conversation, capabilities=[KeptAsItGoes(store, conversation), once]
    )
    assert paused.output.metadata == {"call-1": {"fee": 40}}
    kept = await store.load("review")
    assert kept is not None
    assert kept.deferred_tool_requests == paused.output
    for _ in range(2):  # a device that dies and one that goes on
        result = await agent.run(
            conversation=kept,
            deferred_tool_results=paused.output.build_results(approve_all=True),
            capabilities=[once],
            model=says("Filed."),
        )
        assert result.output == "Filed."
    assert ran == [False, True]


async def test_a_call_that_is_run_outside_the_agent_is_answered_on_another_device(journey: Journey) -> None:
    from pydantic_ai.tools import ToolDefinition
    from pydantic_ai.toolsets import ExternalToolset

    def agent_at(*answers: Any) -> Agent[None, Any]:
        outside = ExternalToolset([ToolDefinition(name="ask_counsel", parameters_json_schema={"type": "object"})])
        return Agent(says(*answers), output_type=[str, DeferredToolRequests], toolsets=[outside])

    a = await journey.begin()
    begun = Conversation(conversation_id="review")
    await agent_at(calls("ask_counsel", "call-1")).run(
        "Ask",
        conversation=begun,
        capabilities=[KeptAsItGoes(conversations(journey, a), begun), RunOnce(runs(journey, a))],
    )
    b = await journey.hand_over(a)
    at_b = conversations(journey, b)
    kept = await at_b.load("review")
    assert kept is not None
    assert kept.deferred_tool_requests is not None
    answers = kept.deferred_tool_requests.build_results(calls={"call-1": "it stands"})
    result = await agent_at("It stands.").run(
        conversation=kept, deferred_tool_results=answers, capabilities=[KeptAsItGoes(at_b, kept)]
    )
    assert prompts(result.all_messages()) == ["Ask", "it stands", "It stands."]


# what a tool gives and how it fails


async def test_what_a_tool_returned_is_the_same_when_it_is_asked_for_again(
    journey: Journey, store: TaskConversations, grant: Grant
) -> None:
    ran: list[str] = []

    def agent_at() -> Agent[None, str]:
        agent = Agent(says([*calls("scan", "call-1"), *calls("rich", "call-2")], "Done."))

        @agent.tool_plain
        async def scan() -> BinaryContent:
            ran.append("scan")
            return BinaryContent(b"\x89PNG\xff", media_type="image/png")

        @agent.tool_plain
        async def rich() -> ToolReturn[str]:
            ran.append("rich")
            return ToolReturn(return_value="short", content=["see this"], metadata={"pages": 3})

        return agent

    told = []
    for _ in range(2):
        result = await agent_at().run("Scan", capabilities=[RunOnce(runs(journey, grant))])
        told.append([part.content for part in result.all_messages()[2].parts if hasattr(part, "content")])
    assert told[0] == told[1]
    assert told[0][0].data == b"\x89PNG\xff"
    assert sorted(ran) == ["rich", "scan"]


async def test_a_tool_that_asks_the_model_to_try_again_is_heard_by_it(journey: Journey, grant: Grant) -> None:
    agent = Agent(says(calls("look", "call-1", page=0), calls("look", "call-2", page=1), "Found."))

    @agent.tool_plain
    async def look(page: int) -> str:
        if page == 0:
            raise ModelRetry("pages begin at 1")
        return "found"

    result = await agent.run("Look", capabilities=[RunOnce(runs(journey, grant))])
    assert result.output == "Found."
    assert "pages begin at 1" in str(result.all_messages()[2])


async def test_a_tool_that_failed_is_not_run_again(journey: Journey, grant: Grant) -> None:
    ran: list[int] = []

    def agent_at() -> Agent[None, str]:
        agent = Agent(says(calls("look", "call-1"), "It does not work."))

        @agent.tool_plain
        async def look() -> str:
            ran.append(1)
            raise OSError("the archive is closed")

        return agent

    for _ in range(2):
        result = await agent_at().run("Look", capabilities=[RunOnce(runs(journey, grant))])
        assert "the archive is closed" in str(result.all_messages()[2])
    assert ran == [1]
