"""axe-core, the checker of the W3C's accessibility rules, run inside a page under its strict policy."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import npm_package
from playwright.sync_api import Page

LEVELS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
"""WCAG 2.2 AA; and landmarks, headings and the like, which are nobody's law."""
COLOURS = ("color-contrast", "link-in-text-block")
"""The rules that see another thing in the dark."""
SIZES = ("target-size", "scrollable-region-focusable")
"""Those that see another thing on another screen."""
_ALSO = {"rules": {"target-size": {"enabled": True}}}
"""New in WCAG 2.2, and not run unless asked for."""
_FOLDER = Path(__file__).resolve().parents[1] / "axe"
_RUN = """async (options) => {
  const told = await axe.run(document, { ...options, resultTypes: ["violations", "incomplete"] });
  const brief = ({ id, nodes }) => nodes.map((each) => `${id}: ${each.target.join(" ")}: ${each.failureSummary ?? ""}`);
  return { violations: told.violations.flatMap(brief), passes: told.passes.length };
}"""


@cache
def source() -> str:
    """The program, installed from npm by its lock."""
    return (npm_package.installed(_FOLDER) / "node_modules" / "axe-core" / "axe.min.js").read_text()


def violations(page: Page, *, rules: tuple[str, ...] = ()) -> list[str]:
    """What is wrong with the page as it stands: rule, element, reason. All rules, or only these."""
    only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": list(LEVELS)}
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(source())
    told: dict[str, Any] = page.evaluate(_RUN, {"runOnly": only, **({} if rules else _ALSO)})
    if not told["passes"]:
        raise AssertionError(f"axe found nothing to look at: {json.dumps(told)}")
    found: list[str] = told["violations"]
    return found
