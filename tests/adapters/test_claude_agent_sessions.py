"""Sessions of the Claude Agent SDK in a task: the SDK's own contract for stores, and what devices do to each other."""

import asyncio
import itertools
import uuid
from typing import Any, cast

import pytest
from claude_agent_sdk import (
    SessionKey,
    SessionStoreEntry,
    delete_session_via_store,
    fork_session_via_store,
    get_session_info_from_store,
    get_session_messages_from_store,
    list_sessions_from_store,
    project_key_for_directory,
    rename_session_via_store,
)
from claude_agent_sdk.testing import run_session_store_conformance
from journey import Journey
from segue_adapters.claude_agent import Moved, TaskSessions
from segue_adapters.claude_agent.transcript import INTERRUPTED, call_of, put_off, unanswered
from segue_client.grant import Grant
from segue_client.task_state import TaskState

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E2", "R62")]
KEY: SessionKey = {"project_key": "-home-dana-landlord", "session_id": str(uuid.uuid4())}


@pytest.fixture
async def grant(journey: Journey) -> Grant:
    return await journey.begin()


def sessions_of(journey: Journey, grant: Grant, *, project: str | None = None) -> TaskSessions:
    return TaskSessions(TaskState(grant, store=journey.site.store), project=project)


@pytest.fixture
def sessions(journey: Journey, grant: Grant) -> TaskSessions:
    return sessions_of(journey, grant)


def line(**members: Any) -> SessionStoreEntry:
    return cast(SessionStoreEntry, {"type": "user", "uuid": str(uuid.uuid4()), **members})


def said(text: str, **members: Any) -> SessionStoreEntry:
    stamp = "2026-11-22T04:26:18.477Z"
    return line(message={"role": "user", "content": text}, timestamp=stamp, **members)


async def head(journey: Journey, grant: Grant) -> int:
    return int((await journey.task(grant).resume())["cursor"])


async def test_the_contract_of_the_sdk_for_session_stores_holds(journey: Journey) -> None:
    async def fresh() -> TaskSessions:
        return sessions_of(journey, await journey.begin())

    await run_session_store_conformance(fresh)


async def test_a_batch_that_is_sent_again_after_a_lost_answer_is_kept_once(
    journey: Journey, sessions: TaskSessions
) -> None:
    lines = [line(n=1), cast(SessionStoreEntry, {"type": "mode", "mode": "normal"})]
    await sessions.append(KEY, [line(n=0)])
    journey.networks[0].loses_next = True
    with pytest.raises(Exception, match="the answer is lost"):
        await sessions.append(KEY, lines)
    await sessions.append(KEY, lines)
    loaded = await sessions.load(KEY)
    assert loaded is not None
    assert loaded[1:] == lines


async def test_a_line_that_came_in_two_batches_is_loaded_once(sessions: TaskSessions) -> None:
    first, second = line(n=1), line(n=2)
    await sessions.append(KEY, [first])
    await sessions.append(KEY, [first, second])
    assert await sessions.load(KEY) == [first, second]


async def test_devices_that_write_to_one_session_at_once_lose_nothing(
    journey: Journey, sessions: TaskSessions, grant: Grant
) -> None:
    other = sessions_of(journey, await journey.hand_over(grant, mode="share"))
    mine, theirs = [line(mine=n) for n in range(6)], [line(theirs=n) for n in range(6)]

    async def write(store: TaskSessions, lines: list[SessionStoreEntry]) -> None:
        for each in lines:
            await store.append(KEY, [each])

    await asyncio.gather(write(sessions, mine), write(other, theirs))
    loaded = await other.load(KEY)
    assert loaded is not None
    assert [each for each in loaded if "mine" in each] == mine
    assert [each for each in loaded if "theirs" in each] == theirs
    assert len(loaded) == 12


