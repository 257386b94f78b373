"""How attacks and threats ended, and what that means for the exit status."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from segue_threats.attack import Attack
from segue_threats.catalogue import Threat
from segue_threats.evidence import Line

GRAVE = ("critical", "high")
"""Severities that decide the exit status."""


class Ending(StrEnum):
    """Of an attack; a threat has the gravest of its attacks, or one of the last three."""

    BROKEN = "broken"
    SKIPPED = "skipped"
    HELD = "held"
    BY_HAND = "for a person"
    NOT_ATTACKED = "not attacked yet"
    LEFT_OUT = "left out"


@dataclass(frozen=True)
class Outcome:
    """One attack's end. `reason` is the finding, or why it was skipped; `counts`: nobody should rely on this run."""

    attack: Attack
    ending: Ending
    reason: str
    counts: bool
    seconds: float
    evidence: tuple[Line, ...]

    @property
    def pictures(self) -> Sequence[Line]:
        """What was seen in a browser."""
        return [line for line in self.evidence if line.image]


@dataclass(frozen=True)
class Verdict:
    """A threat and what its attacks showed."""

    threat: Threat
    outcomes: Sequence[Outcome]
    selected: bool

    @property
    def ending(self) -> Ending:
        if not self.selected:
            return Ending.LEFT_OUT
        if not self.outcomes:
            return Ending.BY_HAND if self.threat.checklist else Ending.NOT_ATTACKED
        found = {outcome.ending for outcome in self.outcomes}
        if Ending.SKIPPED in found and Ending.HELD in found and not any(each.counts for each in self.outcomes):
            return Ending.HELD
        return next(ending for ending in Ending if ending in found)

    @property
    def reason(self) -> str:
        """Why there is no outcome, for a line of its own."""
        if self.selected and self.threat.awaits:
            return f"{self.ending}: waits for {self.threat.awaits}"
        if self.selected and self.threat.checklist:
            return f"{self.ending}: {' '.join(f'{check.do} {check.see}' for check in self.threat.checklist)}"
        return self.ending.value

    @property
    def counts(self) -> bool:
        """Whether something about it is open that a reader must not overlook."""
        return any(outcome.counts for outcome in self.outcomes)


def exit_status(verdicts: Sequence[Verdict]) -> int:
    """1: a critical or high threat is broken. 3: none is, but one was skipped for a reason that counts. 0: neither."""
    grave = [verdict for verdict in verdicts if verdict.threat.severity in GRAVE]
    if any(verdict.ending is Ending.BROKEN for verdict in grave):
        return 1
    return 3 if any(verdict.counts for verdict in grave) else 0
