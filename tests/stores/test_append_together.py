"""Appends that share a transaction: what each is told, and that many of them cost hardly more statements than one."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from combining import append_to
from resource_world import OWNER, TASK, StoreWorld
from segue_resource.domain.actor import Caller
from segue_resource.domain.event import NewEvent
from segue_resource.domain.refusal import KeyReused, NotYourRole, Refused, StaleEpoch
from segue_resource.endpoints.task_request import answer
from segue_resource.key_files import load_master_key
from segue_resource.stores import events
from segue_resource.stores.idempotency import Answer, Attempt
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.task_store import Answered, TaskStore
from segue_resource.stores.unit import Writing

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

Outcome = Answered | BaseException


class Appends:
    """Appends of one event each, asked for at once: the first is done alone, those behind it together."""

    def __init__(self, store: StoreWorld) -> None:
        dice = lambda size: b"r" * size  # noqa: E731
        keeper = Keeper(load_master_key(store.settings, random=dice), dice)
        self._store = TaskStore(store.database, store.ephemeral, keeper=keeper, clock=store.clock)
        self._asked: list[Any] = []

    def ask(self, text: str, *, key: str = "", role: str = "agent", device: str = "dev_1", epoch: int = 1) -> None:
        def work(writing: Writing) -> Answer:
            first, last = events.append(writing, [NewEvent("message", role, {"text": text})], session_id=None)
            return answer(201, {"first": first, "last": last})

        caller = Caller(OWNER, "c", device, TASK, epoch, None, frozenset({"events:append"}))
        attempt = Attempt(key or text, text)
        self._asked.append(self._store.write(caller, work, attempt=attempt, only_logs=True))

    async def all(self) -> list[Outcome]:
        asked, self._asked = self._asked, []
        return await asyncio.gather(*asked, return_exceptions=True)


def kinds(outcomes: list[Outcome]) -> list[str]:
    return ["replayed" if isinstance(one, Answered) and one.replayed else type(one).__name__ for one in outcomes]


async def logged(store: StoreWorld) -> list[tuple[int, str]]:
    return [(event["seq"], event["body"]["text"]) for event in (await store.device().log())[1:]]


@pytest.mark.requirement("T7", "R34")
async def test_one_that_is_refused_leaves_nothing_and_the_others_go_on(store: StoreWorld) -> None:
    appends = Appends(store)
    for text, role in (("a", "agent"), ("b", "agent"), ("in another's name", "human_agent"), ("c", "customer")):
        appends.ask(text, role=role)
    outcomes = await appends.all()
    assert kinds(outcomes) == ["Answered", "Answered", NotYourRole.__name__, "Answered"]
    refused = outcomes[2]
    assert isinstance(refused, Refused)
    assert refused.head == 3
    assert await logged(store) == [(2, "a"), (3, "b"), (4, "c")]


@pytest.mark.requirement("T7", "R34")
async def test_a_repeat_within_the_crowd_gets_the_first_answer_and_another_request_under_its_key_none(
    store: StoreWorld,
) -> None:
    appends = Appends(store)
    appends.ask("a")
    for text, key in (("b", "b"), ("b", "b"), ("not b", "b"), ("a", "a")):
        appends.ask(text, key=key)
    outcomes = await appends.all()
    assert kinds(outcomes) == ["Answered", "Answered", "replayed", KeyReused.__name__, "replayed"]
    assert isinstance(outcomes[1], Answered)
    assert isinstance(outcomes[2], Answered)
    assert outcomes[1].answer == outcomes[2].answer
    assert await logged(store) == [(2, "a"), (3, "b")]


@pytest.mark.requirement("T7")
async def test_a_crowd_of_nothing_but_repeats_changes_nothing(store: StoreWorld) -> None:
    appends = Appends(store)
    appends.ask("a")
    await appends.all()
    before = (await store.cards("GET")).json()
    store.now += 100
    for _ in range(4):
        appends.ask("a")
    assert kinds(await appends.all()) == ["replayed"] * 4
    assert (await store.device().read())["head"] == 2
    assert (await store.cards("GET")).json() == before


@pytest.mark.requirement("R34")
async def test_each_says_which_device_wrote_it(store: StoreWorld) -> None:
    appends = Appends(store)
    for number in range(4):
        appends.ask(f"of {number}", device=f"dev_{number}")
    await appends.all()
    log = (await store.device().log())[1:]
    assert [(event["body"]["text"], event["actor"]["device_id"]) for event in log] == [
        (f"of {number}", f"dev_{number}") for number in range(4)
    ]


@pytest.mark.requirement("T7", "R8")
async def test_a_crowd_that_comes_after_a_move_is_let_in_and_one_of_the_device_left_behind_is_not(
    store: StoreWorld,
) -> None:
    appends = Appends(store)
    for number in range(4):
        appends.ask(f"moved {number}", epoch=2)
    assert kinds(await appends.all()) == ["Answered"] * 4
    for number in range(4):
        appends.ask(f"left behind {number}")
    assert kinds(await appends.all()) == [StaleEpoch.__name__] * 4
    assert [event["kind"] for event in (await store.device(epoch=2).log())] == [
        "task.created",
        "task.moved",
        *["message"] * 4,
    ]


@pytest.mark.requirement("T7", "R59")
async def test_what_many_turns_cost_together_hardly_grows_with_them(store: StoreWorld) -> None:
    """One turn alone and seven together, then one alone and fifty together: the same statements."""
    append, counted = append_to(store, store.database, TASK), []

    def count(_: Any, __: Any, statement: str, *___: Any) -> None:
        counted.append(statement.split()[0])

    engine: Any = store.database
    sa.event.listen(engine._engine, "before_cursor_execute", count)
    found = []
    for turn, writers in enumerate((8, 51)):
        await append(99, turn)  # what is prepared once is prepared
        counted.clear()
        await asyncio.gather(*(append(writer, turn) for writer in range(writers)))
        found.append([word for word in counted if word not in ("BEGIN", "COMMIT")])
    sa.event.remove(engine._engine, "before_cursor_execute", count)
    assert len(found[0]) == len(found[1])
    assert len(found[1]) <= 9
