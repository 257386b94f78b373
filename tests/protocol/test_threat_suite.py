"""The threat suite against an instance of ours: everything holds, and of each flaw put in its attack tells."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from segue_threats import catalogue
from segue_threats.attacks import every
from segue_threats.command import main
from segue_threats.outcome import Ending, exit_status
from segue_threats.runner import Selection
from threat_flaws import FLAWS, PAGE_FLAWS, Flaw
from threat_instance import Instance, instance


@pytest.fixture(scope="module")
def here() -> Iterator[Instance]:
    with instance() as running:
        yield running


@pytest.mark.requirement("U3")
def test_every_attack_on_an_instance_of_ours_is_tried_and_refused(here: Instance) -> None:
    verdicts = here.fought(Selection(destructive=True))
    outcomes = [outcome for verdict in verdicts for outcome in verdict.outcomes]
    assert [(each.attack.threat, each.attack.name, each.reason) for each in outcomes if each.ending != "held"] == []
    assert exit_status(verdicts) == 0
    assert {verdict.ending for verdict in verdicts} == {Ending.HELD, Ending.NOT_ATTACKED, Ending.BY_HAND}
    assert all(outcome.evidence for outcome in outcomes)
    told = "\n".join(line.text for outcome in outcomes for line in outcome.evidence)
    assert re.findall(r"\beyJ[\w-]{20,}\.[\w-]{20,}\.[\w-]{40,}", told) == []
    assert [person.username for person in here.configuration.people if person.password in told] == []


@pytest.mark.requirement("U3")
@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.name)
def test_a_flaw_in_the_servers_breaks_the_attack_that_is_meant_for_it(
    here: Instance, flaw: Flaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    flaw.put_in(monkeypatch)
    reasons = []
    attacks = [each for each in every() if each.threat == flaw.threat]
    assert flaw.attack in ("", *(attack.name for attack in attacks))
    for attack in sorted(attacks, key=lambda each: each.name != flaw.attack):  # until one tells
        verdicts = here.fought(Selection(ids=frozenset({flaw.threat}), destructive=True), [attack])
        ((outcome,),) = [verdict.outcomes for verdict in verdicts if verdict.threat.id == flaw.threat]
        if outcome.ending is Ending.BROKEN:
            assert any(line.kind == "finding" for line in outcome.evidence)
            return
        reasons.append(f"{attack.name}: {outcome.reason}")
    pytest.fail("\n".join(reasons))


@pytest.mark.requirement("U3")
def test_the_suite_is_tried_against_flaws_of_every_group_that_it_attacks() -> None:
    assert len(FLAWS) >= 60
    groups = {threat.id: threat.group for threat in catalogue.load().threats}
    attacked = {groups[attack.threat] for attack in every()}
    assert attacked - {groups[flaw.threat] for flaw in (*FLAWS, *PAGE_FLAWS)} == set()


APPROVE = """
import asyncio, json, sys
from urllib.parse import urlencode
import httpx2
from segue_demo.browser import Browser

async def approve(asked):
    async with httpx2.AsyncClient(trust_env=False) as http:
        browser = Browser(http, username=sys.argv[1], password=sys.argv[2])
        back = await browser.authorize(asked["url"], redirect_uri=asked["redirect_uri"], name="By a command")
    print(asked["redirect_uri"] + "?" + urlencode(back))

asked = json.load(sys.stdin)
assert (asked["do"], asked["decision"]) == ("authorize", "approve")
asyncio.run(approve(asked))
"""


@pytest.mark.requirement("U3")
def test_the_command_attacks_a_named_server_whose_person_is_a_program_and_writes_its_reports(
    here: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, client, person = here.configuration, here.configuration.authorization_device, here.configuration.people[0]
    assert client is not None
    (tmp_path / "approve.py").write_text(APPROVE)
    words = [sys.executable, str(tmp_path / "approve.py"), person.username, person.password]
    (tmp_path / "target.toml").write_text(
        f'issuer = "{target.issuer}"\ntask_store = "{target.task_store}"\n'
        f'[authorization_device]\nclient_id = "{client.client_id}"\nredirect_uri = "{client.redirect_uri}"\n'
        f"authorization_details = '''{client.parameters['authorization_details']}'''\n"
        f"[[people]]\ncommand = {json.dumps(words)}\n"
    )
    files = {form: tmp_path / f"report.{form}" for form in ("json", "junit", "html")}
    options = [word for form, file in files.items() for word in (f"--{form}", str(file))]
    chosen = ["--config", str(tmp_path / "target.toml"), "--rate", "100"]
    status = main([*chosen, "--only", "XD-DPOP-03", "--only", "XD-RACE-01", *options])
    assert status == 0, capsys.readouterr().err
    report = json.loads(files["json"].read_text())
    assert report["threats"] == {
        "broken": 0,
        "skipped": 1,
        "held": 1,
        "for a person": 0,
        "not attacked yet": 0,
        "left out": len(report["verdicts"]) - 2,
    }
    assert files["junit"].read_text().count("<testcase") == 4
    assert "XD-DPOP-03" in files["html"].read_text()
    told = capsys.readouterr()
    assert "there is no" in told.err
    assert "No attack of critical or high severity succeeded." in told.out
