"""A resume within a number of tokens: what was agreed, then the summary, then what is recent; the rest is named."""

from typing import Any

import pytest
from resource_world import TASK, StoreWorld, event, item, texts

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio


async def prepared(store: StoreWorld, task_id: str = TASK) -> Any:
    """A device of a task with items, a call, two summaries and recent words."""
    if task_id != TASK:
        await store.begin(task_id)
    device = store.device(task_id=task_id)
    await device.post("/events", {"events": [event(f"{task_id} {n}") for n in range(60)]})
    for to_seq in (20, 40):
        answer = await device.post("/compactions", {"to_seq": to_seq, "summary": f"{task_id} until {to_seq}"})
        assert answer.status_code == 201
    await device.put("cap", item(f"{task_id} cap", type="fact"))
    await device.put("when", item("When?", type="question", status="open"))
    await device.put("draft", item("Draft", type="document", body="x" * 4000))
    await device.propose()
    return device


@pytest.mark.requirement("T10", "R9", "R28")
async def test_a_resume_fits_into_the_tokens_that_are_asked_for(store: StoreWorld) -> None:
    device = await prepared(store)
    whole = await device.read("/resume")
    assert whole["context"] is None
    assert [one["summary"] for one in whole["summaries"]] == [f"{TASK} until 20", f"{TASK} until 40"]
    for budget in (256, 500, 1000, 3000, 1_000_000):
        told = await device.read(f"/resume?token_budget={budget}")
        context = told["context"]
        assert (context["task_id"], context["token_budget"]) == (TASK, budget)
        assert sum(part["tokens"] for part in context["parts"]) == context["tokens"] <= budget
        shown = [*told["working_set"], *told["tool_calls"], *told["summaries"], *told["events"]]
        everything = [*whole["working_set"], *whole["tool_calls"], *whole["summaries"], *whole["events"]]
        assert len(shown) == len(context["parts"])
        assert len(shown) + sum(left["count"] for left in context["left_out"]) == len(everything)
        assert {"cap", "when"} <= {found["item_id"] for found in told["working_set"]}
        said = texts(told["events"])
        assert said == texts(whole["events"])[len(texts(whole["events"])) - len(said) :]
    assert context["left_out"] == []
    small = await device.read("/resume?token_budget=700")
    assert f"{TASK} until 40" in [one["summary"] for one in small["summaries"]]
    left = {one["kind"]: one["read"] for one in small["context"]["left_out"]}
    assert left == {"item": f"/tasks/{TASK}/working-set", "event": f"/tasks/{TASK}/events"}


@pytest.mark.requirement("T10")
async def test_a_budget_is_a_number_within_bounds(store: StoreWorld) -> None:
    for text in ("0", "255", "1000001", "many", "300&token_budget=300"):
        answer = await store.device().get(f"/resume?token_budget={text}")
        assert answer.status_code == 400, text