async def test_an_append_costs_the_same_however_long_the_session_is(
    journey: Journey, sessions: TaskSessions, grant: Grant
) -> None:
    await sessions.append(KEY, [said("One")])
    before = await head(journey, grant)
    for n in range(10):
        await sessions.append(KEY, [line(n=n), line(m=n)])
    assert await head(journey, grant) - before == 10
    lengths = {
        len(str(entry.value))
        async for entry in TaskState(grant, store=journey.site.store).scan("claude-agent/lines/")
        if "'m'" in str(entry.value)
    }
    assert len(lengths) == 1


async def test_lines_of_any_size_and_depth_come_back(sessions: TaskSessions) -> None:
    deep: Any = "down here"
    for _ in range(40):
        deep = {"in": [deep]}
    lines = [line(toolUseResult="é" * 150_000), line(deep=deep, number=2**60), line(text="\ud800 alone")]
    await sessions.append(KEY, lines)
    assert await sessions.load(KEY) == lines


async def test_what_the_sdk_does_with_stored_sessions_works(journey: Journey, grant: Grant) -> None:
    sessions = sessions_of(journey, grant, project="landlord")
    first, directory = str(uuid.uuid4()), "/srv/desktop/landlord"
    key: SessionKey = {"project_key": project_key_for_directory(directory), "session_id": first}
    await sessions.append(key, [said("Compare 7.2", sessionId=first, parentUuid=None, isSidechain=False)])
    await rename_session_via_store(sessions, first, "The cap", directory=directory)
    forked = await fork_session_via_store(sessions, first, directory=directory)
    listed = await list_sessions_from_store(sessions, directory="/srv/phone/landlord")
    assert {each.session_id for each in listed} == {first, forked.session_id}
    info = await get_session_info_from_store(sessions, first, directory=directory)
    assert info is not None
    assert (info.custom_title, info.first_prompt) == ("The cap", "Compare 7.2")
    (message,) = await get_session_messages_from_store(sessions, forked.session_id, directory=directory)
    assert message.message["content"] == "Compare 7.2"
    await delete_session_via_store(sessions, first, directory=directory)
    listed = await list_sessions_from_store(sessions, directory=directory)
    assert [each.session_id for each in listed] == [forked.session_id]


async def test_a_deleted_session_can_be_written_again(sessions: TaskSessions) -> None:
    again = said("Again")
    await sessions.append(KEY, [again])
    await sessions.delete(KEY)
    await sessions.append(KEY, [again])
    assert await sessions.load(KEY) == [again]
    (summary,) = await sessions.list_session_summaries(KEY["project_key"])
    assert summary["data"]["first_prompt"] == "Again"


async def test_nothing_that_was_said_or_named_is_in_a_key(
    journey: Journey, sessions: TaskSessions, grant: Grant
) -> None:
    await sessions.append(KEY, [said("confidential")])
    await sessions.append({**KEY, "subpath": "subagents/agent-landlord"}, [said("confidential")])
    keys = [entry.key async for entry in TaskState(grant, store=journey.site.store).scan("claude-agent/")]
    assert len(keys) == 4
    assert not any(word in key for key in keys for word in ("dana", "landlord", "confidential"))


async def test_a_session_is_read_where_the_task_went_and_no_longer_written_where_it_came_from(
    journey: Journey, sessions: TaskSessions, grant: Grant
) -> None:
    before = said("Before")
    await sessions.append(KEY, [before])
    at_b = sessions_of(journey, await journey.hand_over(grant))
    assert await at_b.load(KEY) == [before]
    with pytest.raises(Moved):
        await sessions.append(KEY, [said("Late")])
    assert sessions.moved
    with pytest.raises(Moved):
        await sessions.kept("toolu_1")
    after = said("After")
    await at_b.append(KEY, [after])
    assert await at_b.load(KEY) == [before, after]


