"""The machine's clock as the servers see it: it goes forward, or stands still."""

import logging

import pytest
from segue.clock import Forward, now


class Machine:
    def __init__(self, *told: int) -> None:
        self._told = list(told)

    def __call__(self) -> int:
        return self._told.pop(0)


@pytest.mark.requirement("XD-OPS-05")
def test_a_clock_that_is_set_back_stands_still_until_it_has_caught_up() -> None:
    clock = Forward(Machine(100, 100, 101, 61, 100, 102, 103))
    assert [clock() for _ in range(6)] == [100, 101, 101, 101, 102, 103]


@pytest.mark.requirement("XD-OPS-05")
def test_a_clock_that_is_set_back_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = Forward(Machine(1000, 999, 400, 400, 1000, 10))
    with caplog.at_level(logging.WARNING, "segue"):
        for _ in range(5):
            clock()
    assert [record.getMessage() for record in caplog.records] == [
        f"the clock was set back by {seconds} seconds; time stands still until then" for seconds in (600, 990)
    ]


def test_the_servers_clock_is_such_a_one() -> None:
    assert isinstance(now, Forward)
