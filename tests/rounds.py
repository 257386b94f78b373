"""How much the racing tests do: a bounded form in every run, and a full form whose figures are in specs/evidence."""

import os

_ASKED = os.environ.get("SEGUE_TEST_ROUNDS", "")
FULL = _ASKED == "full"


def rounds(*, bounded: int, full: int) -> int:
    """The number that `SEGUE_TEST_ROUNDS` says; `full` if it says `full`, `bounded` if it says nothing."""
    return full if FULL else int(_ASKED or bounded)
