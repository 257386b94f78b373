"""A deployment's own paragraph: written once for the same facts, never waited for long, never trusted."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from segue_resource.domain.lifecycle import Status
from segue_resource.domain.resume import Facts, ItemFact
from segue_resource.domain.working_set import ItemStatus, ItemType
from segue_resource.endpoints import paragraph
from segue_resource.endpoints.paragraph import Paragraphs

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T5", "R6")]

OWN = "One question is open: Whose courts decide?"
FACTS = Facts(
    task_id="tsk_1",
    name="Acme contract revision",
    status=Status.OPEN,
    working_set=[ItemFact(ItemType.QUESTION, "Whose courts decide?", ItemStatus.OPEN)],
    tool_calls=[],
    paragraph=OWN,
)


class Writer:
    """Counts how often it is asked; answers what `answer` gives, after `pause` is set if there is one."""

    def __init__(self, answer: Callable[[Facts], Any], *, pause: asyncio.Event | None = None) -> None:
        self.asked: list[Facts] = []
        self._answer = answer
        self._pause = pause

    async def __call__(self, facts: Facts) -> str:
        self.asked.append(facts)
        if self._pause is not None:
            await self._pause.wait()
        text: str = self._answer(facts)
        return text


async def test_without_a_writer_the_store_writes() -> None:
    assert await Paragraphs(None).of(FACTS) == (OWN, "store")


async def test_the_writer_is_asked_once_for_the_same_facts() -> None:
    writer = Writer(lambda facts: f"About {facts.name}.")
    paragraphs = Paragraphs(writer)
    answers = await asyncio.gather(*(paragraphs.of(FACTS) for _ in range(5)))
    assert [*answers, await paragraphs.of(FACTS)] == [("About Acme contract revision.", "deployment")] * 6
    assert writer.asked == [FACTS]
    for other in ({"status": Status.PAUSED}, {"task_id": "tsk_2"}, {"working_set": []}):
        await paragraphs.of(replace(FACTS, **other))  # type: ignore[arg-type]
    assert len(writer.asked) == 4


async def test_a_slow_writer_delays_nobody_for_long_and_its_words_are_there_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paragraph, "PATIENCE", 0.05)
    pause = asyncio.Event()
    paragraphs = Paragraphs(Writer(lambda _: "Late.", pause=pause))
    began = asyncio.get_running_loop().time()
    assert await paragraphs.of(FACTS) == (OWN, "store")
    assert 0.04 < asyncio.get_running_loop().time() - began < 1
    pause.set()
    assert await paragraphs.of(FACTS) == ("Late.", "deployment")


def failing(_: Facts) -> str:
    raise RuntimeError("the model is away")


@pytest.mark.parametrize("answer", [failing, lambda _: "", lambda _: "\u200b\n", lambda _: "x" * 2001, lambda _: None])
async def test_a_writer_that_fails_is_left_alone_for_a_while(
    answer: Callable[[Facts], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(answer)
    paragraphs = Paragraphs(writer)
    for _ in range(3):
        assert await paragraphs.of(FACTS) == (OWN, "store")
    assert len(writer.asked) == 1
    monkeypatch.setattr(paragraphs, "_resting_until", 0.0)
    await paragraphs.of(FACTS)
    assert len(writer.asked) == 2


async def test_a_writer_that_takes_too_long_is_cut_and_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paragraph, "LONGEST", 0.02)
    monkeypatch.setattr(paragraph, "PATIENCE", 5)
    writer = Writer(lambda _: "never", pause=asyncio.Event())
    paragraphs = Paragraphs(writer)
    began = asyncio.get_running_loop().time()
    for _ in range(2):
        assert await paragraphs.of(FACTS) == (OWN, "store")
    assert asyncio.get_running_loop().time() - began < 2
    assert len(writer.asked) == 1


async def test_what_waits_for_a_slow_writer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paragraph, "PATIENCE", 0.01)
    writer = Writer(lambda _: "x", pause=asyncio.Event())
    paragraphs = Paragraphs(writer)
    many = [replace(FACTS, task_id=f"tsk_{number}") for number in range(40)]
    async with paragraphs.lifespan(None):  # type: ignore[arg-type]
        assert {source for _, source in await asyncio.gather(*map(paragraphs.of, many))} == {"store"}
        assert len(writer.asked) == paragraph.MOST_AT_ONCE


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paragraph, "KEPT", 2)
    writer = Writer(lambda facts: facts.task_id)
    paragraphs = Paragraphs(writer)
    for task_id in ("tsk_1", "tsk_2", "tsk_1", "tsk_3", "tsk_1", "tsk_2"):
        assert (await paragraphs.of(replace(FACTS, task_id=task_id)))[0] == task_id
    assert [facts.task_id for facts in writer.asked] == ["tsk_1", "tsk_2", "tsk_3", "tsk_2"]


async def test_its_text_is_one_line_in_which_nothing_hides() -> None:
    text, _ = await Paragraphs(Writer(lambda _: " First.\n\n\tSecond \u202eline\u0000.<b>x</b> ")).of(FACTS)
    assert text == "First. Second line .<b>x</b>"
