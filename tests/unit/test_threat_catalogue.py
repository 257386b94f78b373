"""The threat catalogue and the suite, held to each other: attacked, for a person to check, or open with a reason."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from segue_threats import catalogue
from segue_threats.attacks import every
from segue_threats.command import main
from segue_threats.outcome import Ending, Verdict, exit_status
from segue_threats.report import html, junit
from segue_threats.report.content import Report

THREATS = catalogue.load().threats
ATTACKED = {each.threat for each in every()}


@pytest.mark.requirement("U3")
def test_every_threat_that_a_program_can_see_has_an_attack_or_says_what_it_waits_for() -> None:
    for_programs = [threat for threat in THREATS if threat.testable in ("blackbox", "browser", "whitebox")]
    assert [threat.id for threat in for_programs if threat.id not in ATTACKED and not threat.awaits] == []


@pytest.mark.requirement("U3")
def test_a_threat_waits_for_nothing_once_it_is_attacked() -> None:
    assert sorted(threat.id for threat in THREATS if threat.awaits and threat.id in ATTACKED) == []


@pytest.mark.requirement("U3")
def test_every_threat_for_a_person_has_a_checklist_and_no_other_has() -> None:
    assert {threat.id for threat in THREATS if threat.testable == "manual"} == {
        threat.id for threat in THREATS if threat.checklist
    }
    checks = [check for threat in THREATS for check in threat.checklist]
    assert all(check.do.strip() and check.see.strip() for check in checks)


def untouched() -> Report:
    """A run that has tried nothing of what was chosen."""
    verdicts = [Verdict(threat, (), selected=True) for threat in THREATS]
    return Report(catalogue.load(), verdicts, "https://id.example", False, "2026-01-01 00:00 UTC", 1.0, False)


@pytest.mark.requirement("U3")
def test_the_page_has_a_checklist_to_tick_and_says_what_is_waited_for() -> None:
    page = re.sub(r"\s+", " ", html.render(untouched()).replace("&#34;", '"'))
    for threat in (each for each in THREATS if each.checklist):
        assert all(check.do in page and check.see in page for check in threat.checklist)
    assert page.count('class="box"') == 2 * sum(len(threat.checklist) for threat in THREATS)
    assert all(f"waits for {threat.awaits}" in page for threat in THREATS if threat.awaits)


@pytest.mark.requirement("U3")
def test_the_conclusion_says_that_what_is_open_waits_for_parts_that_do_not_exist() -> None:
    found = next(verdict for verdict in untouched().verdicts if verdict.threat.id == "XD-AUTH-04")
    waiting = [replace(found, threat=replace(found.threat, awaits="a part that does not exist"))]
    assert "no attack in the suite yet: what they are about does not exist yet." in concluded(waiting)
    assert "no attack in the suite yet." in concluded(untouched().verdicts)


def concluded(verdicts: Sequence[Verdict]) -> str:
    return replace(untouched(), verdicts=verdicts).conclusion()


@pytest.mark.requirement("U3")
def test_junit_and_json_carry_the_checklist_as_a_skip_that_does_not_count() -> None:
    report = untouched()
    cases = {case.get("classname"): case for case in ElementTree.fromstring(junit.render(report)).iter("testcase")}
    told = {each["id"]: each for each in json.loads(json.dumps(report.as_json()))["verdicts"]}
    for threat in THREATS:
        (skipped,) = cases[threat.id]
        message = skipped.get("message") or ""
        assert threat.awaits in message
        assert all(check.do in message for check in threat.checklist)
        assert [each["see"] for each in told[threat.id]["checklist"]] == [check.see for check in threat.checklist]
        assert told[threat.id]["awaits"] == (threat.awaits or None)
    by_hand = [verdict for verdict in report.verdicts if verdict.ending is Ending.BY_HAND]
    assert len(by_hand) == sum(threat.testable == "manual" for threat in THREATS)
    assert exit_status(by_hand) == 0


@pytest.mark.requirement("U3")
def test_the_list_tells_what_a_person_does_and_what_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    told = capsys.readouterr().out
    assert all(check.do in told for threat in THREATS for check in threat.checklist)
    assert all(f"waits for {threat.awaits}" in told for threat in THREATS if threat.awaits)
