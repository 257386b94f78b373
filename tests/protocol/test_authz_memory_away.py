"""While the memory of proofs is away nobody is let in, everybody is told so, and what was done is told as done."""

import pytest
from authz_world import World
from segue.dpop import ProofChecker
from segue.replay import MemoryUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("XD-OPS-06")]


def _take_away(monkeypatch: pytest.MonkeyPatch, of: object, name: str) -> None:
    async def away(*_: object, **__: object) -> None:
        raise MemoryUnavailable("away")

    monkeypatch.setattr(of, name, away)


async def test_a_device_without_a_nonce_is_told_when_to_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop = await world.desktop()
    world.restart()
    desktop.http, desktop.nonce = world.http(), None
    _take_away(monkeypatch, world.ephemeral, "incarnation")
    answer = await desktop.refresh()
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "5"


async def test_what_was_done_is_told_though_there_is_no_nonce_for_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop = await world.desktop()
    _take_away(monkeypatch, ProofChecker, "fresh_nonce")
    answer = await desktop.refresh()
    assert (answer.status_code, "DPoP-Nonce" in answer.headers) == (200, False)
