"""Sessions of Google ADK in a task: what its own session services do, and what a device may say after a transfer."""

import asyncio
from typing import Any

import pytest
from adapters.adk_world import APP, NAMES, SESSION, USER, message
from google.adk.errors._stale_session_error import StaleSessionError
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from google.adk.sessions.base_session_service import GetSessionConfig
from google.adk.sessions.session import Session
from google.genai import types
from journey import Journey
from segue_adapters.google_adk import TaskSessionService
from segue_client.grant import Grant
from segue_client.task_state import TaskState
from segue_client.tool_runs import Lost

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.requirement("E2", "R62"),
]


@pytest.fixture
async def grant(journey: Journey) -> Grant:
    return await journey.begin()


@pytest.fixture
def state(journey: Journey, grant: Grant) -> TaskState:
    return TaskState(grant, store=journey.site.store)


@pytest.fixture
def sessions(state: TaskState) -> TaskSessionService:
    return TaskSessionService(state)


def said(text: str, **others: Any) -> Event:
    return Event(invocation_id="i", author="user", content=message(text), **others)


def changing(**delta: Any) -> Event:
    return Event(invocation_id="i", author="user", actions=EventActions(state_delta=delta))


async def again(sessions: TaskSessionService, session: Session, **config: Any) -> Session:
    found = await sessions.get_session(
        app_name=session.app_name,
        user_id=session.user_id,
        session_id=session.id,
        config=GetSessionConfig(**config) if config else None,
    )
    assert found is not None
    return found


async def test_a_session_is_read_as_it_was_made_and_appended_to(sessions: TaskSessionService) -> None:
    assert await sessions.get_session(**NAMES) is None
    session = await sessions.create_session(app_name=APP, user_id=USER, state={"clause": "7.2"})
    assert session.id
    assert session.state == {"clause": "7.2"}
    assert await again(sessions, session) == session
    image = types.Part.from_bytes(data=b"\x00\xff" * 9, mime_type="image/png")
    event = Event(
        invocation_id="i",
        author="lawyer",
        content=types.Content(role="model", parts=[image, types.Part(text="Zölle")]),
        grounding_metadata=types.GroundingMetadata(search_entry_point=types.SearchEntryPoint(sdk_blob=b"blob")),
        turn_complete=True,
        partial=False,
        actions=EventActions(
            artifact_delta={"file": 0}, transfer_to_agent="other", escalate=True, agent_state={"a": 1}
        ),
        long_running_tool_ids={"one", "two"},
        error_code="E",
        error_message="it failed",
        interrupted=True,
        branch="lawyer.other",
        custom_metadata={"of": ["mine"]},
    )
    assert await sessions.append_event(session, event) is event
    assert await again(sessions, session) == session
    await sessions.append_event(session, said("a part of it", partial=True))
    await sessions.append_event(session, said("and all"))
    assert await again(sessions, session) == session
    assert len(session.events) == 2


async def test_state_has_four_scopes(sessions: TaskSessionService) -> None:
    one = await sessions.create_session(app_name=APP, user_id="one", state={"own": 1, "user:tone": "dry", "temp:t": 1})
    assert one.state == {"own": 1, "user:tone": "dry"}
    two = await sessions.create_session(app_name=APP, user_id="two")
    delta = {"app:terms": [1, {"of": None}], "user:tone": "warm", "temp:draft": "x", "own": 2, "gone": None}
    await sessions.append_event(one, changing(**delta))
    kept = {"app:terms": [1, {"of": None}], "user:tone": "warm", "own": 2, "gone": None}
    assert one.state == kept | {"temp:draft": "x"}  # for the agents of this invocation
    assert "temp:draft" not in one.events[-1].actions.state_delta
    assert (await again(sessions, one)).state == kept
    assert (await again(sessions, two)).state == {"app:terms": [1, {"of": None}]}
    other = await sessions.create_session(app_name=APP, user_id="one", state={"app:more": 1})
    assert other.state == {"app:terms": [1, {"of": None}], "app:more": 1, "user:tone": "warm"}
    assert (await sessions.create_session(app_name="another", user_id="one")).state == {}
    assert await sessions.get_user_state(app_name=APP, user_id="one") == {"tone": "warm"}
    assert await sessions.get_user_state(app_name=APP, user_id="nobody") == {}


async def test_what_json_does_not_know_becomes_text_as_it_does_in_adk(sessions: TaskSessionService) -> None:
    session = await sessions.create_session(app_name=APP, user_id=USER, state={"set": {3}, "bytes": b"x"})
    assert session.state == {"set": [3], "bytes": "x"}


