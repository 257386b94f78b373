"""What a measurement comes to: figures, and targets that they meet or miss."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple


class Missing(Exception):
    """Something that would be measured cannot be had here; says what, and how it is had."""


class Of(StrEnum):
    """Whose figure it is."""

    FLOOR = "floor"  # the least that anybody could do: bare cryptography, a bare commit
    SEGUE = "segue"
    PEER = "peer"


class Plan(NamedTuple):
    """How much to measure. `rounds` are as many as somebody asked for; each subject has a number of its own."""

    quick: bool
    rounds: int | None
    peers: Path
    """The folder into which other people's programs are installed, and found again (`segue_bench.peers`)."""

    def often(self, full: int, *, quick: int) -> int:
        """How many rounds a subject runs."""
        return self.rounds or (quick if self.quick else full)


Say = Callable[[str], None]
"""Tells whoever waits what is being measured."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured. `rounds` has one number for each round: its median, or its rate."""

    what: str
    unit: str
    of: Of
    median: float
    p99: float | None
    """What 99 of 100 samples do not exceed; None where a sample is a whole round."""
    samples: int
    rounds: tuple[float, ...]
    group: str = ""
    """Figures of one group, all in one unit, are drawn beside each other."""

    @classmethod
    def times(
        cls, what: str, rounds: Sequence[Sequence[float]], *, of: Of, unit: str = "µs", group: str = ""
    ) -> "Figure":
        """Of how long each sample of each round took, in `unit`."""
        taken = [sample for samples in rounds for sample in samples]
        return cls(what, unit, of, median(taken), p99(taken), len(taken), tuple(map(median, rounds)), group)

    @classmethod
    def rates(
        cls, what: str, rounds: Sequence[float], *, of: Of, unit: str = "requests/s", group: str = ""
    ) -> "Figure":
        """Of one number for each round, such as how many requests a second were answered."""
        return cls(what, unit, of, median(rounds), None, len(rounds), tuple(rounds), group)


@dataclass(frozen=True, slots=True)
class Target:
    """A promise: what was measured, and what it may be. `reason` is what is known of why it may be missed."""

    what: str
    measured: float
    bound: float
    at_least: bool
    unit: str
    reason: str

    @property
    def met(self) -> bool:
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound

    def __str__(self) -> str:
        side = "at least" if self.at_least else "at most"
        return f"{self.what}: {side} {self.bound:g}{self.unit}; it is {rounded(self.measured)}{self.unit}"


def at_most(what: str, measured: float, bound: float, *, unit: str = " times", reason: str) -> Target:
    """A target that is met by little. `reason` is told if it is missed."""
    return Target(what, measured, bound, at_least=False, unit=unit, reason=reason)


def at_least(what: str, measured: float, bound: float, *, unit: str = " times", reason: str) -> Target:
    """A target that is met by much. `reason` is told if it is missed."""
    return Target(what, measured, bound, at_least=True, unit=unit, reason=reason)


@dataclass(frozen=True, slots=True)
class Result:
    """What a subject found. `conditions` are versions and settings, `missing` is who was not measured, and why."""

    figures: Sequence[Figure]
    targets: Sequence[Target] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    """What a reader must know to judge the figures."""
    profile: str = ""
    """Where the time goes, as plain text."""
    broken: bool = False
    """Whether an error ended the measurement."""
    subject: str = ""
    about: str = ""
    """Its name, and one line about it; whoever ran it says both."""

    def missed(self) -> list[Target]:
        return [target for target in self.targets if not target.met]

    def document(self) -> dict[str, Any]:
        """For programs."""
        targets = [{**asdict(target), "met": target.met} for target in self.targets]
        return {**asdict(self), "targets": targets}


def ratio(one: Figure, other: Figure) -> float:
    """How many times `other` is `one`: the median over rounds that ran side by side, so that noise hits both alike."""
    if len(one.rounds) == len(other.rounds):
        return median(mine / its for mine, its in zip(one.rounds, other.rounds, strict=True))
    return one.median / other.median


def p99(samples: Sequence[float]) -> float:
    """What 99 of 100 do not exceed; of fewer than 100 samples, the largest."""
    return quantiles(samples, n=100)[98] if len(samples) >= 100 else max(samples)


def fastest_tenth(rounds: Sequence[Sequence[float]]) -> float:
    """What a tenth of the samples stay under: as on a machine that does nothing else."""
    samples = sorted(sample for samples in rounds for sample in samples)
    return samples[len(samples) // 10]


def rounded(number: float) -> str:
    """Three figures that mean something, with thousands apart."""
    if number == 0:
        return "0"
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}" if abs(number) >= 0.1 else f"{number:.3g}"
