"""One run of the bench: what every form of the report tells."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from segue_bench.measure import Figure, Of, Result


@dataclass(frozen=True, slots=True)
class Run:
    """The results of one run, on which machine, and how long it took in seconds."""

    results: Sequence[Result]
    conditions: Mapping[str, str]
    seconds: float
    quick: bool

    @property
    def missed(self) -> int:
        """How many targets are missed."""
        return sum(len(result.missed()) for result in self.results)

    @property
    def broken(self) -> list[str]:
        """The subjects that were not measured to their end."""
        return [result.subject for result in self.results if result.broken]

    def conclusion(self) -> str:
        """In one sentence."""
        targets = sum(len(result.targets) for result in self.results)
        met = f"{self.missed} of {targets} targets missed" if self.missed else f"All {targets} targets met"
        judged = met if targets else "No target was measured"
        broken = f"; {', '.join(self.broken)} broke" if self.broken else ""
        kind = "a quick run" if self.quick else "a full run"
        return f"{judged}{broken}, in {kind} of {self.seconds:.0f} s."

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "quick": self.quick,
            "seconds": round(self.seconds, 1),
            "conditions": dict(self.conditions),
            "results": [result.document() for result in self.results],
        }


def groups(result: Result) -> Iterator[tuple[str, list[Figure]]]:
    """The figures that are shown beside each other."""
    for (name, _), figures in groupby(result.figures, key=lambda figure: (figure.group, figure.unit)):
        yield name, list(figures)


def floor_of(figures: Sequence[Figure]) -> Figure | None:
    """The floor under a group."""
    return next((figure for figure in figures if figure.of is Of.FLOOR), None)
