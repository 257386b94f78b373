"""Every kind of event that the store writes by itself is told in words, on the pages and in the terminal."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import segue_resource
from segue_demo.event_line import event_line
from segue_demo.pages import STATIC
from segue_resource.domain.audit import AUDITED, RELEASED
from segue_resource.domain.event import written_by_the_store

STORE = Path(segue_resource.__path__[0])
PAGES = "".join((STATIC / name).read_text("utf-8") for name in ("event_words.js", "elision.js"))
LATER = ("log.corrected", "log.compacted", "task.reverted")


def _kinds() -> set[str]:
    """As the code of the store spells them."""
    found = set(AUDITED)
    for path in [*(STORE / "stores").rglob("*.py"), *(STORE / "domain").rglob("*.py")]:
        constants = [
            node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)
        ]
        found |= {value for value in constants if isinstance(value, str) and re.fullmatch(r"[a-z_]+\.[a-z_]+", value)}
    return {kind for kind in found if written_by_the_store(kind)} - {RELEASED}  # of which the audit alone tells


def _line(kind: str, *, body: dict[str, Any] | None = None, **members: Any) -> str:
    return event_line({"seq": 7, "kind": kind, "role": "agent", "body": body or {}, **members})


@pytest.mark.requirement("E6")
@pytest.mark.parametrize("kind", sorted(_kinds()))
def test_every_kind_that_the_store_writes_is_told_in_words(kind: str) -> None:
    assert f'"{kind}"' in PAGES
    assert _line(kind) != f"     7  ({kind})"


@pytest.mark.requirement("E6")
def test_the_kinds_are_found() -> None:
    assert {"task.created", "log.lost", "artifact.deleted", "task.budget_exhausted", *LATER} <= _kinds()


@pytest.mark.requirement("E6")
def test_the_terminal_says_what_is_not_there_any_more_and_what_is_said_instead() -> None:
    assert _line("message", expired=True) == "     7  (what was said here is not kept any more)"
    assert _line("log.lost", damaged=True) == "     7  (what stood here is lost)"
    corrected = _line("log.corrected", body={"seq": 3, "body": {"text": "Tuesday"}})
    assert corrected == "     7  (said otherwise, instead of 3: Tuesday)"
    assert _line("log.corrected", body={"seq": 3, "body": None}) == "     7  (withdrawn: 3)"
    assert _line("task.forked", body={"parent_seq": 3}) == "     7  (another task goes on from 3)"


@pytest.mark.requirement("E6")
def test_a_page_that_follows_the_log_hides_what_the_store_hides() -> None:
    prefixes = re.search(r"OF_THE_STORE = /\^\(([a-z_|]+)\)", PAGES)
    assert prefixes is not None
    assert all(written_by_the_store(f"{prefix}.any") for prefix in prefixes[1].split("|"))
    assert {kind.partition(".")[0] for kind in _kinds()} <= set(prefixes[1].split("|"))
    assert all(f'"{kind}": ({{' in PAGES for kind in LATER)
