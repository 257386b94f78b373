"""What a measurement comes to: the middle, what 99 of 100 do not exceed, ratios by round, targets met and missed."""

import pytest
from segue_bench.measure import Figure, Of, Plan, Result, at_least, at_most, fastest_tenth, p99, ratio, rounded

pytestmark = pytest.mark.requirement("E5")


def figure(*rounds: float) -> Figure:
    return Figure.rates("x", rounds, of=Of.SEGUE)


def test_times_have_a_middle_a_tail_and_the_middles_of_their_rounds() -> None:
    taken = Figure.times("x", [[float(number) for number in range(1, 1001)], [500.0]], of=Of.PEER, unit="ms")
    assert (taken.median, taken.samples, taken.rounds) == (500.0, 1001, (500.5, 500.0))
    assert taken.p99 is not None
    assert 989 <= taken.p99 <= 992


def test_of_few_samples_the_largest_is_the_tail() -> None:
    assert p99([3.0, 1.0, 2.0]) == 3.0


def test_a_tenth_of_the_samples_are_under_the_fastest_tenth() -> None:
    assert fastest_tenth([[float(number) for number in range(30, 10, -1)], [5.0]]) == 12.0
    assert fastest_tenth([[7.0]]) == 7.0


def test_rates_have_no_tail() -> None:
    assert (figure(10, 30, 20).median, figure(10, 30, 20).p99) == (20, None)


def test_two_figures_are_compared_round_by_round_so_that_a_slow_minute_hits_both() -> None:
    assert ratio(figure(10, 100, 20), figure(5, 50, 10)) == 2
    assert ratio(figure(30, 10, 10), figure(10, 10, 30)) == 1


def test_figures_of_unlike_rounds_are_compared_by_their_middles() -> None:
    assert ratio(figure(10, 20, 30), figure(5)) == 4


@pytest.mark.parametrize(("measured", "met"), [(1.39, True), (1.4, True), (1.41, False)])
def test_a_target_of_at_most_is_missed_by_more(measured: float, met: bool) -> None:
    assert at_most("x", measured, 1.4, reason="y").met is met


@pytest.mark.parametrize(("measured", "met"), [(2.99, False), (3.0, True), (3.01, True)])
def test_a_target_of_at_least_is_missed_by_less(measured: float, met: bool) -> None:
    assert at_least("x", measured, 3, reason="y").met is met


def test_a_target_says_what_was_wanted_and_what_it_is() -> None:
    target = at_most("the whole", 61.234, 50, unit=" ms", reason="y")
    assert str(target) == "the whole: at most 50 ms; it is 61.2 ms"
    result = Result([], [target, at_least("z", 4, 3, reason="")])
    assert result.missed() == [target]
    assert [each["met"] for each in result.document()["targets"]] == [False, True]


def test_numbers_are_rounded_to_what_means_something() -> None:
    numbers = [0.0, 0.01234, 0.5, 1.234, 12.34, 123.4, 1234567.0]
    assert [rounded(number) for number in numbers] == ["0", "0.0123", "0.50", "1.23", "12.3", "123", "1,234,567"]


def test_rounds_that_somebody_asked_for_come_before_what_a_subject_would_run(tmp_path: object) -> None:
    def often(*, quick: bool, rounds: int | None) -> int:
        return Plan(quick, rounds, peers=tmp_path).often(30, quick=6)  # type: ignore[arg-type]

    assert [often(quick=False, rounds=None), often(quick=True, rounds=None), often(quick=True, rounds=2)] == [30, 6, 2]
