"""The partition key is visible: what a task's own requests execute names the task, so that one machine answers it."""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from resource_world import StoreWorld, item
from sqlalchemy import Engine, event

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

PUBLISHED = tomllib.loads((Path(__file__).parents[2] / "specs" / "partition-keys.toml").read_text())
KEYS = {table: key for key, tables in PUBLISHED["key"].items() for table in tables}


@pytest.fixture
def executed() -> Iterator[dict[str, str]]:
    """Every statement that a server executes, with the function that has it executed."""
    found: dict[str, str] = {}

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        found.setdefault(" ".join(statement.split()), _function(sys._getframe(1)))

    event.listen(Engine, "before_cursor_execute", note)
    yield found
    event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.requirement("T8")
async def test_every_statement_of_a_tasks_own_requests_names_the_task(
    executed: dict[str, str], embedded_store: StoreWorld
) -> None:
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
    assert len(executed) > 30
    nameless = {
        f"{function}: {statement}"
        for statement, function in executed.items()
        if _without_key(statement) and function not in PUBLISHED["exceptions"]
    }
    assert nameless == set()


@pytest.mark.parametrize(
    ("statement", "nameless"),
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
def test_a_statement_that_names_no_key_is_noticed(statement: str, nameless: list[str]) -> None:
    assert _without_key(statement) == nameless


def _without_key(statement: str) -> list[str]:
    """The divided tables in the statement whose key it names in no condition and no value."""
    return [table for table, key in KEYS.items() if _is_in(table, statement) and not _names(table, key, statement)]


def _is_in(table: str, statement: str) -> bool:
    return re.search(rf"\b(FROM|JOIN|INTO|UPDATE|,) {table}\b", statement) is not None


def _names(table: str, key: str, statement: str) -> bool:
    inserted = re.search(rf"INSERT INTO {table} \(([^)]*)\)", statement)
    if inserted is not None:
        return key in inserted[1].split(", ")
    conditions = re.split(r"\b(?:WHERE|ON)\b", statement, maxsplit=1)[1:]
    names = "|".join({table, *re.findall(rf"\b{table} AS (\w+)", statement)})
    return any(re.search(rf"\b(?:{names})\.{key} (=|IN)|= (?:{names})\.{key}\b", part) for part in conditions)


def _function(frame: FrameType | None) -> str:
    """The innermost one that is neither SQLAlchemy's nor that of what runs work."""
    while frame is not None and frame.f_globals["__name__"].split(".")[0] in ("sqlalchemy", "segue_storage", __name__):
        frame = frame.f_back
    return f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}" if frame else ""