async def test_a_call_that_claude_code_takes_up_itself_is_no_longer_there_to_be_asked_for_again(
    journey: Journey, sessions: TaskSessions, grant: Grant
) -> None:
    await sessions.append(KEY, [call("t1")])
    resumed = sessions_of(journey, grant)
    resumed.runs_again(["mcp__archive__"])
    assert len(await resumed.load(KEY) or []) == 2
    arguments = {"clause": "7.2"}
    assert resumed.reference("t1", "mcp__archive__compare", arguments) == "t1"
    assert resumed.reference("t2", "mcp__archive__compare", arguments) == "t2"


async def test_sessions_of_one_project_are_found_from_any_directory(journey: Journey, grant: Grant) -> None:
    before = said("Before")
    await sessions_of(journey, grant, project="landlord").append(KEY, [before])
    elsewhere: SessionKey = {**KEY, "project_key": "-Users-dana-landlord"}
    assert await sessions_of(journey, grant, project="landlord").load(elsewhere) == [before]
    assert await sessions_of(journey, grant).load(elsewhere) is None


# what a transcript says about calls

_numbers = itertools.count(1)


def call(call_id: str, clause: str = "7.2") -> SessionStoreEntry:
    block = {"type": "tool_use", "id": call_id, "name": "mcp__archive__compare", "input": {"clause": clause}}
    members = {"uuid": f"line-{next(_numbers)}", "cwd": "/home", "message": {"role": "assistant", "content": [block]}}
    return cast(SessionStoreEntry, {"type": "assistant", **members})


def result(call_id: str, content: str = "seven") -> SessionStoreEntry:
    return line(message={"content": [{"type": "tool_result", "tool_use_id": call_id, "content": content}]})


SAME = call_of("mcp__archive__compare", {"clause": "7.2"})


def test_a_call_that_was_answered_is_a_new_one_when_it_is_asked_again() -> None:
    found = unanswered([call("t1"), result("t1")])
    assert found.asked("t2", SAME) == "t2"


def test_an_interrupted_call_keeps_its_reference_however_often_it_is_asked_again() -> None:
    lines = [call("t1"), result("t1", f"{INTERRUPTED} …]"), call("t2"), result("t2", f"{INTERRUPTED} …]"), call("t3")]
    found = unanswered(lines)
    assert found.asked("t4", SAME) == "t1"
    assert found.asked("t5", SAME) == "t5"


def test_the_same_call_made_twice_at_once_stays_two_calls() -> None:
    found = unanswered([call("t1"), call("t2")])
    assert [found.asked("t3", SAME), found.asked("t4", SAME)] == ["t1", "t2"]


def test_a_single_unanswered_call_is_put_off_for_claude_code_to_run_again() -> None:
    lines = [call("t0"), result("t0"), call("t1")]
    *before, added = put_off(lines, unanswered(lines), tools=("mcp__archive__",))
    attached: Any = added
    assert before == lines
    assert attached["parentUuid"] == lines[-1]["uuid"]
    assert attached["attachment"]["toolUseID"] == "t1"
    assert attached["cwd"] == "/home"


@pytest.mark.parametrize(
    ("lines", "tools"),
    [
        pytest.param([call("t1"), result("t1")], ("mcp__archive__",), id="answered"),
        pytest.param([call("t1"), call("t2")], ("mcp__archive__",), id="several"),
        pytest.param([call("t1")], ("mcp__other__",), id="of a tool that may not run twice"),
        pytest.param(
            [call("t1"), line(type="attachment", attachment={"type": "hook_deferred_tool", "toolUseID": "t1"})],
            ("mcp__archive__",),
            id="put off already",
        ),
        pytest.param(
            [call("t1"), result("t1", f"{INTERRUPTED} …]"), call("t2")], ("mcp__archive__",), id="asked again"
        ),
    ],
)
def test_no_other_call_is_put_off(lines: list[SessionStoreEntry], tools: tuple[str, ...]) -> None:
    assert put_off(lines, unanswered(lines), tools=tools) == lines
