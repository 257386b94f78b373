"""How often what has happened in this process: counted whether anybody reads it or not, in words of ours."""

from collections import Counter
from collections.abc import Mapping


class Tally:
    """By kind, and which of them: `("transfer", "approved")`. Belongs to the event loop.

    Each kind and each word is a constant of the program, so there is a bounded number of them.
    """

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, what: str, which: str = "") -> None:
        self._counts[what, which] += 1

    def add(self, happened: Mapping[tuple[str, str], int]) -> None:
        self._counts.update(happened)

    def counts(self) -> Counter[tuple[str, str]]:
        """So far. May be asked by any thread."""
        return self._counts.copy()
