"""`segue tasks hold` and `retain`: what an operator sees before it is done, and what is done then."""

import asyncio
import json
from typing import Any

import pytest
from resource_world import TASK, StoreWorld, event, item
from scrubbing import faults_of
from segue_resource.domain.retention import DAY
from segue_resource.operating import hold, retain, sensitivity
from segue_resource.tasks_command import tasks

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T19", "R27")]


class Operator:
    """Runs commands on the same database, at the world's time."""

    def __init__(self, store: StoreWorld, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        patch.setenv("SEGUE_RESOURCE_DATABASE", store.settings.database)
        patch.setenv("SEGUE_RESOURCE_KEY_FILE", str(store.settings.key_file))
        patch.setenv("SEGUE_RESOURCE_REDIS", "redis://localhost")
        patch.setenv("SEGUE_RESOURCE_NONCE_SECRET_FILE", "/nowhere")
        patch.setenv("SEGUE_RESOURCE_BLOBS", "file:///nowhere")
        for module in (hold, retain, sensitivity):
            patch.setattr(module, "now", store.clock)

    async def run(self, *words: str, status: int = 0) -> tuple[str, str]:
        found = await asyncio.to_thread(tasks, list(words))
        said = self._capsys.readouterr()
        assert found == status, said
        return said.out, said.err

    async def json(self, *words: str) -> Any:
        return json.loads((await self.run(*words, "--json"))[0])

    async def retained(self) -> list[tuple[str, ...]]:
        return [(row["class"], row["act"], row["tier"], row["tasks"]) for row in await self.json("retain")]


@pytest.fixture
def operator(store: StoreWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(store, monkeypatch, capsys)


async def test_a_dry_run_says_what_and_by_when_and_does_nothing(store: StoreWorld, operator: Operator) -> None:
    began = store.now
    assert await operator.retained() == []
    await store.later(31 * DAY)
    await store.begin("tsk_young")
    foretold = await operator.json("retain", "--dry-run")
    assert foretold == [
        {
            "class": "default",
            "act": "close",
            "tier": None,
            "due": 0,
            "later": 2,
            "first": began + 180 * DAY,
            "last": store.now + 180 * DAY,
        },
        {
            "class": "default",
            "act": "pause",
            "tier": None,
            "due": 1,
            "later": 1,
            "first": began + 30 * DAY,
            "last": store.now + 30 * DAY,
        },
    ]
    assert (await operator.run("retain", "--dry-run"))[0].splitlines()[1].split()[:6] == [
        *("default", "pause", "1", "now,", "1", "later,")
    ]
    assert (await store.device().read())["status"] == "open"
    assert await operator.retained() == [("default", "pause", None, 1)]
    assert (await store.device().read())["status"] == "paused"
    assert await operator.retained() == []
    assert (await operator.run("retain"))[0] == "nothing to do\n"


async def test_a_hold_is_placed_listed_and_released_and_a_dry_run_counts_it(
    store: StoreWorld, operator: Operator
) -> None:
    placed = await operator.json("hold", TASK, "--kind", "legal", "--reason", "case 4711")
    assert (placed["kind"], placed["reason"]) == ("legal", "case 4711")
    assert (await operator.run("hold", TASK))[0].endswith("case 4711\n")
    await operator.json("retain", "--dry-run")
    await store.later(500 * DAY)
    assert await operator.retained() == []
    assert [(row["act"], row["due"]) for row in await operator.json("retain", "--dry-run")] == [("held", 1)]
    assert await operator.run("hold", TASK, "--release", placed["hold_id"]) == ("", "")
    assert await operator.run("hold", TASK) == ("", "")
    assert await operator.retained() == [("default", "pause", None, 1)]


async def test_a_task_that_waits_for_a_persons_word_is_counted(store: StoreWorld, operator: Operator) -> None:
    await store.device().running("irreversible")
    await operator.retained()
    await store.later(200 * DAY)
    assert await operator.retained() == [("default", "pause", None, 1)]
    told = await operator.json("retain", "--dry-run")
    assert [(row["act"], row["tier"], row["due"]) for row in told] == [("waits", "tool_calls", 1)]


async def test_what_is_not_there_cannot_be_held(store: StoreWorld, operator: Operator) -> None:
    assert "tsk_nowhere" in (await operator.run("hold", "tsk_nowhere", "--reason", "x", status=1))[1]
    assert (await operator.run("hold", TASK, "--release", "hld_none", status=1))[1]
    with pytest.raises(SystemExit):
        tasks(["hold", TASK, "--reason", "two\nlines"])


async def test_what_has_expired_is_not_taken_for_damage(store: StoreWorld, operator: Operator) -> None:
    device = store.device()
    await device.post("/events", {"events": [event("what was said")] * 3})
    for version in (None, 1):
        await device.put("cap", item(), version=version)
    call_id, fence = await device.running()
    await device.step(call_id, "complete", fence=fence, result=1)
    await device.post("/status", {"to": "closed"})
    await operator.retained()
    await store.later(400 * DAY)
    tiers = {tier for _, act, tier, _ in await operator.retained() if act == "drop"}
    assert tiers == {"messages", "versions", "tool_calls", "artifacts"}
    await operator.run("verify", "--task", TASK)


@pytest.mark.requirement("A12", "A11")
async def test_an_operator_says_how_sensitive_a_task_is_and_its_log_and_its_card_say_so(
    store: StoreWorld, operator: Operator
) -> None:
    assert await operator.run("sensitivity", TASK) == ("normal\n", "")
    assert await operator.run("sensitivity", TASK, "high") == ("high\n", "")
    assert await operator.run("sensitivity", TASK) == ("high\n", "")
    told = (await store.device().log())[-1]
    assert (told["kind"], told["body"]) == ("task.sensitivity_changed", {"sensitivity": "high", "before": "normal"})
    assert await faults_of(store) == []
    assert [card["sensitivity"] for card in (await store.cards("GET")).json()["cards"]] == ["high"]
    assert "tsk_nowhere" in (await operator.run("sensitivity", "tsk_nowhere", "high", status=1))[1]
    for impossible in ("High", "", "a" * 33, "hi gh"):
        with pytest.raises(SystemExit):
            tasks(["sensitivity", TASK, impossible])
