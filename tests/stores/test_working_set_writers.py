"""Many writers of one working set: no update is lost, and who conflicts with whom is decided by the item alone."""

import asyncio
import random
from typing import Any

import pytest
from resource_world import Device, StoreWorld, item
from rounds import rounds

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T3", "T11", "R34")]

WRITERS = 64
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


async def many(store: StoreWorld, count: int) -> list[Device]:
    """Devices that have met the server."""
    devices = [store.device() for _ in range(count)]
    await devices[0].get()
    for device in devices:
        device.nonce = devices[0].nonce
    return devices


async def add_one(device: Device, item_id: str, seen: dict[str, Any]) -> None:
    """Read, change and write, again and again until nobody was in between; a conflict brings what to change next."""
    while True:
        number = int(seen["title"]) + 1
        answer = await device.put(item_id, item(str(number)), version=seen["version"])
        if answer.status_code == 200:
            return
        assert answer.status_code == 412
        seen = answer.json()["current"]


@pytest.mark.requirement("R59")
async def test_of_sixty_four_writers_no_update_is_lost(store: StoreWorld) -> None:
    devices = await many(store, WRITERS)
    items = 8
    for number in range(items):
        await devices[0].put(f"item-{number}", item("0"))
    times = rounds(bounded=1, full=20)
    for _ in range(times):
        first = {found["item_id"]: found for found in (await devices[0].read("/working-set"))["items"]}
        names = [f"item-{number % items}" for number in range(WRITERS)]
        await asyncio.gather(*(add_one(device, name, first[name]) for device, name in zip(devices, names, strict=True)))
    found = (await devices[0].read("/working-set"))["items"]
    assert {kept["title"] for kept in found} == {str(times * WRITERS // items)}
    assert {kept["version"] for kept in found} == {1 + times * WRITERS // items}
    log = await devices[0].log()
    assert [event["seq"] for event in log] == list(range(1, 2 + items + times * WRITERS))
    for name in first:
        told = [event["body"]["version"] for event in log if event["body"].get("item_id") == name]
        assert told == list(range(1, 2 + times * WRITERS // items))


async def write(device: Device, item_id: str, how: str, text: str, version: int | None) -> Any:
    match how:
        case "put":
            return await device.put(item_id, item(text), version=version)
        case "patch":
            headers = MERGE_PATCH | {"If-Match": f'"{version}"'}
            return await device.send("PATCH", f"/working-set/{item_id}", json={"title": text}, headers=headers)
        case _:
            return await device.send("DELETE", f"/working-set/{item_id}", headers={"If-Match": f'"{version}"'})


async def test_writers_of_one_item_conflict_and_writers_of_two_never_do(store: StoreWorld) -> None:
    dice = random.Random(20_261_121)
    devices = await many(store, 2)
    there: dict[str, int | None] = dict.fromkeys("abc")
    for turn in range(rounds(bounded=60, full=3000)):
        chosen = [dice.choice("abc") for _ in devices]
        hows = ["put" if there[name] is None else dice.choice(["put", "put", "patch", "delete"]) for name in chosen]
        answers = await asyncio.gather(
            *(
                write(device, name, how, f"{turn}-{number}", there[name])
                for number, (device, name, how) in enumerate(zip(devices, chosen, hows, strict=True))
            )
        )
        won = [number for number, answer in enumerate(answers) if answer.status_code in (200, 201, 204)]
        same = chosen[0] == chosen[1]
        assert len(won) == (1 if same else 2), (turn, chosen, hows, [answer.text for answer in answers])
        for number in won:
            there[chosen[number]] = None if hows[number] == "delete" else answers[number].json()["version"]
        if same:
            lost = answers[1 - won[0]]
            current = None if hows[won[0]] == "delete" else answers[won[0]].json()
            assert (lost.status_code, lost.json()["current"]) == (412, current)
    found = {kept["item_id"]: kept["version"] for kept in (await devices[0].read("/working-set"))["items"]}
    assert found == {name: version for name, version in there.items() if version is not None}
