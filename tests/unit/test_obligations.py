"""specs/obligations and the tests, held to each other: every MUST of a document has a test or a reason."""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from named_requirements import Named, named_in

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS: dict[str, dict[str, Any]] = {
    file.stem: tomllib.loads(file.read_text("utf-8"))
    for file in sorted((ROOT / "specs" / "obligations").glob("*.toml"))
}
OBLIGATIONS: list[dict[str, str]] = [each for document in DOCUMENTS.values() for each in document["obligation"]]
STATES = {"proven", "differs", "later", "absent"}
BOUND = {"server", "resource", "client"}


@pytest.fixture(scope="module")
def named() -> list[Named]:
    return named_in(ROOT / "tests")


def test_every_obligation_is_listed_once_in_its_document() -> None:
    assert [each for each, count in Counter(each["id"] for each in OBLIGATIONS).items() if count > 1] == []
    for stem, document in DOCUMENTS.items():
        prefix = stem.upper()
        assert document.keys() == {"document", "title", "obligation"}, stem
        shape = re.compile(rf"{re.escape(prefix)}(-[0-9A-Z]+)+(-[a-z]+)?")
        assert [each["id"] for each in document["obligation"] if not shape.fullmatch(each["id"])] == []


def test_every_obligation_says_whom_it_binds_and_where_we_stand() -> None:
    for each in OBLIGATIONS:
        assert each.keys() == {"id", "binds", "text", "state"} | ({"reason"} if each["state"] != "proven" else set())
        assert set(each["binds"].split(", ")) <= BOUND, each["id"]
        assert each["state"] in STATES, each["id"]
        assert all(value.strip() for value in each.values()), each["id"]


def test_what_is_proven_is_named_by_a_test_and_nothing_else_is(named: list[Named]) -> None:
    proven = {each["id"] for each in OBLIGATIONS if each["state"] == "proven"}
    tested = {each["id"] for each in OBLIGATIONS if any(mention.matches(each["id"]) for mention in named)}
    assert sorted(proven - tested) == [], "no test names these"
    assert sorted(tested - proven) == [], "tests name these: they are proven"
