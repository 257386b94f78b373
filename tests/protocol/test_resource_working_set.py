"""The working set over HTTP: an item has a version, and nobody overwrites what they have not seen."""

import asyncio

import pytest
from resource_world import OWNER, StoreWorld, item

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio


@pytest.mark.requirement("T3", "R3")
async def test_an_item_is_created_read_and_replaced_with_versions(store: StoreWorld) -> None:
    device = store.device()
    created = await device.put("decision-cap", item())
    assert (created.status_code, created.headers["ETag"], created.headers["Task-Head"]) == (201, '"1"', "2")
    assert created.json() == {
        "item_id": "decision-cap",
        **item(),
        "version": 1,
        "updated_at": store.now,
        "updated_by": {"sub": OWNER, "client_id": "test-client", "device_id": device.device_id},
        "source_seq": None,
    }
    replaced = await device.put("decision-cap", item("No cap"), version=1)
    assert (replaced.status_code, replaced.headers["ETag"], replaced.json()["version"]) == (200, '"2"', 2)
    shown = await device.get("/working-set/decision-cap")
    assert (shown.headers["ETag"], shown.json()) == ('"2"', replaced.json())
    assert (await device.read("/working-set"))["items"] == [replaced.json()]
    assert [found["kind"] for found in await device.log()][1:] == ["working_set.changed"] * 2


@pytest.mark.requirement("T3", "T11", "R34")
async def test_of_writers_that_saw_the_same_version_one_wins_and_the_others_see_its_value(
    store: StoreWorld,
) -> None:
    devices = [store.device() for _ in range(5)]
    await devices[0].put("draft", item())
    for device in devices:
        await device.get()
    answers = await asyncio.gather(*(device.put("draft", item(str(n)), version=1) for n, device in enumerate(devices)))
    won = [answer for answer in answers if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code == 412]
    assert (len(won), len(lost)) == (1, 4)
    assert all(answer.json()["type"] == "urn:segue:problem:conflict" for answer in lost)
    assert all(answer.json()["current"] == won[0].json() for answer in lost)
    assert all(answer.headers["Task-Head"] == "3" for answer in answers)
    assert len(await devices[0].log()) == 3


