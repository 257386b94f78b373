"""The benchmark of what resuming is worth runs against the store, and its reader and its ways are what they say."""

from collections.abc import Callable

import pytest
from resource_world import StoreWorld
from resume_worth import memory, reader
from resume_worth.corpus import KINDS, Question, tasks
from resume_worth.scored import WAYS, scores, table

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T5", "T10")]

CAP = Question("superseded", "At what is liability capped?", ["one year", "two years"], "two years")
EVERYTHING = 10_000


async def test_the_working_set_answers_what_was_decided_when_the_transcript_no_longer_fits(store: StoreWorld) -> None:
    found = await scores(store, list(tasks()), (150, EVERYTHING))
    whole, short = ({way: found[way, budget] for way in WAYS} for budget in (EVERYTHING, 150))
    for way in WAYS:
        assert {kind for kind in KINDS if whole[way].of(kind)[1]} == set(KINDS)
    assert whole["transcript"].of()[0] == whole["transcript"].of()[1]  # the reader can answer everything it is given
    right = {way: sum(short[way].of(kind)[0] for kind in ("decision", "superseded", "derived")) for way in WAYS}
    assert right["working set"] > max(right["summary"], right["transcript"])
    assert right["working set"] > right["working set, a third forgotten"]
    assert all(score.of("never") == (4, 4) for score in found.values())
    assert len(table(found).splitlines()) == 2 + len(found)


def test_the_reader_believes_the_sentence_that_fits_best_and_of_two_the_later_one() -> None:
    assert reader.answer(CAP, "Liability is capped at one year. Liability is capped at two years.") == "two years"
    assert reader.answer(CAP, "Liability is capped at two years. It rained for one year.") == "two years"
    assert reader.answer(CAP, "Liability is capped at one year or at two years.") == reader.UNKNOWN
    assert reader.answer(CAP, "Nothing was said.") == reader.UNKNOWN


@pytest.mark.parametrize("way", [memory.transcript, memory.summary])
@pytest.mark.parametrize("budget", [0, 40, 150, EVERYTHING])
def test_no_way_of_remembering_gets_more_than_its_budget(
    way: Callable[[list[list[memory.Turn]], int], str], budget: int
) -> None:
    for task in tasks():
        context = way([list(session.turns) for session in task.sessions], budget)
        assert memory.tokens(context) <= budget


def test_every_question_can_be_answered_from_what_was_said_before_it_or_was_never_said() -> None:
    for task in tasks():
        for number, session in enumerate(task.sessions):
            said = "\n".join(text for one in task.sessions[:number] for _, text in one.turns).lower()
            for question in [part for asked in session.questions for part in (asked.parts or [asked])]:
                known = question.answer.lower() in said
                assert known is (question.answer != reader.UNKNOWN), question.ask
