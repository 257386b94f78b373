"""Where the threat suite finds its browser, and what a run without one says."""

import asyncio
import importlib.util
from collections import deque
from pathlib import Path

import httpx2
import pytest
from segue_threats import catalogue
from segue_threats.attack import Attack, Need
from segue_threats.chromium import Chromium, NoBrowser, found
from segue_threats.evidence import Trail
from segue_threats.lab import Lab
from segue_threats.outcome import Ending, Outcome, Verdict, exit_status
from segue_threats.redaction import Redactor
from segue_threats.report import html
from segue_threats.report.content import Report
from segue_threats.runner import Selection, run
from segue_threats.target import Configuration, Target

HERE = Configuration("https://id.example", None, None, [])
THREAT = "XD-WEB-04"


def sought(named: Path | None, *, wanted: bool = True) -> Chromium | NoBrowser:
    async def look() -> Chromium | NoBrowser:
        async with found(named, HERE, wanted=wanted) as browser:
            return browser

    return asyncio.run(look())


def program(folder: Path) -> Path:
    """Something that can be started."""
    file = folder / "chromium"
    file.write_text("#!/bin/sh\nexit 1\n")
    file.chmod(0o755)
    return file


@pytest.mark.requirement("U3")
def test_a_browser_is_the_one_named_or_the_one_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(sought(program(tmp_path)), Chromium)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert isinstance(sought(None), Chromium)


@pytest.mark.requirement("U3")
def test_a_browser_that_is_missing_is_told_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = sought(tmp_path / "no-such-program")
    assert isinstance(missing, NoBrowser)
    assert missing.counts
    assert "no-such-program" in missing.reason
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    without = sought(program(tmp_path))
    assert isinstance(without, NoBrowser)
    assert without.counts
    assert "segue-threats[browser]" in without.reason
    assert sought(program(tmp_path), wanted=False) == NoBrowser(
        "it needs a browser, and --no-browser was given", counts=False
    )


def fought(*, chromium: Chromium | NoBrowser) -> Verdict:
    """An attack in a browser on a target that is not there."""

    async def never(_: Lab) -> None:
        raise AssertionError("not to be run")

    told: list[Outcome] = []
    tried = Attack(THREAT, "it is tried", "Try it.", never, frozenset({Need.BROWSER}), destructive=False)
    attacking = run(
        Target(HERE, "", {}, gives_nonces=False),
        catalogue.load(),
        [tried],
        Selection(ids=frozenset({THREAT})),
        visitors=deque(),
        rate=0,
        transport=lambda: httpx2.MockTransport(lambda _: httpx2.Response(200)),
        tell=told.append,
        chromium=chromium,
    )
    (verdict,) = [each for each in asyncio.run(attacking) if each.selected]
    return verdict


@pytest.mark.requirement("U3")
@pytest.mark.parametrize(("counts", "status"), [(True, 3), (False, 0)])
def test_without_a_browser_a_run_is_not_taken_for_a_whole_one_unless_meant(*, counts: bool, status: int) -> None:
    verdict = fought(chromium=NoBrowser("there is none", counts=counts))
    assert (verdict.ending, verdict.counts) == (Ending.SKIPPED, counts)
    assert exit_status([verdict]) == status


@pytest.mark.requirement("U3")
def test_a_picture_is_in_the_page_itself_and_its_words_are_swept() -> None:
    trail = Trail(Redactor())
    trail.redactor.mark("code", "a-secret-of-many-letters")
    trail.picture("The page after a-secret-of-many-letters", "iVBORw0KGgo=")
    trail.visit("POST", "https://id.example/device?user_code=WDJB-MJHT#x", "user_code=WDJB-MJHT&csrf=secret")
    tried = Attack(THREAT, "it is tried", "Try it.", lambda _: asyncio.sleep(0), frozenset(), destructive=False)
    outcome = Outcome(tried, Ending.HELD, "", False, 0.1, trail.told())
    known = catalogue.load()
    verdicts = [Verdict(each, [outcome] if each.id == THREAT else [], selected=True) for each in known.threats]
    page = html.render(Report(known, verdicts, "https://id.example", False, "2026-01-01 00:00 UTC", 1.0, False))
    assert page.count('<img src="data:image/png;base64,iVBORw0KGgo="') == page.count("<img") == 1
    assert "img-src data:" in page
    assert [secret for secret in ("a-secret-of-many-letters", "WDJB-MJHT", "csrf=secret") if secret in page] == []
