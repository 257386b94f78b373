"""Patches of an item, its versions, and the set as it once was."""

from typing import Any

import pytest
import sqlalchemy as sa
from resource_world import OWNER, Device, StoreWorld, item
from segue_resource.stores import tables

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T3", "R3")]

PROBLEM = "urn:segue:problem:"
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


async def patch(device: Device, changes: Any, version: int | None = 1, **headers: str) -> Any:
    condition = {} if version is None else {"If-Match": f'"{version}"'}
    return await device.send("PATCH", "/working-set/draft", json=changes, headers=MERGE_PATCH | condition | headers)


async def test_a_patch_changes_the_members_it_names(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item("Draft", type="document", status="open"))
    patched = await patch(device, {"status": "settled"})
    assert (patched.status_code, patched.headers["ETag"]) == (200, '"2"')
    assert {name: patched.json()[name] for name in item()} == item("Draft", type="document", status="settled")
    assert (await device.read("/working-set/draft")) == patched.json()
    assert (await patch(device, {}, 2)).json()["version"] == 3
    assert [found["kind"] for found in await device.log()][1:] == ["working_set.changed"] * 3


@pytest.mark.requirement("T11", "R34")
async def test_a_patch_of_what_has_changed_since_is_refused_with_what_is_there(store: StoreWorld) -> None:
    device = store.device()
    assert (await patch(device, {"title": "x"})).json()["current"] is None
    await device.put("draft", item("one"))
    await device.put("draft", item("two"), version=1)
    late = await patch(device, {"title": "three"})
    assert (late.status_code, late.json()["type"]) == (412, f"{PROBLEM}conflict")
    assert late.json()["current"] == await device.read("/working-set/draft")
    assert (await patch(device, {"title": None})).status_code == 412
    assert (await patch(device, {"title": "three"}, None)).status_code == 428
    repeated = [await patch(device, {"title": "three"}, 2, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert [(answer.status_code, answer.json()["version"]) for answer in repeated] == [(200, 3)] * 2


@pytest.mark.requirement("RFC5789-2-2")
async def test_a_patch_that_makes_no_item_is_refused(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item())
    for wrong in (
        {"title": None},
        {"body": None},
        {"type": "thought"},
        {"title": ""},
        {"title": "x" * 501},
        {"body": "x" * 200_001},
        {"status": {"open": True}},
        {"version": 7},
    ):
        answer = await patch(device, wrong)
        assert (answer.status_code, answer.json()["type"]) == (422, f"{PROBLEM}unprocessable-patch"), wrong
    for shape in ([], "x", None, 7):
        assert (await patch(device, shape)).status_code == 400
    plain = await patch(device, {"title": "x"}, **{"Content-Type": "application/json"})
    assert (plain.status_code, plain.headers["Accept-Patch"]) == (415, "application/merge-patch+json")
    assert (await device.read("/working-set/draft"))["version"] == 1


@pytest.mark.requirement("T12")
async def test_an_item_tells_all_it_was_in_pages(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item("1"))
    for version in range(1, 12):
        await device.put("draft", item(str(version + 1)), version=version)
    await device.send("DELETE", "/working-set/draft", headers={"If-Match": '"12"'})
    page = await device.read("/working-set/draft/versions")
    assert [(found["version"], found["deleted"], found["title"]) for found in page["versions"]] == [
        (13, True, None),
        *((version, False, str(version)) for version in range(12, 3, -1)),
    ]
    assert page["versions"][1] == {
        "item_id": "draft",
        "version": 12,
        "seq": 13,
        "deleted": False,
        **item("12"),
        "updated_at": store.now,
        "updated_by": {"sub": OWNER, "client_id": "test-client", "device_id": device.device_id},
    }
    rest = await device.read(f"/working-set/draft/versions?before={page['next_before']}")
    assert ([found["version"] for found in rest["versions"]], rest["next_before"]) == ([3, 2, 1], None)
    for missing in ("/working-set/other/versions", "/working-set/draft/versions?before=1"):
        assert (await device.get(missing)).status_code == 404
    assert (await device.get("/working-set/draft/versions?before=0")).status_code == 400


@pytest.mark.requirement("T12", "T18")
async def test_the_set_is_shown_as_it_was_right_after_any_event(store: StoreWorld) -> None:
    device = store.device()
    past: dict[int, Any] = {0: [], 1: []}

    async def remember() -> None:
        shown = await device.get("/working-set")
        past[int(shown.headers["Task-Head"])] = shown.json()["items"]

    for number in range(4):
        await device.put(f"item-{number % 2}", item(str(number)), version=number // 2 or None)
        await remember()
        await device.say("in between")
        await remember()
    await device.send("DELETE", "/working-set/item-0", headers={"If-Match": '"2"'})
    await remember()
    await device.put("item-0", item("again"))
    await remember()
    for seq, items in past.items():
        assert await device.read(f"/working-set?as_of={seq}") == {"items": items, "as_of": seq}
    ahead = await device.get(f"/working-set?as_of={max(past) + 1}")
    assert (ahead.status_code, ahead.json()["type"], ahead.json()["head"]) == (409, f"{PROBLEM}cursor-ahead", max(past))
    for wrong in ("", "-1", "x", "1&as_of=2"):
        assert (await device.get(f"/working-set?as_of={wrong}")).status_code == 400
    destroy = sa.update(tables.data_keys).values(wrapped=None)
    await store.database.write(lambda connection: connection.execute(destroy).rowcount)
    assert {found["title"] for found in (await device.read("/working-set?as_of=5"))["items"]} == {""}


async def test_who_is_told_that_it_is_too_much_is_told_how_much_is_allowed(store: StoreWorld) -> None:
    device = store.device()
    large = await device.put("draft", item(body="x" * 256_000))
    assert (large.status_code, large.json()["limits"]) == (413, {"bytes": 256_000})
    for number in range(10):
        assert (await device.put(f"item-{number}", item("t", body="x" * 199_000))).status_code == 201
    much = await device.put("one-more", item("t", body="x" * 199_000))
    assert (much.status_code, much.json()["limits"]) == (422, {"items": 200, "bytes": 2_000_000})
    patched = await device.send(
        "PATCH", "/working-set/item-0", json={"title": "t" * 500}, headers=MERGE_PATCH | {"If-Match": '"1"'}
    )
    assert patched.status_code == 200
