"""What is kept of a task when it has to fit into so many tokens: the durable first, each part whole."""

import pytest
from segue_resource.domain.context import Part, PartKind, tokens_of, trimmed

AGREED, CALL, EVENT, EARLIER = PartKind.AGREED, PartKind.CALL, PartKind.EVENT, PartKind.EARLIER


def part(kind: PartKind, id_: str, tokens: int) -> Part:
    return Part("tsk_1", kind, id_, tokens)


@pytest.mark.requirement("T10", "R9")
def test_the_durable_comes_before_the_recent_and_the_recent_before_the_old() -> None:
    parts = [part(EARLIER, "s", 10), part(EVENT, "9", 10), part(CALL, "c", 10), part(AGREED, "a", 10)]
    for budget, kept in [(0, []), (10, ["a"]), (25, ["a", "c"]), (30, ["a", "c", "9"]), (40, ["a", "c", "9", "s"])]:
        context = trimmed("tsk_1", parts, token_budget=budget)
        assert [one.id for one in context.parts] == kept
        assert context.tokens == 10 * len(kept)
        assert sum(left.count for left in context.left_out) == 4 - len(kept)


@pytest.mark.requirement("T10", "R9")
def test_a_part_is_kept_whole_or_left_out_and_events_have_no_hole() -> None:
    parts = [part(AGREED, "large", 90), part(AGREED, "small", 20)]
    parts += [part(EVENT, "9", 10), part(EVENT, "8", 90), part(EVENT, "7", 10)]
    context = trimmed("tsk_1", parts, token_budget=50)
    assert [one.id for one in context.parts] == ["small", "9"]
    left = {one.kind: (one.count, one.tokens, one.read) for one in context.left_out}
    assert left == {AGREED: (1, 90, "/tasks/tsk_1/working-set"), EVENT: (2, 100, "/tasks/tsk_1/events")}


@pytest.mark.requirement("T10")
def test_a_token_is_four_bytes_begun() -> None:
    assert [tokens_of(size) for size in (0, 1, 4, 5)] == [0, 1, 1, 2]
