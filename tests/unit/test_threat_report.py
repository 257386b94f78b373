"""The threat suite's report: what it counts, what it hides, how it looks, and the exit status that goes with it."""

import asyncio
import contextlib
import json
import re
import sqlite3
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import httpx2
import pytest
from segue_threats import attack as attacks
from segue_threats import catalogue, configuration
from segue_threats.attack import Attack, Broken, Need, PreconditionFailed
from segue_threats.attacks import every
from segue_threats.command import main
from segue_threats.evidence import Line, Trail
from segue_threats.forge import Key, Proof
from segue_threats.lab import Lab, Visitor
from segue_threats.outcome import Ending, Outcome, Verdict, exit_status
from segue_threats.redaction import Redactor, proof_text
from segue_threats.report import html, junit
from segue_threats.report.content import Report
from segue_threats.runner import Selection, run
from segue_threats.target import BadTarget, Configuration, Person, Target

CATALOGUE = catalogue.load()
BY_HAND = [threat for threat in CATALOGUE.threats if threat.checklist]


def outcome(threat: str, ending: Ending, *, counts: bool = False, reason: str = "why <b>") -> Outcome:
    tried = Attack(threat, "it is tried", "Try it.", _never, frozenset(), destructive=False)
    return Outcome(tried, ending, reason, counts, 0.1, (Line("step", "first"), Line("answer", "401\x00 <i>")))


async def _never(_: Lab) -> None:
    raise AssertionError("not to be run")


def verdicts(**found: Outcome) -> list[Verdict]:
    """On every threat; those that are not named have no attack."""
    by_id = {name.replace("_", "-"): each for name, each in found.items()}
    return [Verdict(threat, [by_id[threat.id]] if threat.id in by_id else [], True) for threat in CATALOGUE.threats]


def report(**found: Outcome) -> Report:
    return Report(CATALOGUE, verdicts(**found), "https://id.example", False, "2026-01-01 00:00 UTC", 1.0, False)


@pytest.mark.requirement("U3")
@pytest.mark.parametrize(
    ("threat", "ending", "counts", "status"),
    [
        ("XD_DPOP_03", Ending.HELD, False, 0),
        ("XD_DPOP_03", Ending.BROKEN, False, 1),
        ("XD_DPOP_03", Ending.SKIPPED, True, 3),
        ("XD_DPOP_03", Ending.SKIPPED, False, 0),
        ("XD_DPOP_10", Ending.BROKEN, False, 0),
    ],
)
def test_the_exit_status_tells_of_what_is_critical_or_high(
    threat: str, ending: Ending, counts: bool, status: int
) -> None:
    assert exit_status(verdicts(**{threat: outcome(threat.replace("_", "-"), ending, counts=counts)})) == status


@pytest.mark.requirement("U3")
def test_a_threat_is_as_bad_as_its_worst_attack() -> None:
    threat = CATALOGUE.threat("XD-DPOP-03")
    held, broken = outcome(threat.id, Ending.HELD), outcome(threat.id, Ending.BROKEN)
    skipped, untried = outcome(threat.id, Ending.SKIPPED), outcome(threat.id, Ending.SKIPPED, counts=True)
    assert Verdict(threat, [held, broken], selected=True).ending is Ending.BROKEN
    assert Verdict(threat, [held, skipped], selected=True).ending is Ending.HELD
    assert Verdict(threat, [held, untried], selected=True).ending is Ending.SKIPPED
    assert Verdict(threat, [], selected=True).ending is Ending.NOT_ATTACKED
    assert Verdict(threat, [], selected=False).ending is Ending.LEFT_OUT


@pytest.mark.requirement("U3")
def test_the_page_is_whole_by_itself_and_hides_no_threat() -> None:
    page = html.render(report(XD_DPOP_03=outcome("XD-DPOP-03", Ending.BROKEN)))
    assert all(threat.id in page for threat in CATALOGUE.threats)
    assert "One threat of critical or high severity came true" in page
    assert re.search(r"<script|<link|<img|\ssrc=|url\(", page) is None
    assert "Why &lt;b&gt;" in page
    assert "RFC 10027 (BCP 247) section 6.1.12, Sender-Constrained Tokens" in page
    assert f"<b>{len(CATALOGUE.threats) - 1 - len(BY_HAND)}</b><span>not attacked yet</span>" in page


