"""Growing texts and notes of `Ephemeral`, in one process and through Redis."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from segue_storage.ephemeral import Ephemeral, Growth, MemoryUnavailable, open_ephemeral

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ephemeral(ephemeral_url: str | None) -> AsyncIterator[Ephemeral]:
    ephemeral = open_ephemeral(ephemeral_url)
    yield ephemeral
    await ephemeral.aclose()


async def grow(ephemeral: Ephemeral, piece: bytes, *, at: int, mark: bytes | None = None) -> Growth:
    return await ephemeral.extend_text(
        "group", "one", piece, at=at, size=len(piece), mark=mark or piece, limit=10, lifetime=5
    )


@pytest.mark.requirement("T7", "T11")
async def test_a_text_grows_at_its_end_alone_and_a_repeated_piece_counts_once(ephemeral: Ephemeral) -> None:
    assert await ephemeral.open_text("group", "one", b"about", most=2, lifetime=5)
    assert await grow(ephemeral, b"abc", at=0) == Growth("extended", 3)
    assert await grow(ephemeral, b"sealed otherwise"[:3], at=0, mark=b"abc") == Growth("extended", 3)
    assert await grow(ephemeral, b"xyz", at=0) == Growth("elsewhere", 3)
    assert await grow(ephemeral, b"x", at=4) == Growth("elsewhere", 3)
    assert await grow(ephemeral, b"defghijk", at=3) == Growth("full", 3)
    assert await grow(ephemeral, b"de", at=3) == Growth("extended", 5)
    (text,) = (await ephemeral.texts("group", {})).values()
    assert (text.about, text.length, text.stopped, text.first, text.pieces) == (b"about", 5, False, 0, [b"abc", b"de"])
    (rest,) = (await ephemeral.texts("group", {"one": 1})).values()
    assert (rest.first, rest.pieces) == (1, [b"de"])


@pytest.mark.requirement("T11")
async def test_of_many_pieces_for_one_place_one_is_taken(ephemeral: Ephemeral) -> None:
    await ephemeral.open_text("group", "one", b"", most=1, lifetime=5)
    grown = await asyncio.gather(*(grow(ephemeral, b"%d" % number, at=0) for number in range(10)))
    assert sorted(growth.result for growth in grown) == ["elsewhere"] * 9 + ["extended"]


@pytest.mark.requirement("T16", "R57")
async def test_a_stopped_text_does_not_grow(ephemeral: Ephemeral) -> None:
    await ephemeral.open_text("group", "one", b"", most=1, lifetime=5)
    await grow(ephemeral, b"abc", at=0)
    assert await ephemeral.stop_text("group", "one") == 3
    assert await ephemeral.stop_text("group", "one") == 3
    assert await grow(ephemeral, b"d", at=3) == Growth("stopped", 3)
    assert await ephemeral.stop_text("group", "other") is None


@pytest.mark.requirement("T7")
async def test_texts_are_bounded_dropped_and_forgotten(ephemeral: Ephemeral) -> None:
    assert await ephemeral.open_text("group", "one", b"", most=1, lifetime=1)
    assert not await ephemeral.open_text("group", "two", b"", most=1, lifetime=1)
    await ephemeral.drop_text("group", "one")
    assert await ephemeral.texts("group", {}) == {}
    assert await grow(ephemeral, b"a", at=0) == Growth("gone", 0)
    assert await ephemeral.open_text("group", "two", b"", most=1, lifetime=1)
    await asyncio.sleep(2.1 - time.time() % 1)
    assert await ephemeral.texts("group", {}) == {}


@pytest.mark.requirement("R60", "T15")
async def test_a_note_says_whether_it_is_news_and_is_forgotten_unless_renewed(ephemeral: Ephemeral) -> None:
    async def put(name: str, value: bytes) -> bool:
        return await ephemeral.put_note("board", name, value, most=2, lifetime=1)

    assert [await put("a", b"x:1"), await put("a", b"x:1"), await put("a", b"y"), await put("b", b"z")] == [
        True,
        False,
        True,
        True,
    ]
    with pytest.raises(MemoryUnavailable):
        await put("c", b"")
    assert {name: note.value for name, note in (await ephemeral.notes("board")).items()} == {"a": b"y", "b": b"z"}
    await asyncio.sleep(2.1 - time.time() % 1)
    assert await ephemeral.notes("board") == {}
    assert await put("c", b"")


async def test_a_listener_of_two_topics_hears_which_was_woken(ephemeral: Ephemeral) -> None:
    async with ephemeral.listen("one", "other") as wakeups:
        await ephemeral.wake("other")
        assert await wakeups.wait(5)
        assert wakeups.woken == {"other"}
        assert not await wakeups.wait(0.05)
        assert wakeups.woken == frozenset()
