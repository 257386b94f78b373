"""RFC 10027 section 6.1, mitigation by mitigation, over HTTP: off the attack reaches its goal, on it is stopped."""

import asyncio
import json
import re
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from segue_authz.domain.policy import MITIGATIONS, Policies
from segue_threats.catalogue import load
from segue_threats.lab_command import main
from segue_threats.report import sections as pages
from segue_threats.sections.attacks import FILTERS, PLAYED
from segue_threats.sections.book import Book, put_together
from segue_threats.sections.run import Found, play
from segue_threats.sections.words import WORDS
from segue_threats.staging import address
from segue_threats.staging.segue_server import meanings, preset_values

pytestmark = pytest.mark.requirement("U3", "A11", "RFC10027-6-1")
SWITCHABLE = {each.slug for each in MITIGATIONS if each.setting}
FILTER_TABLE = Path(__file__).parents[2] / "specs" / "content-filters.md"


@pytest.fixture(scope="module")
def found() -> Mapping[str, Found]:
    """All attacks, played."""
    return {each.played.slug: each for each in asyncio.run(play(list(PLAYED)))}


@pytest.fixture(scope="module")
def files(found: Mapping[str, Found]) -> Mapping[str, str]:
    """The pages about them."""
    return pages.render(book_of(found))


def book_of(found: Mapping[str, Found]) -> Book:
    return put_together(
        list(found.values()),
        load(),
        values=preset_values(),
        meanings=meanings(),
        at="2026-01-01 00:00 UTC",
        seconds=1.0,
    )


@pytest.mark.parametrize("slug", PLAYED)
def test_the_attack_reaches_its_goal_with_the_mitigation_off(found: Mapping[str, Found], slug: str) -> None:
    assert found[slug].off.reached, found[slug].off.ended


@pytest.mark.requirement(*(f"RFC10027-6-1-{number}" for number in range(1, 18)))
@pytest.mark.parametrize("slug", PLAYED)
def test_the_attack_is_stopped_with_the_mitigation_on_and_who_means_well_gets_through(
    found: Mapping[str, Found], slug: str
) -> None:
    assert not found[slug].on.reached
    assert found[slug].honest.reached
    assert found[slug].decides


def test_values_that_are_read_and_not_applied_decide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has the policy file and does not go by it."""
    monkeypatch.setattr(Policies, "effective", lambda policies, *_: policies.general)
    found = asyncio.run(play(sorted(SWITCHABLE)))
    assert [each.played.slug for each in found if each.decides] == []
    assert all(each.off.reached and each.on.reached for each in found)


def test_every_mitigation_of_the_catalogue_has_an_attack_and_words_and_differs_in_its_own_value_alone() -> None:
    assert list(PLAYED) == list(load().mitigations) == list(WORDS)
    for played in PLAYED.values():
        own = {played.slug} if played.slug in SWITCHABLE else {"request_initiation_verification"}
        assert {name for side in (played.off, played.on) for name in side.policy or {}} <= own
        assert (played.off.policy is not None) == (played.slug in SWITCHABLE)


def test_the_filter_that_stands_in_has_the_documented_expressions() -> None:
    assert re.findall(r"\| `([^`]+)` \|", FILTER_TABLE.read_text("utf-8")) == list(FILTERS)


def test_each_page_states_section_setting_values_runs_and_limits(files: Mapping[str, str]) -> None:
    for mitigation in MITIGATIONS:
        (page,) = [text for name, text in files.items() if name.startswith(f"{mitigation.section}-")]
        assert f"section {mitigation.section}" in page
        assert f"<h1>{mitigation.name}</h1>" in page
        stated = mitigation.slug if mitigation.setting else "no setting switches it off"
        assert stated in page.partition("<h2>The attack</h2>")[0]
        assert all(
            f"<dt>{name}</dt><dd>{value}</dd>" in page for name, value in preset_values()[mitigation.slug].items()
        )
        assert page.count('class="evidence"') == 3
        assert page.count("<li>", page.index("What it does not prevent"), page.index("<h2>Evidence")) >= 2


def test_the_pages_are_whole_by_themselves_lead_to_each_other_and_hold_no_secret(files: Mapping[str, str]) -> None:
    assert len(files) == 18
    for text in files.values():
        assert re.search(r"<script|<link|<img|\ssrc=|url\(", text) is None
        assert set(re.findall(r'href="([^"]+)"', text)) <= set(files)
        assert re.findall(r"\beyJ[\w-]{20,}\.[\w-]{20,}\.[\w-]{40,}", text) == []
        assert re.findall(r"(?:user_code|device_code|transfer_code|check_value|password)=[^\[\s]", text) == []
    assert set(re.findall(r'href="([^"]+)"', files["index.html"])) == set(files) - {"index.html"}


def test_the_json_says_the_same_as_the_pages(found: Mapping[str, Found]) -> None:
    told = json.loads(json.dumps(book_of(found).as_json()))
    assert [each["mitigation"] for each in told["sections"]] == list(PLAYED)
    assert all(each["decides"] and each["does_not_prevent"] for each in told["sections"])
    assert {each["mitigation"] for each in told["sections"] if each["setting"]} == SWITCHABLE
    assert told["conclusion"].startswith("With 17 of 17 mitigations")


@pytest.mark.parametrize("applied", [True, False])
def test_the_exit_status_says_whether_the_mitigation_made_the_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], applied: bool
) -> None:
    if not applied:
        monkeypatch.setattr(Policies, "effective", lambda policies, *_: policies.general)
    status = main(["sections", str(tmp_path / "new"), "--only", "rate_limits", "--json", str(tmp_path / "runs.json")])
    assert status == (0 if applied else 1)
    told = capsys.readouterr()
    assert told.out.startswith(f"With {1 if applied else 0} of 1 mitigations")
    assert ("429" in told.err) is applied
    assert sorted(each.name for each in (tmp_path / "new").iterdir()) == ["6.1.11-rate-limits.html", "index.html"]
    assert json.loads((tmp_path / "runs.json").read_text())["sections"][0]["decides"] is applied


def test_a_machine_on_which_nobody_can_be_afar_is_told_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(address, "_FIRST", int(IPv4Address("192.0.2.1")))  # TEST-NET-1: not of this machine
    assert main(["sections", str(tmp_path / "new")]) == 2
    assert "nothing was measured: this machine has one loopback address only" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
