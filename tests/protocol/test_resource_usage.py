"""What was used is counted, and a budget that is used up lets nothing begin that spends (T21)."""

import asyncio
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from resource_world import Device, StoreWorld
from segue_resource.domain.usage import LARGEST_AMOUNT, LARGEST_TOTAL, MOST_UNITS
from segue_resource.stores import tables
from segue_resource.stores.billing.usage import PAGE

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T21", "R60")]

EXHAUSTED = "urn:segue:problem:budget-exhausted"


async def limited(device: Device, limit: int, *, unit: str = "tokens") -> None:
    version = (await device.read())["version"]
    budget = {"unit": unit, "limit": limit}
    changed = await device.send("PATCH", "", json={"budget": budget}, headers={"If-Match": f'"{version}"'})
    assert changed.status_code == 200, changed.text


async def joined(device: Device) -> str:
    session = (await device.post("/sessions", {"name": "Desktop", "transport": "web"})).json()
    return str(session["session_id"])


async def use(device: Device, session_id: str, amount: int, **said: Any) -> httpx2.Response:
    key = said.pop("key", None)
    return await device.post("/usage", {"session_id": session_id, "unit": "tokens", "amount": amount, **said}, key=key)


async def exhaustions(device: Device) -> list[Any]:
    return [event["body"] for event in await device.log() if event["kind"] == "task.budget_exhausted"]


def refused(answer: httpx2.Response) -> tuple[int, int, int]:
    """The limit, what is used and what is reserved."""
    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["unit"]) == (409, EXHAUSTED, "tokens"), answer.text
    return problem["limit"], problem["used"], problem["reserved"]


async def test_what_is_reported_is_counted_for_the_task_and_for_each_session(store: StoreWorld) -> None:
    device = store.device()
    await limited(device, 1000)
    first, second = await joined(device), await joined(device)
    told = await use(device, first, 300, note="gpt-5.2", key="one")
    assert told.status_code == 201
    assert told.json() | {"usage_id": ""} == {"usage_id": "", "unit": "tokens", "amount": 300, "used": 300, "left": 700}
    again = await use(device, first, 300, note="gpt-5.2", key="one")
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (told.json(), "true")
    assert (await use(device, second, 50)).json()["used"] == 350
    assert (await use(device, second, 7, unit="cents")).json()["left"] is None
    seen = await device.read("/usage")
    assert (seen["budget"]["limit"], seen["left"], seen["next_after"]) == (1000, 650, None)
    assert seen["spent"] == [
        {"unit": "cents", "used": 7, "reserved": 0},
        {"unit": "tokens", "used": 350, "reserved": 0},
    ]
    by_session = {(entry["session_id"], entry["unit"]): entry["used"] for entry in seen["sessions"]}
    assert by_session == {(first, "tokens"): 300, (second, "tokens"): 50, (second, "cents"): 7}
    assert (await device.read("/resume"))["usage"] == {name: seen[name] for name in ("budget", "left", "spent")}


async def test_a_budget_that_is_used_up_lets_nothing_begin_and_a_higher_one_does(store: StoreWorld) -> None:
    device = store.device()
    await limited(device, 100)
    session = await joined(device)
    ready, taken = await device.propose(), await device.propose()
    fence = (await device.step(taken, "claim")).json()["fence"]
    running, held = await device.running()
    assert (await use(device, session, 99)).json()["left"] == 1
    assert await exhaustions(device) == []
    assert (await use(device, session, 21)).json() | {"usage_id": ""} == {
        "usage_id": "",
        "unit": "tokens",
        "amount": 21,
        "used": 120,
        "left": 0,
    }
    assert (await use(device, session, 5, unit="cents")).status_code == 201
    assert (await use(device, session, 1)).json()["used"] == 121
    assert await exhaustions(device) == [{"unit": "tokens", "limit": 100, "used": 120}]
    begin = [
        lambda: device.step(ready, "claim"),
        lambda: device.step(taken, "start", fence=fence),
        lambda: device.post("/drafts", {"role": "agent"}),
    ]
    assert [refused(await ask()) for ask in begin] == [(100, 121, 0)] * 3
    assert (await device.say("words go on")).status_code == 201
    assert (await device.step(running, "heartbeat", fence=held)).status_code == 200
    assert (await device.step(running, "complete", fence=held, result=1)).status_code == 200
    await limited(device, 122)
    assert [(await ask()).status_code for ask in begin] == [200, 200, 201]
    await limited(device, 121)
    assert await exhaustions(device) == [
        {"unit": "tokens", "limit": 100, "used": 120},
        {"unit": "tokens", "limit": 121, "used": 121},
    ]


async def test_two_devices_together_cannot_reserve_more_than_there_is(store: StoreWorld) -> None:
    desktop, phone = store.device(), store.device()
    await limited(desktop, 100)
    calls = [await desktop.propose() for _ in range(4)]
    await desktop.read()
    await phone.read()
    answers = await asyncio.gather(
        *(device.step(call, "claim", reserves=60) for device, call in zip((desktop, phone) * 2, calls, strict=True))
    )
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert [call["reserved"] for call in won] == [{"unit": "tokens", "amount": 60}]
    assert {refused(answer) for answer in answers if answer.status_code != 200} == {(100, 0, 60)}
    assert (await desktop.read("/usage"))["left"] == 40


