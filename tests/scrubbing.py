"""A task with something of everything in it, and what verifying says of it."""

import secrets
from typing import Any

import sqlalchemy as sa
from participating import handed_over, join
from resource_world import OWNER, TASK, Device, StoreWorld, event, item
from segue_resource.stores import tables
from segue_resource.stores.keys import master_key
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.scrub import run
from segue_resource.stores.scrub.fault import Fault


def keeper_of(store: StoreWorld) -> Keeper:
    return Keeper(master_key.load(store.settings.key_file), secrets.token_bytes)


async def faults_of(store: StoreWorld, task_id: str = TASK) -> list[Fault]:
    """Everything that is wrong with a task."""
    return (await run.verify(store.database, task_id, keeper=keeper_of(store), now=store.now)).faults


async def repair(store: StoreWorld, task_id: str = TASK) -> run.Repaired:
    return await run.repair(store.database, task_id, keeper=keeper_of(store), now=store.now)


async def damage(store: StoreWorld, statement: Any) -> None:
    """What somebody does who has the database."""
    await store.database.write(lambda connection: connection.execute(statement).rowcount)


async def populate(store: StoreWorld) -> Device:
    """Messages, items that change and go, calls in many states, sessions, an invitation taken, a hand-off and back."""
    device = store.device()
    await device.say("first", key="k1")
    await device.post("/sessions", {"name": "Desktop", "transport": "web"})
    await device.post("/name-proposals", {"name": "Another name"})
    view = await device.get()
    await device.send("PATCH", "", json={"name": "Acme, revised"}, headers={"If-Match": view.headers["ETag"]})
    await device.put("cap", item("Cap"), key="k2")
    await device.put("cap", item("Cap, raised", body="Twelve months."), version=1)
    await device.put("gone", item("Gone"))
    await device.send("DELETE", "/working-set/gone", headers={"If-Match": '"1"'})
    await device.post("/status", {"to": "active"})
    await device.propose("irreversible")
    _, fence = await device.running("reconcilable")
    done, fence = await device.running()
    await device.step(done, "complete", fence=fence, result={"clauses": 3})
    ended = (await device.post("/sessions", {"name": "Phone", "transport": "http"})).json()["session_id"]
    await device.send("DELETE", f"/sessions/{ended}")
    await _company(store, device)
    await device.post("/events", {"events": [event(f"message {n}") for n in range(3)]})
    session = (await device.post("/sessions", {"name": "Tablet", "transport": "http"})).json()["session_id"]
    for amount in (300, 21):
        used = await device.post("/usage", {"session_id": session, "unit": "tokens", "amount": amount})
        assert used.status_code == 201, used.text
    await store.device(epoch=2, transfer_id="trf_1").say("after the move")
    return store.device(epoch=2, transfer_id="trf_1")


async def tell_shorter(device: Device) -> None:
    """The beginning in a few words: ordinary readers are spared it."""
    told = await device.post("/compactions", {"to_seq": 8, "summary": "In short."})
    assert told.status_code == 201, told.text


async def _company(store: StoreWorld, device: Device) -> None:
    guest = await join(store)
    handoff_id = await handed_over(store, "warm", device, guest)
    assert (await guest.post(f"/handoffs/{handoff_id}/return")).status_code == 200


def rows_of(connection: sa.Connection, table: sa.Table) -> list[sa.Row[Any]]:
    return list(connection.execute(sa.select(table).where(table.c.task_id == TASK).order_by(*table.primary_key)))


__all__ = ["OWNER", "TASK", "damage", "faults_of", "keeper_of", "populate", "repair", "rows_of", "tables"]
__all__ += ["tell_shorter"]
