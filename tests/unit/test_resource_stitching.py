"""Stitching: which open task a new session may continue, and what is never claimed."""

import time

import pytest
import stitching_corpus as corpus
from segue_resource.domain.likeness import slips
from segue_resource.domain.stitching import MAX_HINT, OpenTask, match, telling
from segue_resource.domain.term import Kind, terms

NOW = corpus.NOW


def task(task_id: str, *texts: str, ago: int = 3600) -> OpenTask:
    return OpenTask(task_id, texts, NOW - ago)


LEASE = task("tsk_lease", "Acme lease renewal", "Cap on indexation in clause 7", "lease_acme.docx")
TRIP = task("tsk_trip", "Trip to Lisbon", "Hotel near Alfama", "TP571 or a later flight?")
TASKS = (LEASE, TRIP)


@pytest.mark.requirement("R8", "T22")
def test_the_goal_is_met_on_beginnings_that_no_tuning_saw() -> None:
    held_out = corpus.beginnings("held_out")
    assert len(held_out) + len(corpus.beginnings("tuning")) >= 150
    figures = corpus.figures(held_out, corpus.ours)
    assert figures.precision >= 0.95
    assert figures.recall >= 0.9


@pytest.mark.requirement("R8")
def test_simpler_rankings_stay_behind() -> None:
    held_out = corpus.beginnings("held_out")
    bag = corpus.best_cosine(corpus.beginnings("tuning"))
    for ranking in (corpus.cosine(bag), corpus.newest):
        assert corpus.figures(held_out, ranking).precision < 0.9


@pytest.mark.requirement("R8", "R30")
@pytest.mark.parametrize(
    "hint",
    [
        "the cap in clause 7",
        "lease_acme.docx",
        "Acmes Mietvertrag, Klausel 7",
        "acme laese renewel",
        "ACME\u200b Lease",
    ],
)
def test_the_same_matter_is_found_whatever_its_words(hint: str) -> None:
    best = match(hint, TASKS, now=NOW)[0]
    assert (best.task_id, best.likely) == ("tsk_lease", True)


@pytest.mark.requirement("R30")
@pytest.mark.parametrize("hint", ["", "hello", "ok, go on", "What is the capital of Mongolia?", "\u0301\ud800\0", "7"])
def test_nothing_is_claimed_of_what_has_nothing_in_common(hint: str) -> None:
    assert not any(found.likely for found in match(hint, TASKS, now=NOW))


@pytest.mark.requirement("R30")
def test_recency_alone_decides_nothing() -> None:
    fresh = (task("tsk_a", "Roof of the shed", ago=0), task("tsk_b", "Acme lease renewal", ago=90 * 86_400))
    assert match("the weather in Oslo", fresh, now=NOW) == []
    assert match("Acme lease renewal", fresh, now=NOW)[0].task_id == "tsk_b"


@pytest.mark.requirement("R30")
def test_of_two_tasks_that_fit_alike_neither_is_claimed() -> None:
    twins = (task("tsk_a", "Audit of Baltor"), task("tsk_b", "Audit of Baltor"))
    assert not any(found.likely for found in match("Baltor and its audit", twins, now=NOW))


@pytest.mark.requirement("R8")
def test_the_reason_names_what_both_have_in_the_words_of_the_task() -> None:
    found = match("LEASE_ACME.DOCX clause 7 and <b>acme</b>", TASKS, now=NOW)[0]
    assert found.reason == "it names lease_acme.docx too, both speak of clause 7 and Acme, it was active 1 hour ago"


@pytest.mark.requirement("R8")
def test_markup_and_direction_marks_of_a_task_reach_no_reason() -> None:
    hostile = task("tsk_x", '<script>alert</script> \u202egnirepmat\u202c clause 7 & "Acme"')
    found = match("script alert tampering gnirepmat clause 7 acme", [hostile], now=NOW)[0]
    assert not set(found.reason) & set("<>&\"'\u202e\u202c")


@pytest.mark.requirement("R8")
def test_the_same_question_has_the_same_answer_in_any_order() -> None:
    hint = "Acme, the hotel in Lisbon, clause 7"
    assert match(hint, TASKS, now=NOW) == match(hint, TASKS[::-1], now=NOW)


@pytest.mark.requirement("R8")
def test_terms_are_told_apart_by_what_they_name() -> None:
    found = {term.key: term.kind for term in terms("See src/reader.py and OPS-2291, clause 7: 京都の旅館 still rains")}
    assert found == {
        "reader.py": Kind.FILE,
        "ops-2291": Kind.IDENTIFIER,
        "see": Kind.WEAK,
        "claus": Kind.WORD,
        "claus 7": Kind.NUMBERED,
        "京都": Kind.WORD,
        "旅館": Kind.WORD,
        "rain": Kind.WORD,
    }


def test_a_slip_is_one_letter_more_less_other_or_swapped() -> None:
    assert all(slips("importer", other, most=1) for other in ("improter", "importr", "imporrter", "inporter"))
    assert not slips("importer", "exporter", most=1)


@pytest.mark.requirement("R8")
def test_a_hundred_tasks_take_a_bounded_time_whatever_is_asked() -> None:
    words = [f"{stem}{n}ing" for stem in ("word", "term", "fact", "text", "page", "item") for n in range(300)]
    busy = [_busy(f"tsk_{n}", words[n * 7 : n * 7 + 40]) for n in range(100)]
    for hint in ("where were we with the importer of word7ing?", "a" * MAX_HINT, "a." * MAX_HINT, "京" * MAX_HINT):
        begun = time.process_time()
        match(hint, busy, now=NOW)
        assert time.process_time() - begun < 0.2  # ten times the goal of a quiet machine


def _busy(task_id: str, words: list[str]) -> OpenTask:
    return OpenTask(task_id, telling("Some task", [(" ".join(words), "x " * 500)] * 8, ["y " * 900]), NOW)