@pytest.mark.requirement("T3", "T11")
async def test_of_two_writers_that_create_the_same_item_one_wins(store: StoreWorld) -> None:
    device = store.device()
    await device.get()
    answers = await asyncio.gather(*(device.put("draft", item(str(n))) for n in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 412, 412, 412, 412]


@pytest.mark.requirement("T11")
async def test_writers_of_different_items_never_conflict(store: StoreWorld) -> None:
    device = store.device()
    await device.get()
    answers = await asyncio.gather(*(device.put(f"item-{n}", item(str(n))) for n in range(8)))
    assert {answer.status_code for answer in answers} == {201}


@pytest.mark.requirement("T3", "T11")
async def test_a_write_without_a_condition_is_refused(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item())
    for method, path in (("PUT", "/working-set/draft"), ("PUT", "/working-set/new"), ("DELETE", "/working-set/draft")):
        answer = await device.send(method, path, json=item() if method == "PUT" else {})
        assert (answer.status_code, answer.json()["type"]) == (428, "urn:segue:problem:precondition-required")
    assert [found["version"] for found in (await device.read("/working-set"))["items"]] == [1]


@pytest.mark.requirement("T3")
async def test_a_condition_of_another_form_is_refused(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item())
    for headers in (
        {"If-Match": "1"},
        {"If-Match": "*"},
        {"If-Match": '"1", "2"'},
        {"If-None-Match": '"1"'},
        {"If-None-Match": "*", "If-Match": '"1"'},
    ):
        answer = await device.send("PUT", "/working-set/draft", json=item(), headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:segue:problem:invalid-request"), headers


@pytest.mark.requirement("T3")
async def test_an_entity_tag_that_was_never_ours_matches_nothing(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item())
    for tag in ('"0"', '"x"', '"2"', '"01"', 'W/"1"', '""', '"１"'.encode()):  # noqa: RUF001
        answer = await device.send("PUT", "/working-set/draft", json=item(), headers={"If-Match": tag})
        assert answer.status_code in (400, 412), tag
        assert answer.status_code == 400 or answer.json()["current"]["version"] == 1
    missing = await device.put("missing", item(), version=1)
    assert (missing.status_code, missing.json()["current"]) == (412, None)


@pytest.mark.requirement("T3", "T12")
async def test_a_deleted_item_is_gone_and_its_versions_are_never_given_again(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item())
    assert (await device.send("DELETE", "/working-set/draft", headers={"If-Match": '"2"'})).status_code == 412
    gone = await device.send("DELETE", "/working-set/draft", headers={"If-Match": '"1"'})
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await device.get("/working-set/draft")).status_code == 404
    assert (await device.read("/working-set"))["items"] == []
    assert (await device.log())[-1]["kind"] == "working_set.deleted"
    assert (await device.put("draft", item())).headers["ETag"] == '"3"'


@pytest.mark.requirement("T11")
async def test_a_repeated_put_is_answered_like_the_first(store: StoreWorld) -> None:
    device = store.device()
    first = await device.put("draft", item(), key="k1")
    again = await device.put("draft", item(), key="k1")
    assert (again.status_code, again.json(), again.headers["ETag"]) == (201, first.json(), '"1"')
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await device.put("draft", item(), key="k1", version=1)  # the condition belongs to the request
    assert other.status_code == 422


@pytest.mark.requirement("T3")
async def test_who_has_the_version_is_not_sent_it_again(store: StoreWorld) -> None:
    device = store.device()
    await device.put("draft", item())
    for path in ("/working-set/draft", "/working-set"):
        tag = (await device.get(path)).headers["ETag"]
        answer = await device.get(path, headers={"If-None-Match": tag})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    await device.put("draft", item("New"), version=1)
    for path in ("/working-set/draft", "/working-set"):
        assert (await device.get(path, headers={"If-None-Match": '"1"'})).status_code == 200


@pytest.mark.requirement("T3")
async def test_items_of_another_shape_are_refused(store: StoreWorld) -> None:
    device = store.device()
    for wrong in (
        item(type="note"),
        item(status="done"),
        item(title=""),
        item(title="x" * 501),
        item(body=7),  # type: ignore[arg-type]
        item(version="1"),
        {"title": "x"},
        {},
    ):
        answer = await device.put("draft", wrong)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:segue:problem:invalid-request"), wrong
    for item_id in ("a%00b", "%0A", "-", ".", "a b", "x" * 129, "é", "a%2Fb"):
        assert (await device.put(item_id, item())).status_code in (404, 401), item_id
    assert (await device.read("/working-set"))["items"] == []


@pytest.mark.requirement("T3")
async def test_the_working_set_is_bounded_as_a_whole(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    device = store.device()
    monkeypatch.setattr("segue_resource.stores.working_set.MAX_ITEMS", 2)
    assert (await device.put("one", item())).status_code == 201
    assert (await device.put("two", item())).status_code == 201
    full = await device.put("three", item())
    assert (full.status_code, full.json()["type"]) == (422, "urn:segue:problem:too-much")
    monkeypatch.setattr("segue_resource.stores.working_set.MAX_BYTES", 100)
    assert (await device.put("one", item(body="x" * 100), version=1)).status_code == 422
    assert [found["version"] for found in (await device.read("/working-set"))["items"]] == [1, 1]


@pytest.mark.requirement("A5")
async def test_the_working_set_needs_the_action(store: StoreWorld) -> None:
    reader = store.device(actions={"task:read", "working_set:read"})
    assert (await reader.get("/working-set")).status_code == 200
    assert (await reader.put("draft", item())).status_code == 403
    writer = store.device(actions={"working_set:write"})
    assert (await writer.put("draft", item())).status_code == 201
    assert (await writer.get("/working-set")).status_code == 403
