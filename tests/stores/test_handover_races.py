"""A task moves while its device is about to finish a tool call: one result, one holder, nothing late (G5, G6, G18)."""

import asyncio
import time
from collections import Counter
from random import Random
from typing import Any

import pytest
from resource_world import Device, StoreWorld, event
from rounds import rounds

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio

RACES = rounds(bounded=6, full=1000)
TURNS = rounds(bounded=20, full=5000)


async def after(pause: float, asked: Any) -> Any:
    await asyncio.sleep(pause)
    return await asked


@pytest.mark.requirement("T9", "A9", "R15", "R38")
async def test_a_result_that_races_with_a_move_counts_once_or_is_refused(store: StoreWorld) -> None:
    dice, ends = Random(5), Counter[str]()
    old = store.device()
    for race in range(RACES):
        call_id, fence = await old.running(dice.choice(["pure", "idempotent"]), lease=600)
        new, share = old.after_move(race + 2), old.after_move(race + 2)
        new.nonce = share.nonce = old.nonce
        completes = old.step(call_id, "complete", fence=fence, result="old")
        late, *claims = await asyncio.gather(
            after(dice.random() / 50, completes),
            after(dice.random() / 50, new.step(call_id, "claim", lease=600)),
            after(dice.random() / 50, share.step(call_id, "claim", lease=600)),
        )
        held = [answer.json()["fence"] for answer in claims if answer.status_code == 200 and "fence" in answer.json()]
        holder = next((each for each, claim in zip((new, share), claims, strict=True) if claim.status_code == 200), new)
        if late.status_code == 200:
            ends["finished before the move"] += 1
            assert held == []
        else:
            ends["taken over"] += 1
            assert late.status_code == 409
            assert len(held) == 1
            await holder.step(call_id, "start", fence=held[0], lease=600)
            assert (await holder.step(call_id, "complete", fence=held[0], result="new")).status_code == 200
        assert (await old.step(call_id, "complete", fence=fence, result="later")).status_code == 409
        call = await new.read(f"/tool-calls/{call_id}")
        assert (call["state"], call["result"]) == ("succeeded", "old" if late.status_code == 200 else "new")
        told = [found["kind"] for found in await of_call(new, call_id)]
        assert (told.count("tool_call.succeeded"), told.count("tool_call.claimed")) == (1, 1 + len(held))
        old = new
    print(f"{store.database.dialect}, {RACES} races: {dict(ends)}")
    log = await old.log()
    assert [found["seq"] for found in log] == list(range(1, len(log) + 1))


async def of_call(device: Device, call_id: str) -> list[dict[str, Any]]:
    head = (await device.read())["head"]
    page = await device.read(f"/events?after={max(0, head - 100)}&limit=1000")
    return [found for found in page["events"] if found["body"].get("call_id") == call_id]


@pytest.mark.requirement("T5", "T9", "A9", "R12", "R38")
async def test_the_next_device_has_the_call_and_the_context_in_two_requests(store: StoreWorld) -> None:
    old = store.device()
    for _ in range(0, TURNS, 20):
        sent = await old.post("/events", {"events": [event("one of many")] * 60})
        assert sent.status_code == 201
    times: list[float] = []
    for epoch in range(2, 2 + max(4, RACES // 10)):
        call_id, fence = await old.running("idempotent", lease=600)
        new = old.after_move(epoch)
        new.nonce = old.nonce
        began = time.perf_counter()
        claimed = await new.step(call_id, "claim", lease=600)
        resumed = await new.read("/resume")
        times.append(time.perf_counter() - began)
        assert claimed.status_code == 200
        assert [call["call_id"] for call in resumed["tool_calls"]] == [call_id]
        assert len(resumed["events"]) == 50
        assert resumed["cursor"] == (await new.read())["head"]
        refused = await old.step(call_id, "complete", fence=fence, result="late")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:segue:problem:stale-epoch")
        await new.step(call_id, "cancel")
        old = new
    times.sort()
    print(
        f"{store.database.dialect}, after {TURNS} turns, {len(times)} moves: call and context after"
        f" {times[len(times) // 2] * 1000:.0f} ms, at most {times[-1] * 1000:.0f} ms"
    )
