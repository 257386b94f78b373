"""`TaskSession` and its kin: whatever the SDK's own sessions can do, against a running task store.

The SDK tests its sessions on these: items come back as they went in and in order, empty and very many too; a limit
means the last ones; pop takes the last one, once, also of two that pop together; clear leaves nothing and keeps names
taken; settings give a limit where none is named; sessions do not see each other; branches share their past and not
their future; turns, tool usage and usage follow each branch; compaction replaces what it was given, or nothing.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from agents import Agent, OpenAIResponsesCompactionSession, RunConfig, Runner, SessionSettings, Usage
from agents.extensions.memory import EncryptedSession
from agents.memory.session import Session
from agents.testing import ScriptedModel, assistant_message
from journey import Journey
from segue_adapters.openai_agents import AdvancedTaskSession, CompactingTaskSession, TaskMoved
from segue_client.grant import Grant
from segue_client.task_state import TaskState

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]

UNTRACED = RunConfig(tracing_disabled=True)
Open = Callable[..., AdvancedTaskSession]


def user(text: Any) -> Any:
    return {"role": "user", "content": text}


def agent(text: str) -> Any:
    return {"role": "assistant", "content": text}


def call(name: str, **more: Any) -> Any:
    return {"type": "function_call", "call_id": f"call_{name}", "name": name, "arguments": "{}", **more}


@pytest.fixture
async def grant(journey: Journey) -> Grant:
    return await journey.begin()


@pytest.fixture
def opened(journey: Journey, grant: Grant) -> Open:
    """A session of a task; each call stands for another device of the same task."""

    def opened(
        session_id: str = "Contract, clause 7", kind: Any = AdvancedTaskSession, **how: Any
    ) -> AdvancedTaskSession:
        return kind(session_id, TaskState(grant, store=journey.site.store), **how)

    return opened


@pytest.fixture
def session(opened: Open) -> AdvancedTaskSession:
    return opened()


async def test_items_come_back_as_they_went_in_on_every_device(session: AdvancedTaskSession, opened: Open) -> None:
    items = [
        user("Grüße, \u0000 and 你好"),
        call("compare", namespace="law"),
        agent("done"),
        user([{"type": "input_text", "text": "x"}]),
    ]
    assert isinstance(session, Session)
    assert await session.get_items() == []
    await session.add_items([])
    await session.add_items(items[:1])
    await session.add_items(items[1:])
    assert await opened().get_items() == items


async def test_a_limit_means_the_last_items(opened: Open) -> None:
    session = opened(session_settings={"limit": 3})
    items = [user(str(number)) for number in range(7)]
    await session.add_items(items)
    assert await session.get_items() == items[-3:]
    assert await session.get_items(limit=2) == items[-2:]
    assert await session.get_items(limit=100) == items
    assert await session.get_items(limit=0) == []
    session.session_settings = SessionSettings()
    assert await session.get_items() == items


async def test_the_last_item_is_taken_back_once(session: AdvancedTaskSession, opened: Open) -> None:
    assert await session.pop_item() is None
    await session.add_items([user("1"), agent("2"), user("3")])
    assert await session.pop_item() == user("3")
    await session.add_items([agent("4")])
    assert await session.get_items() == [user("1"), agent("2"), agent("4")]


async def test_of_many_that_take_back_at_once_each_has_another_item(session: AdvancedTaskSession, opened: Open) -> None:
    items = [user(str(number)) for number in range(8)]
    await session.add_items(items)
    taken = await asyncio.gather(*(opened().pop_item() for _ in items))
    assert sorted(item["content"] for item in taken if item) == [item["content"] for item in items]
    assert await session.get_items() == []


async def test_two_devices_that_add_at_once_lose_nothing(session: AdvancedTaskSession, opened: Open) -> None:
    written = [[user(f"{device}.{number}") for number in range(3)] for device in range(4)]
    await asyncio.gather(*(opened().add_items(items) for items in written))
    found = await session.get_items()
    assert len(found) == 12
    assert all(found[found.index(items[0]) :][:3] == items for items in written)


async def test_very_many_items_at_once_are_there_or_not(session: AdvancedTaskSession) -> None:
    items = [user(f"{number} {'x' * 2000}") for number in range(120)]
    await session.add_items([user("before")])
    await session.add_items(items)
    await session.add_items([agent("after")])
    assert await session.get_items() == [user("before"), *items, agent("after")]
    assert [await session.pop_item() for _ in range(3)] == [agent("after"), items[119], items[118]]
    assert (await session.get_conversation_turns())[-1]["turn"] == 119


async def test_a_session_is_forgotten_and_goes_on_anew(session: AdvancedTaskSession, opened: Open) -> None:
    other, elsewhere = opened("another"), opened()
    await other.add_items([user("mine")])
    await session.add_items([user("1"), agent("2"), user("3")])
    await session.create_branch_from_turn(2, "aside")
    await elsewhere.get_items()
    await session.clear_session()
    assert await session.get_items() == []
    assert await elsewhere.get_items() == []
    await elsewhere.add_items([user("new")])
    assert await session.get_items() == await opened().get_items() == [user("new")]
    assert await other.get_items() == [user("mine")]
    with pytest.raises(ValueError, match="used already"):
        await session.create_branch_from_turn(1, "aside")


async def test_keys_tell_nothing_of_what_is_said(session: AdvancedTaskSession) -> None:
    await session.add_items([user("Acme"), agent("x")])
    await session.create_branch_from_turn(1, "Acme")
    keys = [entry.key async for entry in session.history.state.scan("openai-agents/")]
    assert len(keys) == 5
    assert not any("Acme" in key or "Contract" in key for key in keys)


async def test_adding_reading_and_taking_back_cost_the_same_after_a_thousand_items(
    session: AdvancedTaskSession, journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    send = journey.http.send

    async def counted(request: Any, **how: Any) -> Any:
        answer = await send(request, **how)
        sent.append(len(request.content))
        if not how.get("stream"):
            sent.append(len(answer.content))
        return answer

    async def cost() -> tuple[int, int]:
        sent.clear()
        with monkeypatch.context() as patch:
            patch.setattr(journey.http, "send", counted)
            await session.add_items([user("x"), agent("y")])
            assert len(await session.get_items(limit=4)) == 4
            assert await session.pop_item() == agent("y")
        return len(sent), sum(sent)

    costs = []
    for count in (60, 1000):
        await session.add_items([user("x")] * count)
        await session.add_items([agent("in the segment that goes on")] * 4)
        costs.append(await cost())
    (requests, early), (requests_later, late) = costs
    assert requests_later == requests
    assert late < early * 1.05


class TestBranches:
    @pytest.fixture
    async def session(self, opened: Open) -> AdvancedTaskSession:
        session = opened()
        await session.add_items([user("one"), agent("1"), user("two, TOO"), call("compare"), agent("2"), user("three")])
        return session

    async def test_a_branch_shares_the_past_and_not_the_future(
        self, session: AdvancedTaskSession, opened: Open
    ) -> None:
        assert await session.create_branch_from_turn(2, "other") == "other"
        await session.add_items([user("instead")])
        assert await session.get_items() == [user("one"), agent("1"), user("instead")]
        assert len(await session.get_items(branch_id="main")) == 6
        assert await opened().get_items() == await session.get_items()
        await session.switch_to_branch("main")
        assert await session.get_items(limit=1) == await opened().get_items(limit=1) == [user("three")]
        assert await session.get_items(branch_id="nowhere") == []

    async def test_what_another_branch_has_is_left_behind_and_not_dropped(self, session: AdvancedTaskSession) -> None:
        await session.create_branch_from_turn(3, "other")
        await session.switch_to_branch("main")
        for _ in range(5):
            await session.pop_item()
        await session.add_items([agent("anew")])
        assert await session.get_items() == [user("one"), agent("anew")]
        assert (await session.get_items(branch_id="other"))[1:3] == [agent("1"), user("two, TOO")]
        await session.switch_to_branch("other")
        assert [await session.pop_item() for _ in range(6)][-2:] == [user("one"), None]
        assert await session.get_items(branch_id="main") == [user("one"), agent("anew")]

    async def test_a_branch_of_a_branch_outlives_it(self, session: AdvancedTaskSession) -> None:
        await session.create_branch_from_turn(3, "first")
        await session.add_items([user("a"), agent("b"), user("c")])
        await session.create_branch_from_turn(4, "second")
        with pytest.raises(ValueError, match="is on the branch"):
            await session.delete_branch("second")
        await session.delete_branch("first")
        assert (await session.get_items())[-3:] == [agent("2"), user("a"), agent("b")]
        await session.delete_branch("second", force=True)
        assert [branch["branch_id"] for branch in await session.list_branches()] == ["main"]
        assert len(await session.get_items()) == 6
        for name in ("second", "main", "nowhere"):
            with pytest.raises(ValueError, match="could be deleted"):
                await session.delete_branch(name)

    async def test_a_branch_begins_at_a_message_of_the_user_under_a_new_name(
        self, session: AdvancedTaskSession
    ) -> None:
        assert await session.create_branch_from_content("two, too", "found") == "found"
        assert len(await session.get_items()) == 2
        await session.switch_to_branch("main")
        made = set()
        for _ in range(2):
            await session.switch_to_branch("main")
            made.add(await session.create_branch_from_turn(1))
        assert len(made) == 2
        assert await session.get_items() == []
        await session.switch_to_branch("main")
        for name, why in (("found", "used already"), ("  ", "has a name")):
            with pytest.raises(ValueError, match=why):
                await session.create_branch_from_turn(1, name)
        for turn in (0, 9):
            with pytest.raises(ValueError, match="no turn"):
                await session.create_branch_from_turn(turn)
        with pytest.raises(ValueError, match="no turn"):
            await session.create_branch_from_content("nothing like it")
        with pytest.raises(ValueError, match="no branch"):
            await session.switch_to_branch("nowhere")

    async def test_of_two_devices_that_give_one_name_one_wins(self, session: AdvancedTaskSession, opened: Open) -> None:
        made = await asyncio.gather(
            *(each.create_branch_from_turn(2, "same") for each in (session, opened())), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in made) == ["ValueError", "str"]

    async def test_branches_and_turns_are_told(self, session: AdvancedTaskSession) -> None:
        await session.create_branch_from_turn(2, "other")
        told = {branch.pop("branch_id"): branch for branch in await session.list_branches()}
        assert (told["main"]["message_count"], told["main"]["user_turns"], told["main"]["is_current"]) == (6, 3, False)
        assert (told["other"]["message_count"], told["other"]["user_turns"], told["other"]["is_current"]) == (
            2,
            1,
            True,
        )
        turns = await session.get_conversation_turns("main")
        assert [(turn["turn"], turn["content"], turn["can_branch"]) for turn in turns] == [
            (1, "one", True),
            (2, "two, TOO", True),
            (3, "three", True),
        ]
        assert [turn["turn"] for turn in await session.find_turns_by_content("T", "main")] == [2, 3]
        assert await session.find_turns_by_content("T") == []
        long = user([{"type": "input_text", "text": "y" * 200}])
        await session.add_items([long])
        [_, shown] = await session.get_conversation_turns()
        assert (len(shown["content"]), shown["full_content"]) == (103, long["content"])

    async def test_tools_are_counted_by_turn(self, session: AdvancedTaskSession) -> None:
        await session.add_items(
            [call("compare"), call("compare"), {"type": "web_search_call", "id": "w", "status": "completed"}]
        )
        await session.add_items(
            [{"type": "mcp_call", "server_label": "law", "name": "find", "id": "m", "arguments": "{}"}]
        )
        await session.add_items([{"type": "tool_search_output", "tools": []}])
        assert await session.get_tool_usage() == [
            ("compare", 1, 2),
            ("compare", 2, 3),
            ("law.find", 1, 3),
            ("tool_search", 1, 3),
            ("web_search_call", 1, 3),
        ]
        turns = await session.get_conversation_by_turns()
        assert turns[2][1] == {"type": "function_call", "tool_name": "compare"}
        assert [len(turn) for turn in turns.values()] == [2, 3, 6]

    async def test_usage_belongs_to_a_turn_and_goes_with_it(self, session: AdvancedTaskSession) -> None:
        model = ScriptedModel(
            [[assistant_message("3")], [assistant_message("4")]],
            default_usage=Usage(1, 10, output_tokens=5, total_tokens=15),
        )
        made = Agent(name="reviewer", model=model)
        assert await session.get_session_usage() is None
        await session.store_run_usage(await Runner.run(made, [], session=session, run_config=UNTRACED))
        await session.create_branch_from_turn(3, "other")
        await session.store_run_usage(await Runner.run(made, "instead", session=session, run_config=UNTRACED))
        [turn] = await session.get_turn_usage()
        assert (turn["user_turn_number"], turn["total_tokens"], turn["input_tokens_details"]["cached_tokens"]) == (
            3,
            15,
            0,
        )
        assert (await session.get_session_usage() or {})["total_turns"] == 2
        assert (await session.get_session_usage("main") or {}) | {"requests": 1} == {
            "requests": 1,
            "input_tokens": 10,
            "output_tokens": 5,
            "total_tokens": 15,
            "total_turns": 1,
        }
        assert await session.get_turn_usage(1) == {}
        await session.pop_item()
        assert await session.get_turn_usage(3) != {}
        await session.pop_item()
        assert await session.get_turn_usage(3) == {}


class TestCompaction:
    async def test_the_older_turns_are_told_in_fewer_items(self, opened: Open) -> None:
        given: list[Any] = []

        async def summarize(items: list[Any]) -> list[Any]:
            given.extend(items)
            return [agent("In short: one and two.")]

        session = opened(kind=CompactingTaskSession, summarize=summarize, most=8, turns_kept=1)
        model = ScriptedModel([[assistant_message(str(number))] for number in range(1, 5)])
        for text in ("one", "two", "three", "four"):
            await Runner.run(Agent(name="reviewer", model=model), text, session=session, run_config=UNTRACED)
        found = await opened().get_items()
        assert [item.get("content") for item in given[::2]] == ["one", "two", "three"]
        assert found[0] == agent("In short: one and two.")
        assert [item["role"] for item in found] == ["assistant", "user", "assistant"]

    async def test_what_another_branch_reads_is_not_compacted_away(self, opened: Open) -> None:
        async def summarize(items: list[Any]) -> list[Any]:
            return [agent(f"{len(items)} items")]

        session = opened(kind=CompactingTaskSession, summarize=summarize, turns_kept=0)
        await session.add_items([user("one"), agent("1"), user("two")])
        await session.create_branch_from_turn(2, "other")
        await session.switch_to_branch("main")
        await session.run_compaction({"force": True})
        assert await session.get_items() == [agent("3 items")]
        assert await session.get_items(branch_id="other") == [user("one"), agent("1")]

    async def test_what_was_added_meanwhile_is_not_lost(self, opened: Open) -> None:
        async def summarize(items: list[Any]) -> list[Any]:
            await opened().add_items([user("wait")])
            return [agent("short")]

        session = opened(kind=CompactingTaskSession, summarize=summarize, turns_kept=0)
        await session.add_items([user("one"), agent("1")])
        await session.run_compaction({"force": True})
        assert await session.get_items() == [user("one"), agent("1"), user("wait")]

    async def test_the_sdks_own_compaction_wraps_it_and_replaces_in_one_step(self, opened: Open) -> None:
        class Responses:
            async def compact(self, **asked: Any) -> Any:
                self.asked = asked
                return type(
                    "Compacted", (), {"output": [{"type": "compaction", "encrypted_content": "…"}], "usage": None}
                )

        responses = Responses()
        client: Any = type("Client", (), {"responses": responses})
        underlying = opened()
        session = OpenAIResponsesCompactionSession(
            "wrapped", underlying, client=client, compaction_mode="input", should_trigger_compaction=lambda _: True
        )
        model = ScriptedModel([[assistant_message("1")]])
        await Runner.run(Agent(name="reviewer", model=model), "one", session=session, run_config=UNTRACED)
        assert [item["role"] for item in responses.asked["input"]] == ["user", "assistant"]
        assert await opened().get_items() == [{"type": "compaction", "encrypted_content": "…"}]


async def test_a_device_that_seals_items_itself_reads_them_alone(opened: Open) -> None:
    sealed = EncryptedSession("mine", opened(), encryption_key="a key that the task store never has", ttl=600)
    await sealed.add_items([user("secret"), agent("answer")])
    assert await sealed.get_items(limit=1) == [agent("answer")]
    assert "secret" not in json.dumps(await opened().get_items())
    assert await sealed.pop_item() == agent("answer")


async def test_a_device_that_the_task_has_left_reads_and_writes_no_more(
    journey: Journey, grant: Grant, session: AdvancedTaskSession
) -> None:
    await session.add_items([user("one"), agent("1"), user("two")])
    phone = await journey.hand_over(grant)
    there = AdvancedTaskSession(session.session_id, TaskState(phone, store=journey.site.store))
    await there.add_items([agent("2")])
    for write in (
        session.add_items([agent("late")]),
        session.add_items([agent("late")] * 60),
        session.pop_item(),
        session.clear_session(),
        session.create_branch_from_turn(2, "late"),
        session.switch_to_branch("main"),
    ):
        with pytest.raises(TaskMoved):
            await write
    assert await session.get_items() == await there.get_items() == [user("one"), agent("1"), user("two"), agent("2")]
