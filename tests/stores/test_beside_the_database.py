"""What has no place in an append's transaction, and what never reaches the database at all.

`NOTIFY` serialises the commits of a whole PostgreSQL server; the pieces of an answer that is being written are many.
"""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from combining import append_to
from resource_world import TASK, StoreWorld
from segue_resource.endpoints import drafts, heads
from segue_storage.database import Work
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from sqlalchemy.exc import NotSupportedError

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

SCALED = [pytest.param("scaled", marks=[pytest.mark.postgresql, pytest.mark.redis])]


class Prepared:
    """Commits each write in two phases, which PostgreSQL refuses if anything in it has said `NOTIFY`."""

    dialect = "postgresql"

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self.prepared = 0

    async def write(self, work: Work[Any], *, together: str | None = None) -> Any:
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            value = work(connection)
            connection.exec_driver_sql("PREPARE TRANSACTION 'segue'")
            connection.exec_driver_sql("COMMIT PREPARED 'segue'")
            self.prepared += 1
            return value

    async def read(self, work: Work[Any]) -> Any:
        with self._engine.connect() as connection:
            return work(connection)

    async def aclose(self) -> None:
        self._engine.dispose()


@pytest.mark.parametrize("store", SCALED, indirect=True)
@pytest.mark.requirement("T7", "T11")
async def test_nothing_that_changes_a_task_notifies_in_its_transaction(store: StoreWorld) -> None:
    database, own = Prepared(open_engine(parse_database_url(store.settings.database))), store.database
    store.database = database
    await store.restart()
    device = store.device()
    await append_to(store, database, TASK)(1, 1)
    assert (await device.say("over HTTP")).status_code == 201
    call_id, fence = await device.running()
    assert (await device.step(call_id, "complete", fence=fence, result="done")).status_code == 200
    assert (await device.after_move(2).say("moved")).status_code == 201
    assert database.prepared > 7
    with pytest.raises(NotSupportedError, match="NOTIFY"):
        await database.write(lambda connection: connection.exec_driver_sql("NOTIFY segue").close())
    store.database = own
    await store.restart()


@pytest.mark.requirement("T7", "T16")
async def test_an_answer_is_written_and_heard_piece_by_piece_without_one_statement(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "RECHECK", 60.0)
    monkeypatch.setattr(heads, "EVERY", 60.0)
    await store.restart()
    writer, reader, statements = store.device(), store.device(), []

    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    draft = f"/drafts/{(await writer.post('/drafts', {'role': 'agent'})).json()['draft_id']}"
    assert (await writer.send("PATCH", draft, json={"offset": 0, "text": "."})).status_code == 200
    async with reader.follow(last_event_id=1) as stream:
        await stream.start()
        heard = ""
        while heard != ".":
            heard = _with_delta(heard, await stream.block())
        sa.event.listen(sa.Engine, "before_cursor_execute", executed)
        try:
            for number in range(1, 20):
                grown = await writer.send("PATCH", draft, json={"offset": number, "text": "."})
                assert grown.json()["length"] == number + 1
            while heard != "." * 20:
                heard = _with_delta(heard, await stream.block())
            assert statements == []
            await writer.say("finished")
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", executed)
    assert any(statement.startswith("INSERT INTO events") for statement in statements)


def _with_delta(text: str, block: dict[str, str]) -> str:
    if block.get("event") != "delta":
        return text
    delta = json.loads(block["data"])
    return text[: delta["offset"]] + str(delta["text"])
