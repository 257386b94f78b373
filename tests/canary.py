"""A word that must be nowhere: put wherever a person or an agent can write, and then looked for."""

from resource_world import StoreWorld, item

CANARY = "Canary7f3b"
"""It stands in no program, no document and no other test."""
CANARY_TASK = "tsk_canary"


async def sing(store: StoreWorld) -> None:
    """Put the canary wherever a person or an agent can write."""
    await store.begin("tsk_canary", name=f"Name {CANARY}")
    device = store.device(task_id="tsk_canary")
    await device.send("PATCH", "", json={"name": f"Other {CANARY}"}, headers={"If-Match": '"1"'})
    await device.post("/sessions", {"name": f"Desktop {CANARY}", "transport": "web"})
    event = {"kind": "message", "role": "agent", "body": {"text": CANARY, CANARY: 1}}
    await device.post("/events", {"events": [event] * 3}, key="k1")
    for version in (None, 1):
        await device.put("draft", item(f"Title {CANARY}", body=CANARY * 30), version=version, key=f"put{version}")
    patch = {"If-Match": '"2"', "Content-Type": "application/merge-patch+json", "Idempotency-Key": "k2"}
    await device.send("PATCH", "/working-set/draft", json={"body": f"Patch {CANARY}"}, headers=patch)
    await device.post("/name-proposals", {"name": f"Better {CANARY}"}, key="k3")
    await device.post("/status", {"to": "active", "reason": f"Reason {CANARY}"}, key="k4")
    for verb, content in (("complete", {"result": {CANARY: CANARY}}), ("fail", {"error": CANARY})):
        call_id = await device.propose(title=f"Call {CANARY}", arguments={CANARY: [CANARY]})
        fence = (await device.step(call_id, "claim")).json()["fence"]
        await device.step(call_id, "start", fence=fence)
        assert (await device.step(call_id, verb, fence=fence, **content)).status_code == 200
    assert CANARY in (await device.get("/resume")).text
