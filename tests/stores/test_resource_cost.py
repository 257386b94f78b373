"""What a resume, a page and an append cost does not depend on how long the task has been going on."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from aged_task import age
from resource_world import Device, StoreWorld, event, item

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

_TOUCHED = sa.text(
    "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch + n_tup_ins + n_tup_upd), 0) FROM pg_stat_xact_user_tables"
)


class Meter:
    """Stands before a database: `cost` is the rows PostgreSQL touched, or the steps SQLite's machine made, so far."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self.dialect = database.dialect
        self.cost = 0
        self.statements = 0

    async def read(self, work: Callable[[sa.Connection], Any]) -> Any:
        return await self._database.read(lambda connection: self._measured(connection, work))

    async def write(self, work: Callable[[sa.Connection], Any], *, together: str | None = None) -> Any:
        return await self._database.write(lambda connection: self._measured(connection, work), together=together)

    def _measured(self, connection: sa.Connection, work: Callable[[sa.Connection], Any]) -> Any:
        return (self._rows if self.dialect == "postgresql" else self._steps)(connection, work)

    def _rows(self, connection: sa.Connection, work: Callable[[sa.Connection], Any]) -> Any:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # tables this small would be read as a whole
        before = connection.execute(_TOUCHED).scalar_one()
        result = self._done(connection, work)
        self.cost += int(connection.execute(_TOUCHED).scalar_one() - before)
        return result

    def _steps(self, connection: sa.Connection, work: Callable[[sa.Connection], Any]) -> Any:
        driver: Any = connection.connection.dbapi_connection
        driver.set_progress_handler(self._count_step, 1)
        try:
            return self._done(connection, work)
        finally:
            driver.set_progress_handler(None, 0)

    def _done(self, connection: sa.Connection, work: Callable[[sa.Connection], Any]) -> Any:
        sa.event.listen(connection, "before_cursor_execute", self._count_statement)
        try:
            return work(connection)
        finally:
            sa.event.remove(connection, "before_cursor_execute", self._count_statement)

    def _count_step(self) -> int:
        self.cost += 1
        return 0

    def _count_statement(self, *_: Any) -> None:
        self.statements += 1


async def cost_of(store: StoreWorld, ask: Callable[[], Awaitable[Any]]) -> tuple[int, int]:
    """Cost and number of statements of one request."""
    meter, database = Meter(store.database), store.database
    if database.dialect == "postgresql":  # as autovacuum does, or the planner thinks all indexes alike
        await database.write(lambda connection: connection.exec_driver_sql("ANALYZE").rowcount)
    store.database = meter  # type: ignore[assignment]
    await store.restart()
    await ask()
    store.database = database
    await store.restart()
    return meter.cost, meter.statements


async def shown_before(device: Device) -> None:
    """The token has been shown everything: the first time, that is put on record."""
    for path in ("", "/resume", "/events", "/working-set"):
        await device.read(path)


async def history(device: Device, events: int, calls: int) -> None:
    """A past: messages, finished tool calls, ended sessions, superseded versions of one item."""
    for _ in range(events // 100):
        await device.post("/events", {"events": [event("x")] * 100})
    for _ in range(calls):
        call_id, fence = await device.running()
        await device.step(call_id, "complete", fence=fence, result=1)
        session = (await device.post("/sessions", {"name": "Tab", "transport": "web"})).json()["session_id"]
        await device.send("DELETE", f"/sessions/{session}")
        version = (await device.read("/working-set/draft"))["version"]
        await device.put("draft", item(), version=version)


@pytest.mark.requirement("T5", "T7", "R47")
async def test_a_long_past_costs_a_resume_a_page_and_an_append_nothing(store: StoreWorld) -> None:
    device = store.device()
    await shown_before(device)
    await device.put("draft", item())
    await device.post("/sessions", {"name": "Desktop", "transport": "web"})
    await device.propose()
    asked: dict[str, Callable[[], Awaitable[Any]]] = {
        "resume": lambda: device.read("/resume"),
        "page": lambda: device.read("/events?after=20&limit=20"),
        "append": lambda: device.say("one more"),
        "calls": lambda: device.propose(),
        "items": lambda: device.read("/working-set"),
        "cards": lambda: store.cards("GET"),
    }
    await history(device, 200, 3)
    young = {name: await cost_of(store, ask) for name, ask in asked.items()}
    await history(device, 1600, 17)
    old = {name: await cost_of(store, ask) for name, ask in asked.items()}
    for name in asked:
        assert old[name][1] == young[name][1], name
        assert old[name][0] <= young[name][0] * 1.2, (name, young[name], old[name])
    assert (old["resume"][1], old["append"][1]) == (14, 3)


@pytest.mark.requirement("T3", "T5", "R47")
async def test_after_a_hundred_thousand_of_everything_no_more_is_read_than_after_a_hundred(store: StoreWorld) -> None:
    device = store.device()
    await shown_before(device)
    await device.put("draft", item())
    await device.propose()

    async def measured(last: int) -> dict[str, tuple[int, int]]:
        """What each request costs once a page of real things has come after `last` of everything."""
        assert (await device.put("draft", item(), version=last)).status_code == 200
        await device.post("/events", {"events": [event("x")] * 100})
        head = (await device.read())["head"]
        asked: dict[str, Callable[[], Awaitable[Any]]] = {
            "resume": lambda: device.read("/resume"),
            "task": lambda: device.read(""),
            "page": lambda: device.read(f"/events?after={head - 20}&limit=20"),
            "items": lambda: device.read("/working-set"),
            "items as of": lambda: device.read(f"/working-set?as_of={head}"),
            "append": lambda: device.say("one more", key=secrets.token_hex(8)),
        }
        for ask in asked.values():  # the first time may leave a mark
            await ask()
        return {name: await cost_of(store, ask) for name, ask in asked.items()}

    await age(store, first=(await device.read())["head"] + 1, last=100)
    young = await measured(100)
    await age(store, first=(await device.read())["head"] + 1, last=100_000)
    old = await measured(100_000)
    assert old.keys() == young.keys()
    for name in old:
        assert old[name][1] == young[name][1], name
        assert old[name][0] <= young[name][0], (name, young[name], old[name])


@pytest.mark.requirement("T17")
async def test_a_resume_costs_one_small_write_for_each_token_and_none_afterwards(store: StoreWorld) -> None:
    device = store.device()
    writes: list[int] = []
    write = store.database.write

    async def counted(work: Any, **options: Any) -> Any:
        writes.append(1)
        return await write(work, **options)

    store.database.write = counted  # type: ignore[method-assign]
    for _ in range(3):
        await device.read("/resume")
    assert len(writes) == 1
    device.refresh()
    for _ in range(3):
        await device.read("/resume")
    assert len(writes) == 2
    store.database.write = write  # type: ignore[method-assign]
