"""A body that comes byte by byte does not hold a request open (XD-DOS-03)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from authz_world import World
from resource_world import StoreWorld
from segue_authz.endpoints import form
from segue_resource.endpoints import body

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("XD-DOS-03")]


async def dripping(first: bytes) -> AsyncIterator[bytes]:
    """Something, and then a little more for ever."""
    yield first
    while True:
        await asyncio.sleep(0.01)
        yield b" "


async def test_the_authorization_server_waits_so_long_for_a_form(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "PATIENCE", 0.05)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with asyncio.timeout(10):
        answer = await world.http().post("/token", content=dripping(b"grant_type="), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert answer.headers["connection"] == "close"


async def test_the_task_store_waits_so_long_for_json(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "PATIENCE", 0.05)
    device = store.device()
    await device.get()
    async with asyncio.timeout(10):
        answer = await device.send(
            "POST", "/events", content=dripping(b"{"), headers={"Content-Type": "application/json"}
        )
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:segue:problem:invalid-request")
    assert answer.headers["connection"] == "close"
