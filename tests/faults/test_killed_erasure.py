"""kill -9 of an erasure and of a rotation of the master key: nothing is lost, and the same command goes on."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import killed_command
import pytest
import sqlalchemy as sa
from canary import CANARY
from participating import join
from resource_world import OWNER, TASK, StoreWorld, event
from rounds import rounds
from segue_resource.stores import tables
from segue_resource.stores.audit_verification import verify
from segue_resource.stores.ending import content_places
from segue_resource.stores.keys import master_key
from segue_resource.stores.keys.key_ring import read_ring

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T18", "R32")]

TASKS = 4
ERASING = [
    ("ending.erasures:erase", 3),
    ("ending.erasures:_cleared", 2),
    ("ending.erasures:_cleared", 9),
    ("ending.erasures:Clearing._forget", 1),
]
ERASING = ERASING[: rounds(bounded=2, full=4)]
ROTATING = [
    ("keys.rotation:_write", 2),
    ("keys.rotation:Rotation._rewrap", 1),
    ("keys.key_generations:retire_others", 1),
]
ROTATING = ROTATING[: rounds(bounded=2, full=3)]
NEVER = 10**9
Killed = Callable[..., Any]


@pytest.fixture
def killed(store: StoreWorld, tmp_path: Path, request: pytest.FixtureRequest) -> Killed:
    """`await killed(moment, number, "rekey", …)`: the exit status."""
    environment = {
        "SEGUE_RESOURCE_URL": store.settings.url,
        "SEGUE_AUTHZ_ISSUER": store.settings.issuer,
        "SEGUE_RESOURCE_DATABASE": store.settings.database,
        "SEGUE_RESOURCE_KEY_FILE": str(store.settings.key_file),
        "SEGUE_RESOURCE_BLOBS": store.settings.blob_place,
        "SEGUE_RESOURCE_NONCE_SECRET_FILE": str(tmp_path / "nonce"),
    }
    (tmp_path / "nonce").write_bytes(bytes(32))
    if not store.settings.database.startswith("sqlite"):
        environment["SEGUE_RESOURCE_REDIS"] = request.getfixturevalue("redis_server").url

    async def run(moment: str, number: int, *words: str) -> int:
        return await asyncio.to_thread(killed_command.run, moment, number, list(words), environment)

    return run


async def written(store: StoreWorld) -> list[str]:
    """Tasks in which the owner said something, and in the first somebody else too."""
    others = [f"tsk_{number}" for number in range(TASKS - 1)]
    for task_id in others:
        await store.begin(task_id)
    for task_id in (TASK, *others):
        await store.device(task_id=task_id).say(CANARY)
    await (await join(store)).post("/events", {"events": [event("the other's words", role="human_agent")]})
    return [TASK, *others]


async def rows(store: StoreWorld, statement: sa.Select[Any]) -> list[Any]:
    return await store.database.read(lambda connection: list(connection.execute(statement)))


async def faults(store: StoreWorld) -> list[Any]:
    master = master_key.load(store.settings.key_file)
    found = await store.database.read(lambda connection: verify(connection, master=master))
    return list(found.faults)


async def living(store: StoreWorld, sub: str) -> int:
    keys = tables.data_keys
    return len(await rows(store, sa.select(keys).where(keys.c.sub == sub, keys.c.wrapped.is_not(None))))


async def left(store: StoreWorld) -> int:
    """Values that are still there though their key is destroyed."""
    keys, found = tables.data_keys, 0
    for place in content_places.SEALED:
        its = sa.and_(keys.c.task_id == place.table.c.task_id, keys.c.key_no == place.key_no)
        statement = sa.select(place.key_no).join(keys, its).where(keys.c.wrapped.is_(None), place.sealed != b"")
        found += len(await rows(store, statement))
    return found


@pytest.mark.parametrize(("moment", "number"), ERASING)
async def test_an_erasure_that_was_killed_is_done_by_the_same_command(
    store: StoreWorld, killed: Killed, moment: str, number: int
) -> None:
    task_ids = await written(store)
    await store.stop()  # a running server would clear it by itself
    assert await killed(moment, number, "erase", "--sub", OWNER) == -signal.SIGKILL
    in_the_middle = await living(store, OWNER) + await left(store)
    assert in_the_middle
    assert await killed(moment, NEVER, "erase", "--sub", OWNER) == 0
    assert (await living(store, OWNER), await left(store)) == (0, 0)
    assert await living(store, "usr_other") == 1
    states = [state for (state,) in await rows(store, sa.select(tables.erasures.c.state))]
    assert states == ["cleared"] * TASKS
    await store.restart()
    for task_id in task_ids:
        found = await store.device(task_id=task_id).get("/events")
        assert (found.status_code, CANARY in found.text) == (200, False)
    assert "the other's words" in (await store.device().get("/events")).text
    assert await faults(store) == []


@pytest.mark.parametrize(("moment", "number"), ROTATING)
async def test_a_rotation_that_was_killed_is_done_by_the_same_command_and_everything_opens_meanwhile(
    store: StoreWorld, killed: Killed, moment: str, number: int
) -> None:
    task_ids = await written(store)
    assert await killed(moment, number, "rekey", "--destroy-old") == -signal.SIGKILL
    begun = read_ring(store.settings.key_file).generations
    assert len(begun) == 2
    await open_everything(store, task_ids)
    assert await killed(moment, NEVER, "rekey", "--destroy-old") == 0
    assert [one.key_id for one in read_ring(store.settings.key_file).generations] == [begun[-1].key_id]
    by = {key_id for (key_id,) in await rows(store, sa.select(tables.data_keys.c.master_key_id))}
    assert by == {begun[-1].key_id}
    await open_everything(store, task_ids)
    assert await faults(store) == []


async def open_everything(store: StoreWorld, task_ids: list[str]) -> None:
    for task_id in task_ids:
        assert CANARY in (await store.device(task_id=task_id).get("/events")).text
        assert (await store.device(task_id=task_id).say("and on it goes")).status_code == 201