async def test_a_reservation_is_drawn_from_and_ends_with_its_call(store: StoreWorld) -> None:
    device = store.device()
    await limited(device, 100)
    session = await joined(device)
    call_id, other = await device.propose(), await device.propose()
    call = (await device.step(call_id, "claim", reserves=100)).json()
    assert refused(await device.step(other, "claim")) == (100, 0, 100)
    assert (await use(device, session, 30, call_id=call_id)).json()["left"] == 0
    assert (await device.read("/usage"))["spent"] == [{"unit": "tokens", "used": 30, "reserved": 70}]
    started = await device.step(call_id, "start", fence=call["fence"])
    assert (started.status_code, started.json()["reserved"]) == (200, {"unit": "tokens", "amount": 70})
    done = (await device.step(call_id, "complete", fence=call["fence"], result=1)).json()
    assert done["reserved"] is None
    assert (await device.read("/usage"))["left"] == 70
    assert (await device.step(other, "claim", reserves=71)).status_code == 409
    taken = (await device.step(other, "claim", reserves=70)).json()
    assert (await use(device, session, 90, call_id=other)).json()["used"] == 120
    assert refused(await device.step(other, "start", fence=taken["fence"])) == (100, 120, 0)
    assert (await device.step(other, "cancel")).status_code == 200
    assert (await device.read("/usage"))["spent"] == [{"unit": "tokens", "used": 120, "reserved": 0}]


async def test_a_device_that_lost_the_task_and_one_whose_task_has_ended_still_tell(store: StoreWorld) -> None:
    desktop = store.device()
    await limited(desktop, 10)
    session = await joined(desktop)
    phone = desktop.after_move(2)
    await phone.read()
    assert (await desktop.say("too late")).json()["type"] == "urn:segue:problem:stale-epoch"
    assert (await use(desktop, session, 11)).status_code == 201
    assert await exhaustions(phone) == [{"unit": "tokens", "limit": 10, "used": 11}]
    assert (await desktop.send("DELETE", f"/sessions/{session}")).status_code == 204
    assert (await phone.post("/status", {"to": "closed", "reason": None})).status_code == 200
    assert (await use(desktop, session, 1)).json()["used"] == 12


async def test_only_what_can_be_billed_is_taken(store: StoreWorld) -> None:
    device, other = store.device(), store.device()
    session = await joined(device)
    assert (await use(other, session, 1)).json()["type"] == "urn:segue:problem:not-your-session"
    assert (await use(device, session, 1, call_id="call_none")).status_code == 404
    for wrong in (0, -1, 1.5, True, "1", LARGEST_AMOUNT + 1, None):
        assert (await use(device, session, wrong)).status_code == 400, wrong
    assert (await use(device, session, 1, note="the secret recipe")).status_code == 400
    assert (await device.read("/usage"))["spent"] == []
    for number in range(MOST_UNITS):
        assert (await use(device, session, 1, unit=f"u{number}")).status_code == 201
    assert (await use(device, session, 1)).json()["limits"] == {"units": MOST_UNITS}
    with_total = sa.update(tables.usage_totals).values(used=LARGEST_TOTAL - 5)
    await store.database.write(lambda connection: connection.execute(with_total).rowcount)
    assert (await use(device, session, 6, unit="u0")).json()["limits"] == {"used": LARGEST_TOTAL}
    assert (await use(device, session, 5, unit="u0")).json()["used"] == LARGEST_TOTAL


async def test_reports_at_once_are_all_in_the_total(store: StoreWorld) -> None:
    device = store.device()
    session = await joined(device)
    answers = await asyncio.gather(*(use(device, session, amount) for amount in range(1, 21)))
    assert sorted(answer.json()["used"] for answer in answers)[-1] == 210
    assert (await device.read("/usage"))["spent"][0]["used"] == 210


async def test_sessions_come_in_pages_and_each_is_whole(store: StoreWorld) -> None:
    device = store.device()
    rows = [
        {
            "task_id": "tsk_contract",
            "session_id": f"ses_{number:03}",
            "unit": unit,
            "used": 1,
            "reports": 1,
            "last_at": 1,
        }
        for number in range(PAGE + 1)
        for unit in ("a", "b")
    ]
    await store.database.write(lambda connection: connection.execute(sa.insert(tables.usage_by_session), rows).rowcount)
    page = await device.read("/usage")
    assert (len(page["sessions"]), page["next_after"]) == (2 * PAGE, f"ses_{PAGE - 1:03}")
    rest = await device.read(f"/usage?after={page['next_after']}")
    assert ([entry["unit"] for entry in rest["sessions"]], rest["next_after"]) == (["a", "b"], None)
