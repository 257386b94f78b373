"""The content of a report, whatever its form."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

from segue_threats.attack import Need
from segue_threats.catalogue import SEVERITIES, Catalogue
from segue_threats.outcome import Ending, Outcome, Verdict, exit_status


@dataclass(frozen=True)
class Report:
    """One run. `issuer` is the server that was attacked, `local` whether it was started for it; `at` is in UTC."""

    catalogue: Catalogue
    verdicts: Sequence[Verdict]
    issuer: str
    local: bool
    at: str
    seconds: float
    destructive: bool

    @property
    def suite(self) -> str:
        return f"segue-threats {version('segue-threats')}"

    @property
    def status(self) -> int:
        """The exit status."""
        return exit_status(self.verdicts)

    @cached_property
    def endings(self) -> Counter[Ending]:
        """How many threats ended how."""
        return Counter(verdict.ending for verdict in self.verdicts)

    @cached_property
    def outcomes(self) -> Sequence[Outcome]:
        """All attacks that were tried or skipped."""
        return [outcome for verdict in self.verdicts for outcome in verdict.outcomes]

    @property
    def browser(self) -> bool:
        """Whether attacks were tried in a browser."""
        tried = (outcome for outcome in self.outcomes if outcome.ending is not Ending.SKIPPED)
        return any(Need.BROWSER in outcome.attack.needs for outcome in tried)

    @property
    def selected(self) -> Sequence[Verdict]:
        """The threats that were of interest."""
        return [verdict for verdict in self.verdicts if verdict.selected]

    def by_group(self) -> Mapping[str, Counter[Ending]]:
        """Endings in each chosen group, by its name, in the order of the catalogue."""
        counted = {
            name: Counter(verdict.ending for verdict in self.selected if verdict.threat.group == slug)
            for slug, name in self.catalogue.groups.items()
        }
        return {name: counts for name, counts in counted.items() if counts}

    def by_severity(self) -> Mapping[str, Counter[Ending]]:
        """Endings of what was chosen in each severity, the gravest first."""
        return {
            severity: Counter(verdict.ending for verdict in self.selected if verdict.threat.severity == severity)
            for severity in SEVERITIES
        }

    def conclusion(self) -> str:
        """The run in one sentence."""
        grave = [verdict for verdict in self.verdicts if verdict.threat.severity in ("critical", "high")]
        broken = sum(verdict.ending is Ending.BROKEN for verdict in grave)
        counted = sum(verdict.counts for verdict in grave)
        open_ = [verdict.threat for verdict in grave if verdict.ending is Ending.NOT_ATTACKED]
        by_hand = sum(verdict.ending is Ending.BY_HAND for verdict in self.verdicts)
        if broken:
            said = f"{_threats(broken)} of critical or high severity came true."
        elif counted:
            said = f"No attack of critical or high severity succeeded, but {_threats(counted)} could not be tried."
        else:
            said = "No attack of critical or high severity succeeded."
        if open_:
            has = "has" if len(open_) == 1 else "have"
            said += f" {_threats(len(open_))} of that severity {has} no attack in the suite yet"
            said += ": what they are about does not exist yet." if all(threat.awaits for threat in open_) else "."
        if by_hand:
            said += f" {_threats(by_hand)} {'is' if by_hand == 1 else 'are'} for a person to check."
        return said[0].upper() + said[1:]

    def as_json(self) -> dict[str, Any]:
        """For programs. Evidence is without secrets."""
        return {
            "suite": self.suite,
            "issuer": self.issuer,
            "local_instance": self.local,
            "at": self.at,
            "seconds": round(self.seconds, 1),
            "destructive": self.destructive,
            "exit_status": self.status,
            "conclusion": self.conclusion(),
            "threats": {ending.value: self.endings[ending] for ending in Ending},
            "verdicts": [_verdict(verdict, self.catalogue) for verdict in self.verdicts],
        }


def _threats(count: int) -> str:
    return "one threat" if count == 1 else f"{count} threats"


def _verdict(verdict: Verdict, catalogue: Catalogue) -> dict[str, Any]:
    threat = verdict.threat
    mitigation = catalogue.mitigations.get(threat.rfc10027_mitigation)
    return {
        "id": threat.id,
        "title": threat.title,
        "group": threat.group,
        "severity": threat.severity,
        "testable": threat.testable,
        "source": threat.source,
        "mitigation": f"RFC 10027 {mitigation.section} {mitigation.name}" if mitigation else None,
        "ending": verdict.ending.value,
        "awaits": threat.awaits or None,
        "checklist": [{"do": check.do, "see": check.see} for check in threat.checklist],
        "attacks": [
            {
                "name": outcome.attack.name,
                "ending": outcome.ending.value,
                "reason": outcome.reason,
                "counts": outcome.counts,
                "seconds": round(outcome.seconds, 2),
                "evidence": [{"kind": line.kind, "text": line.text} for line in outcome.evidence],
            }
            for outcome in verdict.outcomes
        ],
    }