@pytest.mark.requirement("U3")
def test_junit_and_json_say_the_same() -> None:
    found = report(
        XD_DPOP_03=outcome("XD-DPOP-03", Ending.BROKEN), XD_DPOP_04=outcome("XD-DPOP-04", Ending.SKIPPED, counts=True)
    )
    suites = ElementTree.fromstring(junit.render(found))
    assert len(suites.findall(".//testcase")) == len(CATALOGUE.threats)
    assert [case.get("classname") for case in suites.iterfind(".//failure/..")] == ["XD-DPOP-03"]
    assert len(suites.findall(".//skipped")) == len(CATALOGUE.threats) - 1
    told = json.loads(json.dumps(found.as_json()))
    assert (told["exit_status"], told["threats"]["not attacked yet"]) == (1, len(CATALOGUE.threats) - 2 - len(BY_HAND))
    assert told["threats"]["broken"] == told["threats"]["skipped"] == 1


@pytest.mark.requirement("U3")
def test_evidence_has_marks_in_the_place_of_secrets() -> None:
    secrets = ["refresh-token-0123456789", "access-token-0123456789", "WDJB-MJHT", "4711", "password-of-somebody"]
    trail, key = Trail(Redactor()), Key()
    proof = Proof.honest(key, "POST", "https://id.example/token", nonce=None, access_token=None).text()
    request = httpx2.Request(
        "POST",
        "https://id.example/token?code=WDJB-MJHT#4711",
        headers={"Authorization": f"DPoP {secrets[1]}", "DPoP": proof},
        data={"refresh_token": secrets[0], "password": secrets[4], "check_value": "4711"},
    )
    answer = httpx2.Response(200, json={"refresh_token": secrets[0], "note": f"a {secrets[1]}"}, request=request)
    request.read()
    trail.exchange(request, answer)
    told = "\n".join(line.text for line in trail.told())
    assert [secret for secret in secrets if secret in told] == []
    assert len(set(re.findall(r"\[refresh_token (\w+)\]", told))) == 1
    assert "https://id.example/token" in proof_text(proof)
    assert proof.rpartition(".")[2] not in told


def fought(
    run_attack: attacks.Run, *needs: Need, destructive: bool = False, visitors: Sequence[Visitor] = ()
) -> Outcome:
    """The end of one attack on a target that is not there."""
    told: list[Outcome] = []
    target = Target(Configuration("https://id.example", None, None, []), "", {}, gives_nonces=False)
    tried = Attack("XD-DPOP-03", "it is tried", "Try it.", run_attack, frozenset(needs), destructive=destructive)

    def nowhere() -> httpx2.AsyncBaseTransport:
        return httpx2.MockTransport(lambda _: httpx2.Response(200, headers={"Set-Cookie": "session=1"}))

    one = run(
        target,
        CATALOGUE,
        [tried],
        Selection(ids=frozenset({"XD-DPOP-03"})),
        visitors=deque(visitors),
        rate=0,
        transport=nowhere,
        tell=told.append,
    )
    asyncio.run(one)
    return told[0]


@pytest.mark.requirement("U3")
def test_a_person_stays_signed_in_from_one_attack_to_the_next() -> None:
    visitor = Visitor(Person("somebody", "password"), httpx2.Cookies())
    carried: list[bool] = []

    async def visits(lab: Lab) -> None:
        carried.append("Cookie" in (await lab.pages().http.get("https://id.example/")).request.headers)

    fought(visits, visitors=[visitor])
    fought(visits, visitors=[visitor])
    assert carried == [False, True]


@pytest.mark.requirement("U3")
def test_an_attack_that_has_proved_or_demanded_nothing_does_not_hold() -> None:
    async def idle(_: Lab) -> None:
        """Neither."""

    async def only_demands(lab: Lab) -> None:
        lab.refuses(httpx2.Response(400), "something")

    async def whole(lab: Lab) -> None:
        lab.works(httpx2.Response(200), "the honest thing")
        lab.refuses(httpx2.Response(400), "something")

    assert [fought(each).ending for each in (idle, only_demands, whole)] == ["skipped", "skipped", "held"]
    assert fought(idle).counts


