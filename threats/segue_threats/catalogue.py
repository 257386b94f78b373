"""The threat catalogue as data. Its one source is specs/threats.yaml, which the wheel carries as `threats.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

SEVERITIES = ("critical", "high", "medium", "low")
_CARRIED = Path(__file__).with_name("threats.yaml")
_IN_THE_TREE = Path(__file__).parents[2] / "specs" / "threats.yaml"


@dataclass(frozen=True)
class Check:
    """One thing a person looks at: what they do, and what they must then see."""

    do: str
    see: str


@dataclass(frozen=True)
class Threat:
    """One entry, with the catalogue's own member names. `testable` says how: blackbox, browser, whitebox or manual.

    `awaits` is the part of Segue that an attack would be on and that does not exist yet.
    """

    id: str
    title: str
    group: str
    source: str
    attacker: str
    flows: tuple[str, ...]
    attack: str
    defence: str
    evidence: str
    rfc10027_mitigation: str
    kind: str
    severity: str
    testable: str
    awaits: str = ""
    checklist: tuple[Check, ...] = ()


@dataclass(frozen=True)
class Mitigation:
    """A mitigation of RFC 10027 section 6.1."""

    name: str
    section: str
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    """`groups` are names by slug, in the order of the catalogue."""

    groups: Mapping[str, str]
    mitigations: Mapping[str, Mitigation]
    threats: tuple[Threat, ...]

    def threat(self, identifier: str) -> Threat:
        """Raises `KeyError`."""
        found = {threat.id: threat for threat in self.threats}
        return found[identifier]


@cache
def load() -> Catalogue:
    """Read it once."""
    source = _CARRIED if _CARRIED.is_file() else _IN_THE_TREE
    content = yaml.safe_load(source.read_text("utf-8"))
    mitigations = {
        slug: Mitigation(entry["name"], entry["section"], tuple(entry["kinds"]))
        for slug, entry in content["mitigations"].items()
    }
    threats = tuple(_threat(entry) for entry in content["threats"])
    return Catalogue(content["groups"], mitigations, threats)


def _threat(entry: Mapping[str, Any]) -> Threat:
    checklist = tuple(Check(**each) for each in entry.get("checklist", ()))
    return Threat(**{**entry, "flows": tuple(entry["flows"]), "checklist": checklist})
