"""The opening record of a task, and its budget: set when it begins or by who may write it, and always logged."""

from typing import Any

import pytest
from resource_world import NAME, OWNER, TASK, StoreWorld

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R17")]

TOKENS = {"unit": "tokens", "limit": 200_000, "while_present": False}


async def test_the_log_begins_with_who_the_task_is_and_the_state_it_began_in(store: StoreWorld) -> None:
    content = {"name": NAME, "name_source": "person", "budget": TOKENS}
    assert (await store.cards("PUT", "/tsk_new", json=content)).status_code == 201
    device = store.device(task_id="tsk_new")
    (opening,) = await device.log()
    assert (opening["kind"], opening["seq"], opening["at"]) == ("task.created", 1, store.now)
    assert opening["body"] == {
        "task_id": "tsk_new",
        "owner": OWNER,
        "name": NAME,
        "name_source": "person",
        "status": "open",
        "epoch": 1,
        "sensitivity": "normal",
        "budget": TOKENS,
    }
    assert (await device.read())["budget"] == TOKENS
    assert (await store.device().log())[0]["body"]["budget"] is None
    assert (await store.cards("PUT", "/tsk_new", json=content)).status_code == 200


async def test_a_person_sets_the_budget_once_they_have_seen_what_it_was(store: StoreWorld) -> None:
    device = store.device()

    async def change(content: Any, version: int | None) -> Any:
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        return await device.send("PATCH", "", json=content, headers=headers)

    assert (await change({"budget": TOKENS}, None)).status_code == 428
    changed = await change({"budget": TOKENS}, 1)
    assert (changed.status_code, changed.headers["ETag"], changed.json()["budget"]) == (200, '"2"', TOKENS)
    assert changed.json()["name"] == NAME
    late = await change({"budget": None}, 1)
    assert (late.status_code, late.json()["current"]["budget"]) == (412, TOKENS)
    both = await change({"name": "Other", "budget": None}, 2)
    assert (both.json()["name"], both.json()["budget"], both.headers["ETag"]) == ("Other", None, '"4"')
    assert [(found["kind"], found["body"].get("budget"), found["body"].get("before")) for found in await device.log()][
        1:
    ] == [
        ("task.budget_changed", TOKENS, None),
        ("task.renamed", None, None),
        ("task.budget_changed", None, TOKENS),
    ]
    assert (await change({}, 4)).status_code == 400
    reader = store.device(actions={"task:read", "events:append"})
    answer = await reader.send("PATCH", "", json={"budget": None}, headers={"If-Match": '"4"'})
    assert answer.status_code == 403


async def test_a_budget_of_another_form_is_refused(store: StoreWorld) -> None:
    for wrong in (
        7,
        {},
        {"unit": "tokens"},
        {"unit": "Tokens", "limit": 1},
        {"unit": "tokens", "limit": -1},
        {"unit": "tokens", "limit": 1.5},
        {"unit": "tokens", "limit": True},
        {"unit": "tokens", "limit": 10**15},
        {"unit": "x" * 33, "limit": 1},
        {"unit": "tokens", "limit": 1, "spent": 0},
        {"unit": "tokens", "limit": 1, "while_present": "yes"},
    ):
        answer = await store.device().send("PATCH", "", json={"budget": wrong}, headers={"If-Match": '"1"'})
        assert answer.status_code == 400, wrong
        content = {"name": NAME, "name_source": "person", "budget": wrong}
        assert (await store.cards("PUT", "/tsk_new", json=content)).status_code == 400, wrong
    assert (await store.cards("GET", "/tsk_new")).status_code == 404
    assert (await store.device().read())["budget"] is None


async def test_a_budget_does_not_disturb_an_open_proposal_of_a_name(store: StoreWorld) -> None:
    device = store.device()
    await device.post("/name-proposals", {"name": "Proposed"})
    await device.send("PATCH", "", json={"budget": TOKENS}, headers={"If-Match": '"1"'})
    task = await device.read()
    assert (task["name"], task["name_source"], task["name_proposal"]["name"]) == (NAME, "agent_proposed", "Proposed")
    assert (await store.cards("GET", f"/{TASK}")).json()["name"] == NAME
