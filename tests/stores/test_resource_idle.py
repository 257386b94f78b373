"""What a task costs while nobody does anything in it: no query, few bytes, and one resume to wake it."""

import secrets
from typing import Any

import pytest
import sqlalchemy as sa
from resource_world import TASK, StoreWorld, event, item
from rounds import rounds
from segue_resource.domain.retention import DAY, Retention
from segue_resource.key_files import load_master_key
from segue_resource.retiring import retire_all
from segue_resource.stores import tables
from segue_resource.stores.ending import retention
from segue_resource.stores.keys.task_keys import Keeper

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T19", "R47")]

POLICY = Retention()
IDLE = 10_000


async def tick(store: StoreWorld) -> int:
    keeper = Keeper(load_master_key(store.settings, random=secrets.token_bytes), secrets.token_bytes)
    return await retire_all(store.database, POLICY, keeper=keeper, clock=store.clock)


async def fill(store: StoreWorld) -> None:
    """Idle tasks that the policy knows, each due at its own time."""

    def write(connection: sa.Connection) -> None:
        numbers = range(IDLE)
        common = {"owner": "usr_1", "name_source": "person", "sensitivity": "normal", "version": 1, "sealed": b"x"}
        common |= {"created_at": store.now, "key_no": 1, "reckoned": POLICY.mark}
        rows = [{"task_id": f"tsk_{n}", "due_at": store.now + 1000 + n, **common} for n in numbers]
        connection.execute(sa.insert(tables.tasks), rows)
        head: dict[str, Any] = {"head": 1, "epoch": 1, "status": "open", "lead": "agent", "working_set_version": 0}
        heads = [{"task_id": f"tsk_{n}", "last_at": store.now, **head} for n in numbers]
        connection.execute(sa.insert(tables.task_heads), heads)

    await store.database.write(write)
    if store.database.dialect == "postgresql":
        await store.database.write(lambda connection: connection.exec_driver_sql("ANALYZE").rowcount)


async def test_ten_thousand_idle_tasks_cost_one_look_at_an_index(store: StoreWorld) -> None:
    await tick(store)
    await fill(store)
    asked: list[tuple[str, Any]] = []

    def looked(connection: sa.Connection) -> tuple[list[str], list[list[str]]]:
        def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
            asked.append((statement, parameters))

        sa.event.listen(connection, "before_cursor_execute", note)
        found = retention.due(connection, POLICY, now=store.now, most=100)
        sa.event.remove(connection, "before_cursor_execute", note)
        explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        plans = [
            [str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)]
            for statement, parameters in asked
        ]
        return found, plans

    found, plans = await store.database.read(looked)
    assert (found, len(asked)) == ([], 3)
    for plan in plans:
        told = " ".join(plan)
        assert "tasks_by_due" in told, plan
        assert "Seq Scan" not in told, plan
        assert "SCAN tasks" not in told, plan
    due = await store.database.read(lambda c: retention.due(c, POLICY, now=store.now + 1004, most=100))
    assert due == [f"tsk_{n}" for n in range(5)]


async def sealed_bytes(store: StoreWorld, task_id: str) -> int:
    """Of everything that people and agents wrote in the task."""
    columns = [
        column
        for name in ("events", "working_set_versions", "tool_calls", "idempotency_keys")
        for column in tables.metadata.tables[name].c
        if column.name.endswith("sealed")
    ]

    def add(connection: sa.Connection) -> int:
        sums = (
            sa.select(sa.func.coalesce(sa.func.sum(sa.func.length(column)), 0)).where(column.table.c.task_id == task_id)
            for column in columns
        )
        return sum(int(connection.execute(one).scalar_one()) for one in sums)

    return await store.database.read(add)


async def test_what_an_ended_task_keeps_does_not_depend_on_how_much_was_said(store: StoreWorld) -> None:
    kept = []
    for said in (10, rounds(bounded=200, full=20_000)):
        task_id = f"tsk_said_{said}"
        await store.begin(task_id)
        device = store.device(task_id=task_id)
        for _ in range(said // 10):
            await device.post("/events", {"events": [event("what was said " * 20)] * 10})
        await device.put("cap", item())
        await device.post("/status", {"to": "closed"})
        await tick(store)
        store.now += 400 * DAY
        await tick(store)
        await store.restart()
        kept.append(await sealed_bytes(store, task_id))
    few, many = kept
    assert many <= few + 100


async def test_a_task_that_was_idle_for_months_wakes_with_one_resume(store: StoreWorld) -> None:
    device = store.device()
    await device.put("cap", item())
    for _ in range(3):
        await device.post("/events", {"events": [event("x")] * 100})
    await tick(store)
    await store.later(120 * DAY)
    assert await tick(store) == 1
    woken = store.device()
    view = await woken.read("/resume")
    assert (view["task"]["status"], len(view["events"])) == ("paused", 50)
    assert [kept["title"] for kept in view["working_set"]] == [item()["title"]]
    assert view["expiry"] == {"closes_at": store.now + 60 * DAY, "erases_at": None}
    assert (await woken.post("/status", {"to": "active"})).status_code == 200
    assert (await woken.say("where were we")).status_code == 201
    assert (await store.device(task_id=TASK).read("/resume"))["expiry"]["closes_at"] == store.now + 180 * DAY
