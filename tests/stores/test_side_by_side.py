"""Many tasks of one agent, for several people, worked on at once by two servers: none touches another (T24).

`SEGUE_TEST_ROUNDS` says how many tasks; the figures of a full run are in specs/evidence/task-store-goals.md.
"""

import asyncio
import dataclasses
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import filing
import pytest
from combining import Append, append_to
from resource_world import TASK, Device, StoreWorld, item
from rounds import rounds
from scrubbing import faults_of
from segue_resource.domain.search import SearchMode
from segue_storage.database import open_database
from segue_storage.ephemeral import open_ephemeral

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T24", "R39")]

TASKS = rounds(bounded=24, full=200)
PEOPLE = 5
AT_ONCE = 16
"""Tasks that are worked on at a time."""
OTHERS = 8
"""Tasks beside the one that is hot."""
BURST = 64
TURNS = 4
SHIFTS = rounds(bounded=3, full=20)
MOST_SLOWED = 30
"""How many times slower the others may be: sixty-four writers and eight share one process and one core here, and on a
core that does its work in the order in which it comes, that alone would be nine times."""


@dataclass(frozen=True)
class Worked:
    """A task, a word that nobody says in another, its two devices, and the tool call that they both want to run."""

    task_id: str
    mark: str
    desktop: Device
    phone: Device

    @property
    def devices(self) -> tuple[Device, Device]:
        return self.desktop, self.phone


@asynccontextmanager
async def two_servers(store: StoreWorld, redis_url: str | None) -> AsyncIterator[tuple[StoreWorld, StoreWorld]]:
    """Both on the same state, each with its own connections; with an index of words that all tasks share."""
    store.settings = dataclasses.replace(store.settings, search=SearchMode.BLIND)
    await store.restart()
    database = open_database(store.settings.database, threads=4)
    ephemeral = open_ephemeral(redis_url, store.clock) if redis_url else store.ephemeral
    second = dataclasses.replace(store, app=None, lifespan=None, database=database, ephemeral=ephemeral)
    await second.restart()
    try:
        yield store, second
    finally:
        await second.stop()
        await database.aclose()
        if redis_url:
            await ephemeral.aclose()


async def begin(servers: tuple[StoreWorld, StoreWorld], number: int) -> Worked:
    """A task of one of the people; the agent is the same client everywhere."""
    task_id, sub = f"tsk_side_{number:04d}", f"usr_{number % PEOPLE}"
    await servers[number % 2].begin(task_id, name=f"Contract {number}", sub=sub)
    desktop, phone = (server.device(task_id=task_id, sub=sub, client_id="one-agent") for server in servers)
    return Worked(task_id, f"walrus{number:04d}", desktop, phone)


async def work(worked: Worked, executed: Counter[str]) -> None:
    """Both devices write; one of them gets to run the call, and says so."""
    mark, desktop, phone = worked.mark, worked.desktop, worked.phone
    for device in worked.devices:
        await device.get()  # so that it has a nonce before it sends two requests at once
    await asyncio.gather(*(_say(device, f"{mark} everywhere {turn}") for turn in range(2) for device in worked.devices))
    assert (await desktop.put("draft", item(f"Draft {mark}", body=f"About {mark}."))).status_code == 201
    call_id = await phone.propose(arguments={"about": mark})
    await asyncio.gather(*(_run(device, call_id, mark, executed) for device in worked.devices))
    assert (await filing.put(phone, "result.txt", mark.encode())).status_code == 201
    assert len(await _found(desktop, mark)) == 7  # what was said, the item, and the call as proposed and as it ended


async def _say(device: Device, text: str) -> None:
    said = await device.say(text)
    assert said.status_code == 201, said.text


async def _run(device: Device, call_id: str, mark: str, executed: Counter[str]) -> None:
    claimed = await device.step(call_id, "claim", lease=60)
    assert claimed.status_code in (200, 409), claimed.text
    fence = claimed.json().get("fence")
    if fence is None:  # the other one has it, or has done it: then the answer is the result
        return
    assert (await device.step(call_id, "start", fence=fence, lease=60)).status_code == 200
    executed[call_id] += 1
    done = await device.step(call_id, "complete", fence=fence, result={"told": mark})
    assert done.status_code == 200, done.text