async def test_of_a_long_session_only_what_was_asked_for_is_read(
    sessions: TaskSessionService, grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await sessions.create_session(**NAMES)
    for at in range(1, 6):
        await sessions.append_event(session, Event(author="user", timestamp=at))
    sent: list[str] = []
    real = grant.call

    async def call(*asked: Any, **how: Any) -> Any:
        answer = await real(*asked, **how)
        sent.extend(entry["key"] for entry in answer["entries"] if entry["key"].startswith("google-adk/events/"))
        return answer

    monkeypatch.setattr(grant, "call", call)

    async def times(**config: Any) -> tuple[list[float], int]:
        sent.clear()
        events = (await again(sessions, session, **config)).events
        return [event.timestamp for event in events], len(sent)

    assert await times() == ([1, 2, 3, 4, 5], 5)
    assert await times(num_recent_events=3) == ([3, 4, 5], 3)
    assert await times(num_recent_events=0) == ([], 1)
    assert await times(after_timestamp=4.0) == ([4, 5], 5)
    assert await times(after_timestamp=50) == ([], 5)
    assert await times(after_timestamp=4.0, num_recent_events=3) == ([4, 5], 3)
    assert await times(after_timestamp=2.0, num_recent_events=3) == ([3, 4, 5], 3)
    few = await again(sessions, session, num_recent_events=2)
    await sessions.append_event(few, Event(author="user", timestamp=6))
    assert [event.timestamp for event in (await again(sessions, session)).events] == [1, 2, 3, 4, 5, 6]


async def test_an_append_is_one_request_whose_size_does_not_grow_with_the_history(
    sessions: TaskSessionService, grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await sessions.create_session(**NAMES, state={f"name-{n}": "x" * 100 for n in range(40)})
    sent: list[int] = []
    real = grant.request

    async def request(method: str, url: str, **how: Any) -> Any:
        sent.append(len(str(how.get("json"))))
        return await real(method, url, **how)

    monkeypatch.setattr(grant, "request", request)
    for _ in range(20):
        await sessions.append_event(session, changing(turn="7", **{"app:turn": "7"}))
    assert len(sent) == 20
    assert max(sent[1:]) - min(sent[1:]) < 20  # before the first there was no event that has to be the last


async def test_sessions_are_listed_by_app_and_user_the_latest_used_last(sessions: TaskSessionService) -> None:
    made = {
        name: await sessions.create_session(app_name=APP, user_id=user, session_id=name, state={"name": name})
        for user, name in (("one", "a"), ("one", "b"), ("two", "c"))
    }
    await sessions.create_session(app_name="another", user_id="one", session_id="d")
    await sessions.append_event(made["a"], said("later"))
    of_one = (await sessions.list_sessions(app_name=APP, user_id="one")).sessions
    assert [(session.id, session.state, session.events) for session in of_one] == [
        ("b", {"name": "b"}, []),
        ("a", {"name": "a"}, []),
    ]
    assert of_one[1].last_update_time == made["a"].events[0].timestamp
    everybodys = (await sessions.list_sessions(app_name=APP)).sessions
    assert [session.id for session in everybodys] == ["b", "c", "a"]
    assert (await sessions.list_sessions(app_name="none")).sessions == []
    await sessions.append_event(of_one[0], said("from the list"))


async def test_a_deleted_session_is_gone_and_one_of_its_name_begins_anew(
    sessions: TaskSessionService, state: TaskState
) -> None:
    session = await sessions.create_session(**NAMES, state={"own": 1, "user:tone": "dry"})
    await sessions.append_event(session, said("hello"))
    deleted = await again(sessions, session)
    await sessions.delete_session(**NAMES)
    await sessions.delete_session(**NAMES)
    assert await sessions.get_session(**NAMES) is None
    with pytest.raises(SessionNotFoundError):
        await sessions.append_event(deleted, said("too late"))
    left = [entry.key async for entry in state.scan("google-adk/")]
    assert [key.split("/")[1] for key in left] == ["user"]
    new = await sessions.create_session(**NAMES)
    assert (new.state, new.events) == ({"user:tone": "dry"}, [])
    with pytest.raises(StaleSessionError):
        await sessions.append_event(deleted, said("to another session"))
    await sessions.append_event(new, said("hello"))


async def test_of_two_that_create_the_same_session_one_does(sessions: TaskSessionService) -> None:
    await sessions.create_session(**NAMES, state={"own": "first", "user:of": "first"})
    with pytest.raises(AlreadyExistsError):
        await sessions.create_session(**NAMES, state={"own": "second", "user:of": "second"})
    found = await sessions.get_session(**NAMES)
    assert found is not None
    assert found.state == {"own": "first", "user:of": "first"}


async def test_who_has_not_read_what_another_appended_is_refused_and_changes_nothing(
    sessions: TaskSessionService,
) -> None:
    session = await sessions.create_session(**NAMES, state={"own": 0})
    other = await again(sessions, session)
    await sessions.append_event(session, changing(own=1))
    many = {"own": 2, **{f"name-{n}": n for n in range(150)}}
    large = said("x" * 300_000, actions=EventActions(state_delta={"own": 2}))
    deltas: list[dict[str, Any]] = [{"own": 2}, {"own": 2, "large": "x" * 300_000}, many]
    for event in (large, *(changing(**delta) for delta in deltas)):
        with pytest.raises(StaleSessionError):
            await sessions.append_event(other, event)
    assert len(other.events) == 0
    assert await again(sessions, session) == session
    read = await again(sessions, session)
    await sessions.append_event(read, changing(own=3))
    assert (await again(sessions, session)).state == {"own": 3}


async def test_branches_of_one_run_append_one_after_the_other(sessions: TaskSessionService) -> None:
    session = await sessions.create_session(**NAMES)
    await asyncio.gather(*(sessions.append_event(session, said(str(number))) for number in range(5)))
    assert await again(sessions, session) == session


async def test_a_session_from_elsewhere_is_known_by_its_last_event(sessions: TaskSessionService) -> None:
    session = await sessions.create_session(**NAMES)
    await sessions.append_event(session, said("hello"))
    restored = Session.model_validate_json(session.model_dump_json())
    await sessions.append_event(restored, said("and more"))
    assert [event.id for event in (await again(sessions, session)).events] == [event.id for event in restored.events]
    stale = Session.model_validate_json(session.model_dump_json())
    with pytest.raises(StaleSessionError):
        await sessions.append_event(stale, said("too late"))
    with pytest.raises(SessionNotFoundError):
        await sessions.append_event(Session(app_name=APP, user_id=USER, id="unknown"), said("hello"))


async def test_large_and_deep_values_come_back_as_they_were(sessions: TaskSessionService) -> None:
    deep: Any = "end"
    for _ in range(60):
        deep = {"of": [deep]}
    values = {"large": "ä" * 200_000, "deep": deep, "number": 2**70, **{f"name-{n}": n for n in range(150)}}
    session = await sessions.create_session(**NAMES, state=values)
    assert session.state == values
    await sessions.append_event(session, said("x" * 400_000))
    await sessions.append_event(session, changing(**{f"name-{n}": -n for n in range(150)}, large="small"))
    assert (await again(sessions, session)).state == values | {f"name-{n}": -n for n in range(150)} | {"large": "small"}
    assert await again(sessions, session) == session


async def test_an_append_whose_answer_was_lost_is_answered_when_it_is_tried_again(
    sessions: TaskSessionService, journey: Journey
) -> None:
    session = await sessions.create_session(**NAMES)
    event = said("hello")
    journey.networks[0].loses_next = True
    with pytest.raises(Exception, match="the answer is lost"):
        await sessions.append_event(session, event)
    await sessions.append_event(session, event)
    assert await again(sessions, session) == session
    assert len(session.events) == 1


async def test_what_a_person_rolls_back_is_not_built_upon(
    sessions: TaskSessionService, journey: Journey, grant: Grant
) -> None:
    session = await sessions.create_session(**NAMES, state={"own": 0})
    await sessions.append_event(session, changing(own=1))
    before = await again(sessions, session)
    await sessions.append_event(session, changing(own=2))
    await sessions.append_event(session, changing(own=3))
    newest = before._storage_update_marker
    assert newest is not None
    head = (await journey.task(grant).resume())["cursor"]
    back = {"to": int(newest.split(".")[-1]), "head": head, "reason": None}
    headers = {"Idempotency-Key": "back"}
    answer = await journey.at_store(grant, "POST", f"/tasks/{grant.task_id}/rollbacks", json=back, headers=headers)
    assert answer.status_code == 201, answer.text
    assert await again(sessions, session) == before
    with pytest.raises(StaleSessionError):
        await sessions.append_event(session, changing(own=4))
    await sessions.append_event(before, changing(own=5))
    assert (await again(sessions, session)).state == {"own": 5}


async def test_names_and_words_are_not_in_the_keys(sessions: TaskSessionService, state: TaskState) -> None:
    session = await sessions.create_session(**NAMES, state={"whose": "Ada's", "user:name": "Lovelace", "app:x": 1})
    await sessions.append_event(session, said("hello"))
    keys = [entry.key async for entry in state.scan("google-adk/")]
    assert len(keys) == 5
    words = (APP, USER, SESSION, "whose", "name", "Lovelace", session.events[0].id)
    assert not [key for key in keys for word in words if word in key.removeprefix("google-adk/")]


async def test_after_a_transfer_the_session_goes_on_at_one_device_and_the_other_is_refused(
    sessions: TaskSessionService, journey: Journey, grant: Grant
) -> None:
    session = await sessions.create_session(**NAMES, state={"own": 1})
    await sessions.append_event(session, said("at the desktop"))
    phone = TaskSessionService(TaskState(await journey.hand_over(grant), store=journey.site.store))
    taken_over = await phone.get_session(**NAMES)
    assert taken_over == session
    await phone.append_event(taken_over, said("at the phone"))
    for write in (
        sessions.append_event(session, said("at the desktop")),
        sessions.create_session(app_name=APP, user_id=USER),
        sessions.delete_session(**NAMES),
    ):
        with pytest.raises(Lost):
            await write
    assert await phone.get_session(**NAMES) == taken_over
