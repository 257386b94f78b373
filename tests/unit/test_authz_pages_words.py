"""The plain words for actions and spans of time."""

import pytest
from segue.authority import ACTIONS
from segue_authz.pages.action import ACTION_WORDS, Allowed, in_words
from segue_authz.pages.duration import ago, ahead


@pytest.mark.requirement("XD-CONS-01")
def test_every_action_of_the_protocol_has_words_and_no_other_has() -> None:
    assert set(ACTION_WORDS) == ACTIONS


def test_no_two_actions_read_the_same() -> None:
    assert len(set(ACTION_WORDS.values())) == len(ACTION_WORDS)


def test_actions_are_told_by_subject_in_one_order() -> None:
    told = in_words(["tool_calls:claim", "task:write", "tool_calls:read", "task:read", "task:read"])
    assert told == (
        Allowed("task", (("task:read", "see"), ("task:write", "rename"))),
        Allowed("tool calls", (("tool_calls:read", "see"), ("tool_calls:claim", "run"))),
    )


@pytest.mark.requirement("XD-CONS-01")
def test_an_action_without_words_is_an_error_and_never_left_out() -> None:
    with pytest.raises(KeyError):
        in_words(["task:read", "task:own"])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "in 0 seconds"),
        (0, "in 0 seconds"),
        (1, "in 1 second"),
        (119, "in 119 seconds"),
        (120, "in 2 minutes"),
        (3_599, "in 59 minutes"),
        (3_600, "in 1 hour"),
        (86_399, "in 23 hours"),
        (86_400, "in 1 day"),
        (9_000_000, "in 104 days"),
    ],
)
def test_a_span_is_told_in_its_largest_whole_unit(seconds: int, words: str) -> None:
    assert ahead(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(-9, "just now"), (1, "just now"), (2, "2 seconds ago")])
def test_an_age_is_told_and_one_from_the_future_is_now(seconds: int, words: str) -> None:
    assert ago(seconds) == words