async def _found(device: Device, word: str) -> list[dict[str, Any]]:
    answer = await device.post("/search", {"query": word, "limit": 100})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["hits"])


async def test_of_many_tasks_of_one_agent_none_shows_a_word_of_another(
    store: StoreWorld, request: pytest.FixtureRequest
) -> None:
    executed: Counter[str] = Counter()
    redis_url = request.getfixturevalue("redis_server").url if store.database.dialect == "postgresql" else None
    async with two_servers(store, redis_url) as servers:
        every = [await begin(servers, number) for number in range(TASKS)]
        turn = asyncio.Semaphore(AT_ONCE)

        async def take_turn(worked: Worked) -> None:
            async with turn:
                await work(worked, executed)

        await asyncio.gather(*(take_turn(worked) for worked in every))
        marks = {worked.mark for worked in every}
        for worked in every:
            await _alone(worked, marks - {worked.mark})
            assert [str(fault) for fault in await faults_of(store, worked.task_id)] == []
    assert (len(executed), set(executed.values())) == (TASKS, {1})
    print(f"{store.database.dialect}: {TASKS} tasks at once, no word astray, each call executed once")


async def _alone(worked: Worked, others: set[str]) -> None:
    """Nothing that can be read of the task tells of another one; its log has every number once."""
    device = worked.desktop
    log = await device.log()
    assert [told["seq"] for told in log] == list(range(1, len(log) + 1))
    paths = ("/resume", "/working-set", "/tool-calls", "/artifacts")
    answers = [await device.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200] * len(paths)
    file = (await filing.get(device, "result.txt")).content.decode()
    shared = await _found(device, "everywhere")
    shown = str([log, file, shared, *(answer.text for answer in answers)])
    assert worked.mark in shown
    assert not [mark for mark in others if mark in shown]
    assert len(shared) == 4
    assert await _found(device, min(others)) == []


async def test_a_task_with_64_writers_at_once_slows_its_neighbours_by_a_bounded_factor(store: StoreWorld) -> None:
    names = [f"tsk_side_{number:04d}" for number in range(OTHERS)]
    for task_id in names:
        await store.begin(task_id)
    others = [append_to(store, store.database, task_id) for task_id in names]
    hot = append_to(store, store.database, TASK)
    quiet: list[float] = []
    beside: list[float] = []
    for shift in range(SHIFTS):  # in turns, so that whatever else the machine does is in both
        await _neighbours(others, 2 * shift, quiet)
        async with _hot(hot, shift):
            await _neighbours(others, 2 * shift + 1, beside)
    log = await store.device().log()
    assert len(log) >= BURST
    without, with_it = (statistics.median(took) * 1000 for took in (quiet, beside))
    slowed = with_it / without
    said = f"median {without:.1f} ms without and {with_it:.1f} ms with it: {slowed:.1f} times"
    print(f"{store.database.dialect}: {OTHERS} tasks beside one of {BURST} writers, {said}")
    assert slowed < MOST_SLOWED


async def _neighbours(others: list[Append], shift: int, took: list[float]) -> None:
    async def write(append: Append, writer: int) -> None:
        for turn in range(TURNS):
            began = time.perf_counter()
            await append(writer, shift * TURNS + turn)
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(write(append, writer) for writer, append in enumerate(others)))


@asynccontextmanager
async def _hot(append: Append, shift: int) -> AsyncIterator[None]:
    """Sixty-four appends are under way all the time."""
    over = asyncio.Event()

    async def write(writer: int) -> None:
        turn = shift * 100_000
        while not over.is_set():
            await append(writer, turn)
            turn += 1

    writers = [asyncio.create_task(write(writer)) for writer in range(BURST)]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*writers)
