"""specs/requirements.toml and the tests, held to each other: no claim without a test, no test of a ghost."""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from named_requirements import Named, acceptance_rows, named_in

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS: list[dict[str, Any]] = tomllib.loads((ROOT / "specs" / "requirements.toml").read_text("utf-8"))[
    "requirement"
]
THREATS: list[dict[str, Any]] = yaml.safe_load((ROOT / "specs" / "threats.yaml").read_text("utf-8"))["threats"]
OBLIGATIONS: list[dict[str, str]] = [
    each
    for file in sorted((ROOT / "specs" / "obligations").glob("*.toml"))
    for each in tomllib.loads(file.read_text("utf-8"))["obligation"]
]
STATES = {"proven", "begun", "open"}
NEEDS = {"U": 4, "A": 15, "T": 24, "E": 6, "R": 63}


@pytest.fixture(scope="module")
def named() -> list[Named]:
    return named_in(ROOT / "tests")


def known() -> list[str]:
    """Of needs and threats; and of the documents, which tests/unit/test_obligations.py holds to the tests."""
    return [each["id"] for each in (*REQUIREMENTS, *THREATS, *OBLIGATIONS)]


def test_every_obligation_is_listed_once_with_its_text_source_and_state() -> None:
    repeated = [identifier for identifier, count in Counter(known()).items() if count > 1]
    assert repeated == []
    assert {frozenset(each) for each in REQUIREMENTS} == {frozenset(("id", "text", "source", "state"))}
    assert {each["state"] for each in REQUIREMENTS} <= STATES
    assert all(each["text"].strip() and each["source"].strip() for each in REQUIREMENTS)
    shape = re.compile(r"[UATER][1-9]\d*|(PROFILE|PAGES)-[a-z]+(-[a-z]+)*|(RFC\d+|CIBA)(-\d+)+")
    assert [each["id"] for each in REQUIREMENTS if not shape.fullmatch(each["id"])] == []


@pytest.mark.parametrize(("letter", "count"), NEEDS.items())
def test_no_need_and_no_row_is_missing(letter: str, count: int) -> None:
    listed = [each["id"] for each in REQUIREMENTS if re.fullmatch(rf"{letter}\d+", each["id"])]
    assert listed == [f"{letter}{number}" for number in range(1, count + 1)]


def test_every_id_that_a_test_names_is_listed(named: list[Named]) -> None:
    ids = known()
    ghosts = [f"{mention.where}: {mention.pattern}" for mention in named if not any(map(mention.matches, ids))]
    assert ghosts == []


def test_what_is_proven_or_begun_is_named_by_a_test_and_what_is_open_by_none(named: list[Named]) -> None:
    claimed = {each["id"] for each in REQUIREMENTS if each["state"] != "open"}
    tested = {each["id"] for each in REQUIREMENTS if any(mention.matches(each["id"]) for mention in named)}
    assert sorted(claimed - tested) == [], "no test names these: they are open"
    assert sorted(tested - claimed) == [], "tests name these: they are begun at least"


def test_the_rows_that_are_proven_are_those_with_an_acceptance_test() -> None:
    proven = {each["id"] for each in REQUIREMENTS if each["state"] == "proven" and re.fullmatch(r"R\d+", each["id"])}
    assert sorted(proven) == sorted(acceptance_rows(ROOT / "tests"))