@pytest.mark.requirement("U3")
@pytest.mark.parametrize("status", [200, 302, 500])
def test_what_is_accepted_or_fails_is_broken(status: int) -> None:
    async def tried(lab: Lab) -> None:
        lab.refuses(httpx2.Response(status), "something")

    assert fought(tried).ending is Ending.BROKEN


@pytest.mark.requirement("U3")
def test_a_refusal_of_the_moment_and_a_failure_of_the_suite_are_skips_that_count() -> None:
    async def overloaded(lab: Lab) -> None:
        lab.refuses(httpx2.Response(429), "something")

    async def failing(_: Lab) -> None:
        raise ZeroDivisionError

    async def no_way(_: Lab) -> None:
        raise PreconditionFailed("no")

    async def gained(_: Lab) -> None:
        raise Broken("everything")

    ends = [fought(each) for each in (overloaded, failing, no_way, gained)]
    assert [(each.ending, each.counts) for each in ends] == [("skipped", True)] * 3 + [("broken", False)]


@pytest.mark.requirement("U3")
def test_what_a_target_lacks_counts_only_if_its_configuration_could_have_named_it() -> None:
    assert not fought(_never, Need.PUSH).counts
    assert fought(_never, Need.RESOURCE).counts
    left_out = fought(_never, destructive=True)
    assert (left_out.ending, left_out.counts) == (Ending.SKIPPED, False)


@pytest.mark.requirement("U3")
def test_no_attack_is_on_a_threat_that_only_a_person_can_judge() -> None:
    by_hand = {threat.id for threat in CATALOGUE.threats if threat.testable == "manual"}
    assert [each.threat for each in every() if each.threat in by_hand] == []


@pytest.mark.requirement("U3")
def test_the_list_names_every_threat(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    told = capsys.readouterr().out
    assert all(threat.id in told for threat in CATALOGUE.threats)
    assert "not attacked yet" not in told


GOOD = """
issuer = "https://id.example"
[consumption_device]
client_id = "phone"
authorization_details = [{ type = "task", actions = ["task:read"] }]
[[people]]
username = "one"
password_file = "password"
[[people]]
command = ["approve", "--now"]
"""


def test_a_configuration_is_read(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "target.toml").write_text(GOOD)
    here = configuration.read(tmp_path / "target.toml", issuer="https://other.example")
    assert here.issuer == "https://other.example"
    assert [(person.password, person.command) for person in here.people] == [("secret", ()), ("", ("approve", "--now"))]
    assert here.consumption_device is not None
    assert json.loads(here.consumption_device.parameters["authorization_details"])[0]["type"] == "task"


@pytest.mark.requirement("U3")
def test_a_configuration_may_open_the_inside_to_reading(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "server.log").write_text("first line\nlast line")
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as database:
        database.execute("CREATE TABLE codes (code, n)")
        database.execute("INSERT INTO codes VALUES ('a secret one', 1)")
        database.commit()
    content = f'{GOOD}[inside]\ndatabases = ["sqlite:///{tmp_path / "store.db"}"]\nlog_files = ["server.log"]\n'
    (tmp_path / "target.toml").write_text(content)
    inside = configuration.read(tmp_path / "target.toml", issuer=None).inside
    assert inside is not None
    assert inside.holding("secret") == ["codes.code"]
    assert inside.holding("first") == []
    assert inside.rows("codes") == [{"code": "a secret one", "n": 1}]
    assert inside.log().endswith("last line")
    for wrong in ("[inside]\n", content.replace("server.log", "other.log"), content.replace("log_files", "logs")):
        (tmp_path / "target.toml").write_text(GOOD + wrong if wrong.startswith("[") else wrong)
        with pytest.raises(BadTarget):
            configuration.read(tmp_path / "target.toml", issuer=None)


@pytest.mark.parametrize(
    "content", ["x", 'issuer = "ftp://x"', "", GOOD.replace("issuer", "isuer"), 'issuer = "https://x"\n[[people]]\n']
)
def test_a_configuration_that_is_wrong_is_refused_with_a_reason(content: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret")
    (tmp_path / "target.toml").write_text(content)
    with pytest.raises(BadTarget):
        configuration.read(tmp_path / "target.toml", issuer=None)


def test_a_target_without_a_configuration_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--target", "https://id.example"]) == 2
    assert "--config" in capsys.readouterr().err
