"""What the pages say: the catalogue, the settings and the runs, put together mitigation by mitigation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from segue_threats.catalogue import Catalogue, Mitigation, Threat
from segue_threats.sections.played import Side
from segue_threats.sections.run import Found, Run
from segue_threats.sections.words import WORDS, Words

ALWAYS = "always"


@dataclass(frozen=True)
class Section:
    """One page. `values` are by preset, `threats` those of the catalogue that this mitigation is to meet."""

    slug: str
    mitigation: Mitigation
    found: Found
    words: Words
    does: str
    values: Mapping[str, str]
    threats: Sequence[Threat]

    @property
    def number(self) -> str:
        return self.mitigation.section

    @property
    def file(self) -> str:
        return f"{self.mitigation.section}-{self.slug.replace('_', '-')}.html"

    @property
    def switchable(self) -> bool:
        return ALWAYS not in self.values.values()

    def side(self, side: Side) -> str:
        """What is in force in a run, in words."""
        if side.words:
            return side.words
        return ", ".join(f"{name} = {shown(value)}" for name, value in (side.policy or {}).items())


@dataclass(frozen=True)
class Book:
    """All sections of one run; `at` is in UTC."""

    sections: Sequence[Section]
    at: str
    seconds: float

    @property
    def suite(self) -> str:
        return f"segue-threats {version('segue-threats')}"

    @property
    def decided(self) -> int:
        """Mitigations that make the difference."""
        return sum(section.found.decides for section in self.sections)

    def conclusion(self) -> str:
        """The run in one sentence."""
        return (
            f"With {self.decided} of {len(self.sections)} mitigations the attack reached its goal while the mitigation "
            "was off and was stopped while it was on, and who meant well got through."
        )

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "suite": self.suite,
            "at": self.at,
            "seconds": round(self.seconds, 1),
            "conclusion": self.conclusion(),
            "sections": [_as_json(section) for section in self.sections],
        }


def put_together(
    found: Sequence[Found],
    catalogue: Catalogue,
    *,
    values: Mapping[str, Mapping[str, str]],
    meanings: Mapping[str, str],
    at: str,
    seconds: float,
) -> Book:
    """In the order of the RFC."""
    by_slug = {each.played.slug: each for each in found}
    sections = [
        Section(
            slug,
            mitigation,
            by_slug[slug],
            WORDS[slug],
            meanings[slug],
            values[slug],
            [threat for threat in catalogue.threats if threat.rfc10027_mitigation == slug],
        )
        for slug, mitigation in catalogue.mitigations.items()
        if slug in by_slug
    ]
    return Book(sections, at, seconds)


def shown(value: object) -> str:
    """A value as the policy file has it."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def policy_text(policy: Mapping[str, Mapping[str, Any]]) -> str:
    """The part of the policy file that a page is about."""
    lines = ["[transfer_policy]", 'preset = "off"']
    for client, values in policy.items():
        lines += ["", f"[transfer_policy.clients.{client}]", *(f"{name} = {shown(v)}" for name, v in values.items())]
    return "\n".join(lines)


def _as_json(section: Section) -> dict[str, Any]:
    found = section.found
    return {
        "section": section.number,
        "mitigation": section.slug,
        "name": section.mitigation.name,
        "setting": section.slug if section.switchable else None,
        "values": dict(section.values),
        "attack": found.played.aim,
        "off": _run(section, found.played.off, found.off),
        "on": _run(section, found.played.on, found.on),
        "honest": _run(section, found.played.on, found.honest),
        "decides": found.decides,
        "does_not_prevent": list(section.words.limits),
    }


def _run(section: Section, side: Side, run: Run) -> dict[str, Any]:
    return {
        "in_force": section.side(side),
        "reached": run.reached,
        "ended": run.ended,
        "evidence": [{"kind": line.kind, "text": line.text} for line in run.evidence],
    }
