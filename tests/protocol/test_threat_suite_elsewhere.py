"""The threat suite against a server of other people: that it is not tied to ours.

What an attack has found there is nobody's business here: only whether it could be tried, and to its end.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from foreign_server import foreign_server
from segue_threats.command import main

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "specs" / "evidence" / "threat-suite.md"
ROW = re.compile(r"^\| (\w+) \| (\d+) \|$", re.MULTILINE)
TRIED = ("held", "broken")
RESTING = re.compile(r"there is no |it does not apply: |it may leave damage behind")
"""Reasons why an attack has no business at a server."""


@pytest.fixture(scope="module")
def attacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[dict[str, Any]]]:
    """All attacks as the report tells them, each with its threat."""
    folder = tmp_path_factory.mktemp("foreign")
    with foreign_server(folder) as configuration:
        report = folder / "report.json"
        options = ["--rate", "1000", "--destructive", "--quiet", "--json", str(report)]
        assert main(["--config", str(configuration), *options]) in (0, 1, 3)
        verdicts = json.loads(report.read_text())["verdicts"]
        report.unlink()
        yield [{"threat": each["id"], "group": each["group"], **one} for each in verdicts for one in each["attacks"]]


@pytest.mark.requirement("U3")
def test_every_attack_that_applies_to_a_server_of_other_people_comes_to_an_end(
    attacks: Sequence[dict[str, Any]],
) -> None:
    stuck = [
        (each["threat"], each["name"], each["reason"])
        for each in attacks
        if each["ending"] not in TRIED and (each["counts"] or not RESTING.match(each["reason"]))
    ]
    assert stuck == []


@pytest.mark.requirement("U3")
def test_as_many_attacks_apply_to_a_server_of_other_people_as_is_published(attacks: Sequence[dict[str, Any]]) -> None:
    tried = Counter(each["group"] for each in attacks if each["ending"] in TRIED)
    published = {group: int(count) for group, count in ROW.findall(PUBLISHED.read_text())}
    assert {"dpop", "jose", "token", "pull", "metadata", "race"} <= set(published)
    assert {group: count for group, count in published.items() if tried[group] < count} == {}
