"""What only the memory of one process can do: end with it, and be full."""

import pytest
from segue_storage.ephemeral import MemoryLost, MemoryUnavailable, open_ephemeral
from segue_storage.in_process import Rates

pytestmark = pytest.mark.anyio


@pytest.mark.requirement("XD-DPOP-05")
async def test_a_new_process_has_another_incarnation() -> None:
    before = await open_ephemeral(None).incarnation()
    new = open_ephemeral(None)
    assert await new.incarnation() != before
    with pytest.raises(MemoryLost):
        await new.first_use("a", lifetime=60, incarnation=before)


@pytest.mark.requirement("XD-DOS-06", "XD-OPS-06")
def test_rates_that_fill_the_memory_are_refused_and_none_is_forgotten_early() -> None:
    rates = Rates(capacity=3)
    assert all(rates.allow(key, limit=1, window=10, now=100) for key in "abc")
    with pytest.raises(MemoryUnavailable):
        rates.allow("d", limit=1, window=10, now=109)
    assert not rates.allow("a", limit=1, window=10, now=109)
    assert rates.allow("d", limit=1, window=10, now=110)


@pytest.mark.requirement("XD-DOS-06")
def test_what_never_was_allowed_is_forgotten_too() -> None:
    rates = Rates(capacity=1)
    assert not rates.allow("a", limit=0, window=10, now=100)
    assert rates.allow("b", limit=1, window=10, now=101)
