"""What a person may do at a task is decided by their role there, whatever the token says (T15)."""

from typing import Any

import pytest
import sqlalchemy as sa
from resource_world import OWNER, TASK, Device, StoreWorld, event, item
from segue_resource.domain.participant import RIGHTS, SPEAKS_AS, Role
from segue_resource.stores import tables

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T15", "R53")]


async def joined(store: StoreWorld, role: str) -> Device:
    """A device of somebody else, who takes part in this role."""
    row = {"task_id": TASK, "sub": "usr_other", "from_seq": 1, "role": role, "granted_by": OWNER}
    await store.database.write(lambda connection: connection.execute(sa.insert(tables.participants), row).rowcount)
    return store.device(sub="usr_other")


async def attempts(device: Device, call_id: str, *, speaks: str) -> dict[str, Any]:
    """One request for each action that the task store asks for."""
    call = {"tool": "t", "title": "T", "arguments": {}, "effect": "pure"}
    return {
        "task:read": await device.get(""),
        "events:read": await device.get("/events"),
        "working_set:read": await device.get("/working-set"),
        "tool_calls:read": await device.get("/tool-calls"),
        "events:append": await device.post("/events", {"events": [event("mine", role=speaks)]}),
        "working_set:write": await device.put("own", item()),
        "tool_calls:propose": await device.post("/tool-calls", call),
        "tool_calls:approve": await device.step(call_id, "approve"),
        "tool_calls:claim": await device.step(call_id, "claim"),
    }


@pytest.mark.parametrize("role", ["agent", "human_agent", "supervisor"])
async def test_a_role_gives_its_actions_and_no_others(store: StoreWorld, role: str) -> None:
    call_id = await store.device().propose("irreversible")
    await store.device().step(call_id, "approve")
    device = await joined(store, role)
    speaks = min(SPEAKS_AS[Role(role)], default="human_agent")
    for action, made in (await attempts(device, call_id, speaks=speaks)).items():
        if action in RIGHTS[Role(role)]:
            assert made.status_code in (200, 201), (action, made.text)
        else:
            assert (made.status_code, made.json()["type"]) == (403, "urn:segue:problem:not-your-role"), action
            assert made.json()["role"] == role


async def test_nobody_puts_words_into_anothers_mouth(store: StoreWorld) -> None:
    owner, human = store.device(), await joined(store, "human_agent")
    for role in ("customer", "agent", "system"):
        assert (await human.post("/events", {"events": [event("as another", role=role)]})).status_code == 403
        assert (await owner.post("/events", {"events": [event("mine", role=role)]})).status_code == 201
    assert (await owner.post("/events", {"events": [event("as another", role="human_agent")]})).status_code == 403
    mixed = [event("mine", role="human_agent"), event("as another", role="customer")]
    assert (await human.post("/events", {"events": mixed})).status_code == 403
    assert [found["body"].get("text") for found in await owner.log()][1:] == ["mine"] * 3
