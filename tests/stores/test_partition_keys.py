"""The partition key is visible: what a task's own requests execute names the task, so that one machine answers it."""

import pytest
from recorded_statements import PUBLISHED, nameless, recorded, without_key
from resource_world import StoreWorld, item

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

LOCATING = {table: [key] for key, tables in PUBLISHED["key"].items() for table in tables}


@pytest.mark.requirement("T8")
async def test_every_statement_of_a_tasks_own_requests_names_the_task(
    embedded_store: StoreWorld,
) -> None:
    with recorded() as executed:
        await _work(embedded_store)
    assert len(executed) > 30
    assert nameless(executed, LOCATING, excepted=PUBLISHED["exceptions"].__contains__) == set()


async def _work(embedded_store: StoreWorld) -> None:
    device = embedded_store.device()
    session = await device.post("/sessions", {"name": "Desktop", "transport": "web"})
    call_id = await device.propose()
    answers = [
        session,
        await device.say("Hello", key="a"),
        await device.say("Hello", key="a"),
        await device.put("cap", item()),
        await device.step(call_id, "claim"),
        await device.get("/events?after=0"),
        await device.get("/resume"),
        await device.get("/working-set"),
        await device.get("/participants"),
        await device.get("/audit"),
        await device.get("/usage"),
        await device.post("/status", {"to": "paused"}),
    ]
    assert {answer.status_code // 100 for answer in answers} == {2}, [
        (answer.status_code, answer.text[:90]) for answer in answers if answer.status_code > 299
    ]


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        ("SELECT events.seq FROM events WHERE events.task_id = ?", []),
        ("SELECT e.seq FROM events AS e WHERE e.task_id IN (?)", []),
        ("INSERT INTO events (task_id, seq) VALUES (?, ?)", []),
        ("INSERT INTO events (seq) VALUES (?)", ["events"]),
        ("SELECT events.task_id FROM events WHERE events.seq = ?", ["events"]),
        ("DELETE FROM events", ["events"]),
        ("UPDATE tasks SET task_id = ? WHERE tasks.owner = ?", ["tasks"]),
        ("SELECT 1 FROM tasks JOIN events ON events.task_id = tasks.task_id WHERE tasks.task_id = ?", []),
    ],
)
def test_a_statement_that_names_no_key_is_noticed(statement: str, tables: list[str]) -> None:
    assert without_key(statement, LOCATING) == tables
