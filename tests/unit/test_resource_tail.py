"""Readers that are woken together read once, and none is given a reading that began before it asked."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from segue_resource.domain.actor import Actor, Caller
from segue_resource.domain.event import Event
from segue_resource.endpoints.tail import Encoded, Tails
from segue_resource.stores.events import Page

pytestmark = pytest.mark.anyio


class SlowStore:
    """A log of `head` events. Each reading sees the log as it was when the reading began, and waits for `gate`."""

    def __init__(self) -> None:
        self.head = 0
        self.readings = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.began = asyncio.Event()

    async def read(self, caller: Caller, work: Callable[[Any], Any]) -> tuple[Page, int]:
        self.readings += 1
        self.began.set()
        head = self.head
        await self.gate.wait()
        events = [Event(seq, "message", "agent", 0, Actor("usr_1", None, None), None, {}) for seq in range(1, head + 1)]
        return Page(events, head, head), head


def caller(sub: str = "usr_1", device_id: str = "dev_1") -> Caller:
    return Caller(
        sub=sub, client_id="c", device_id=device_id, task_id="tsk_1", epoch=1, transfer_id=None, needs=frozenset()
    )


@pytest.fixture
def store() -> SlowStore:
    return SlowStore()


@pytest.fixture
def tails(store: SlowStore) -> Tails:
    return Tails(store)  # type: ignore[arg-type]


@pytest.mark.requirement("T7", "R16")
async def test_who_asks_in_the_same_turn_shares_one_reading(store: SlowStore, tails: Tails) -> None:
    store.head = 2
    reads = [tails.of(caller(device_id=f"dev_{n}"))(0) for n in range(20)]
    pages = await asyncio.gather(*reads)
    assert store.readings == 1
    assert {page.next_after for page in pages} == {2}
    assert all(page is pages[0] for page in pages)


@pytest.mark.requirement("T7", "A5")
async def test_nobody_shares_with_another_person_or_from_another_place(store: SlowStore, tails: Tails) -> None:
    await asyncio.gather(tails.of(caller())(0), tails.of(caller("usr_2"))(0), tails.of(caller())(1))
    assert store.readings == 3


@pytest.mark.requirement("T7", "R61")
async def test_a_reading_under_way_is_not_given_to_who_asks_later(store: SlowStore, tails: Tails) -> None:
    store.gate.clear()
    early = asyncio.create_task(tails.of(caller())(0))
    await store.began.wait()
    store.head = 1  # committed now, and who is woken for it asks
    late = asyncio.create_task(tails.of(caller())(0))
    await asyncio.sleep(0)
    store.gate.set()
    assert [page.next_after for page in await asyncio.gather(early, late)] == [0, 1]


@pytest.mark.requirement("T7")
async def test_one_who_hangs_up_takes_the_page_from_nobody(store: SlowStore, tails: Tails) -> None:
    store.head = 1
    store.gate.clear()
    leaving, staying = (asyncio.create_task(tails.of(caller())(0)) for _ in range(2))
    await store.began.wait()
    leaving.cancel()
    store.gate.set()
    page: Encoded = await staying
    assert (page.next_after, store.readings) == (1, 1)
