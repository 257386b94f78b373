"""The last line against races: each change says what it was made from, whatever lock was held."""

from typing import Any

import pytest
import sqlalchemy as sa
from resource_world import OWNER, TASK, StoreWorld
from segue_resource.domain.actor import Caller
from segue_resource.domain.event import NewEvent
from segue_resource.domain.lifecycle import Status
from segue_resource.domain.refusal import StaleEpoch
from segue_resource.domain.tool_call import Step, ToolCall, approve
from segue_resource.key_files import load_master_key
from segue_resource.stores import lifecycle, tables, tool_calls
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.tool_calls import LostRace
from segue_resource.stores.unit import Behind, Writing, open_reading, open_writing, raise_epoch
from sqlalchemy.exc import IntegrityError

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio


def keeper(store: StoreWorld) -> Keeper:
    return Keeper(load_master_key(store.settings, random=lambda size: b"r" * size), lambda size: b"r" * size)


def caller(epoch: int = 1) -> Caller:
    return Caller(
        sub=OWNER, client_id="c", device_id="dev_1", task_id=TASK, epoch=epoch, transfer_id=None, needs=frozenset()
    )


@pytest.mark.requirement("T9", "R15")
async def test_a_step_made_from_a_call_that_has_changed_since_is_lost(store: StoreWorld) -> None:
    call_id = await store.device().propose("irreversible")

    def race(connection: sa.Connection) -> None:
        writing = open_writing(connection, caller(), keeper=keeper(store), now=store.now, expected=1)

        def overtaken(call: ToolCall) -> Step:
            connection.execute(sa.update(tables.tool_calls).values(version=tables.tool_calls.c.version + 1))
            return approve(call)

        tool_calls.step(writing, call_id, overtaken)

    with pytest.raises(LostRace):
        await store.database.write(race)
    assert (await store.device().read(f"/tool-calls/{call_id}"))["state"] == "proposed"


@pytest.mark.requirement("T6", "R26")
async def test_a_status_that_has_changed_since_it_was_read_is_not_overwritten(store: StoreWorld) -> None:
    def race(connection: sa.Connection) -> None:
        writing = open_writing(connection, caller(), keeper=keeper(store), now=store.now, expected=1)
        connection.execute(sa.update(tables.task_heads).values(status="closed"))  # as if nobody held the lock
        lifecycle.change(writing, Status.PAUSED, reason=None)

    with pytest.raises(LostRace):
        await store.database.write(race)
    assert (await store.device().read())["status"] == "open"


@pytest.mark.requirement("T7", "R59")
async def test_no_number_of_the_log_is_given_twice(store: StoreWorld) -> None:
    def twice(connection: sa.Connection) -> None:
        for _ in range(2):
            writing = open_writing(connection, caller(), keeper=keeper(store), now=store.now, expected=1)
            connection.execute(sa.update(tables.task_heads).values(head=writing.before))  # as if nobody held the lock
            writing.log(NewEvent("message", "agent", {}), session_id=None)
            writing.settle()

    with pytest.raises(IntegrityError):
        await store.database.write(twice)
    assert len(await store.device().log()) == 1


@pytest.mark.requirement("T7")
async def test_numbers_that_were_taken_and_not_used_are_given_back(store: StoreWorld) -> None:
    def work(connection: sa.Connection) -> Any:
        writing = open_writing(connection, caller(), keeper=keeper(store), now=store.now, expected=5)
        writing.note("task.renamed", {})
        writing.settle()
        return connection.execute(sa.select(tables.task_heads.c.head)).scalar_one()

    assert await store.database.write(work) == 2
    await store.device().say("next")
    assert [event["seq"] for event in await store.device().log()] == [1, 2, 3]


@pytest.mark.requirement("A9")
async def test_an_epoch_only_rises_and_tells_of_itself_once(store: StoreWorld) -> None:
    def work(connection: sa.Connection) -> list[int]:
        for epoch in (3, 2, 3, 1):
            raise_epoch(connection, caller(epoch), keeper=keeper(store), now=store.now)
        return list(connection.execute(sa.select(tables.task_heads.c.epoch)).scalars())

    assert await store.database.write(work) == [3]
    moved = [event for event in await store.device(epoch=3).log() if event["kind"] == "task.moved"]
    assert [event["body"]["epoch"] for event in moved] == [3]


@pytest.mark.requirement("A9")
async def test_a_task_can_be_opened_under_its_epoch_alone(store: StoreWorld) -> None:
    def opened(epoch: int, *, stale_too: bool = False) -> Any:
        def work(connection: sa.Connection) -> int:
            writing = open_writing(
                connection, caller(epoch), keeper=keeper(store), now=store.now, expected=0, stale_too=stale_too
            )
            assert isinstance(writing, Writing)
            return writing.head

        return store.database.write(work)

    await store.database.write(lambda connection: raise_epoch(connection, caller(2), keeper=keeper(store), now=1))
    assert await opened(2) == 2
    assert await opened(1, stale_too=True) == 2
    with pytest.raises(StaleEpoch) as stale:
        await opened(1)
    assert stale.value.head == 2
    for stale_too in (False, True):
        with pytest.raises(Behind):
            await opened(3, stale_too=stale_too)
    with pytest.raises(Behind):
        await store.database.read(
            lambda connection: open_reading(connection, caller(3), keeper=keeper(store), now=1).head
        )
