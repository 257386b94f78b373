"""How many streams one device may hold open (XD-DOS-03)."""

from contextlib import AsyncExitStack

import pytest
from resource_world import Device, StoreWorld
from segue_resource.endpoints import places

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("XD-DOS-03")]


async def test_a_device_holds_as_many_streams_as_it_may_and_no_other_device_has_fewer(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MOST", 3)
    device, other = store.device(), store.device()
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(device.follow()) for _ in range(5)]
        statuses = [(await stream.start())[0] for stream in streams]
        assert sorted(statuses) == [200, 200, 200, 429, 429]
        assert (await _started(device))[1]["retry-after"].isdigit()
        assert (await (await stack.enter_async_context(other.follow())).start())[0] == 200


async def test_a_stream_that_ends_leaves_its_place(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MOST", 1)
    device = store.device()
    for _ in range(3):
        async with device.follow() as stream:
            assert (await stream.start())[0] == 200
            assert (await _started(device))[0] == 429


async def _started(device: Device) -> tuple[int, dict[str, str]]:
    """Status and headers of one more stream, which is left at once."""
    async with device.follow() as stream:
        return await stream.start()
