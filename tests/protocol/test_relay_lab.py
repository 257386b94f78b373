"""The relay lab: what its counts must come to by construction, and that they tell when a mitigation is taken away."""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rounds import rounds
from segue_authz.domain.refusal import AccessDenied
from segue_authz.endpoints import decision, device, policing
from segue_threats.catalogue import load
from segue_threats.lab_command import main
from segue_threats.relay.adversaries import ADVERSARIES
from segue_threats.relay.experiment import Count, Try, count, endings, play
from segue_threats.relay.ground import GROUNDS, PLAIN, grounds
from segue_threats.relay.result import NOT_MEASURED, Result
from segue_threats.report import relay as page
from segue_threats.staging.address import ServerFailed
from segue_threats.staging.person import MODELS

pytestmark = pytest.mark.requirement("U3", "A11")
TRIES, SEED = rounds(bounded=1, full=20), 1
OF_PULL = ["mailed_code", "code_on_click", "qr_relay", "qr_relay_near", "bulk_spray", "push_fatigue"]


def played(
    names: Sequence[str],
    adversaries: Sequence[str],
    models: Sequence[str],
    *,
    tries: int = TRIES,
    between: Callable[[], None] | None = None,
) -> list[Try]:
    """The tries of one run; with `between`, all of them once more after it, at the same servers."""

    async def run() -> list[Try]:
        chosen = [each for each in ADVERSARIES if each.slug in adversaries]
        people = [each for each in MODELS if each.slug in models]
        async with grounds(*names) as places:
            made = await play(places, chosen, people, tries=tries, seed=SEED)
            if between is None:
                return made
            between()
            return made + await play(places, chosen, people, tries=tries, seed=SEED)

    return asyncio.run(run())


@pytest.fixture(scope="module")
def made() -> list[Try]:
    """Every adversary against every model at every server."""
    return played(GROUNDS, [each.slug for each in ADVERSARIES], [each.slug for each in MODELS])


def test_every_adversary_meets_every_person_at_every_server_that_has_the_flow(made: list[Try]) -> None:
    for adversary in ADVERSARIES:
        for ground in GROUNDS:
            for model in MODELS:
                there = count(made, adversary=adversary.slug, ground=ground, model=model.slug)
                assert there.tries == (0 if adversary.flow != "pull" and ground == PLAIN else TRIES)


@pytest.mark.parametrize(("stricter", "looser"), [("strict", "balanced"), ("balanced", "off")])
def test_no_try_succeeds_under_a_policy_that_fails_with_the_same_dice_under_a_looser_one(
    made: list[Try], stricter: str, looser: str
) -> None:
    succeeded = {ground: {each.seed for each in made if each.succeeded and each.ground == ground} for ground in GROUNDS}
    assert succeeded[stricter] <= succeeded[looser]


@pytest.mark.parametrize("slug", [*OF_PULL, "own_session", "code_relay", "backchannel_fatigue"])
def test_strict_gives_nothing_to_an_adversary_who_is_afar_or_asks_as_nobody(made: list[Try], slug: str) -> None:
    assert count(made, adversary=slug, ground="strict").successes == 0


@pytest.mark.parametrize("slug", ["code_on_click", "qr_relay", "qr_relay_near", "own_session"])
def test_a_plain_server_stops_nothing_of_this(made: list[Try], slug: str) -> None:
    there = count(made, adversary=slug, ground=PLAIN)
    assert there.successes == there.tries


@pytest.mark.requirement("RFC10027-6-1-16")
@pytest.mark.parametrize("slug", ["mailed_code", "code_on_click", "bulk_spray"])
def test_whoever_shows_no_number_gets_nothing_where_it_is_verified(made: list[Try], slug: str) -> None:
    assert count(made, adversary=slug, ground="balanced").successes == 0


def test_who_reads_the_place_is_not_taken_in_from_afar_where_it_is_shown(made: list[Try]) -> None:
    afar = count(made, adversary="qr_relay", ground="balanced", model="minds_the_place")
    assert (afar.successes, afar.tries) == (0, TRIES)
    assert count(made, adversary="qr_relay", ground="off", model="minds_the_place").successes == TRIES


@pytest.mark.requirement("XD-BACK-02")
def test_what_the_backchannel_refuses_after_a_no_is_told_with_the_try(made: list[Try]) -> None:
    ended = dict(endings(made, adversary="backchannel_fatigue", ground="balanced"))
    assert "the person declines 1, and the server refuses the others: temporarily_unavailable" in ended


def test_what_balanced_does_not_stop_is_counted(made: list[Try]) -> None:
    """The page promises nothing against somebody who is near and passes the number on."""
    near = count(made, adversary="qr_relay_near", ground="balanced")
    assert near.successes == near.tries


@pytest.mark.parametrize(
    ("policy", "adversary", "where", "careless"),
    [
        ("balanced", "code_on_click", (decision, "_must_match"), lambda *_: False),
        ("strict", "own_session", (policing, "is_near"), lambda *_, **__: True),
    ],
)
def test_a_mitigation_that_only_stands_in_the_policy_changes_the_count(
    monkeypatch: pytest.MonkeyPatch, policy: str, adversary: str, where: tuple[Any, str], careless: Any
) -> None:
    made = played(
        [policy], [adversary], ["clicks_through"], tries=2, between=lambda: monkeypatch.setattr(*where, careless)
    )
    assert [each.succeeded for each in made] == [False, False, True, True]


def test_the_same_seed_makes_the_same_tries(made: list[Try]) -> None:
    again = played(["balanced"], ["code_relay"], ["types_what_they_see"])
    assert again == [each for each in made if each in again]
    assert len(again) == TRIES


def test_the_page_is_whole_by_itself_and_says_what_it_does_not_measure(made: list[Try]) -> None:
    html = page.render(result_of(made))
    assert re.search(r"<script|<link|<img|\ssrc=|url\(", html) is None
    assert all(each.does[:35] in html.replace("&#39;", "'") for each in (*ADVERSARIES, *MODELS))
    assert all(each in html for each in NOT_MEASURED)
    assert html.count("<svg") == len(ADVERSARIES)
    assert "has no such flow" in html
    assert {threat for each in ADVERSARIES for threat in each.threats} <= {threat.id for threat in load().threats}


def test_the_json_has_every_try_and_counts_them_as_the_table_does(made: list[Try]) -> None:
    told = json.loads(json.dumps(result_of(made).as_json()))
    assert len(told["tries"]) == len(made)
    for cell in told["cells"]:
        where = {"adversary": cell["adversary"], "ground": cell["server"], "model": cell["person"]}
        of_cell = [each for each in told["tries"] if where.items() <= each.items()]
        assert (cell["tries"], cell["successes"]) == (len(of_cell), sum(each["succeeded"] for each in of_cell))


def result_of(made: Sequence[Try]) -> Result:
    return Result(made, ADVERSARIES, MODELS, GROUNDS, TRIES, SEED, "2026-01-01 00:00 UTC", 1.0)


def test_rates_and_endings_are_counted_over_the_tries_they_are_asked_of() -> None:
    tries = [
        Try("a", "m", "off", "1", succeeded=True, ended=""),
        Try("a", "m", "off", "2", succeeded=False, ended="declined"),
        Try("a", "m", "strict", "2", succeeded=False, ended="refused"),
    ]
    assert count(tries, ground="off") == Count(1, 2)
    assert Count(1, 2).rate == 0.5
    assert count(tries, ground="balanced") == Count(0, 0)
    assert endings(tries, adversary="a", ground="off") == [("declined", 1)]


def test_the_command_prints_the_table_and_writes_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--html", str(tmp_path / "relay.html"), "--json", str(tmp_path / "relay.json")]
    chosen = ["--adversary", "code_on_click", "--server", "plain", "--tries", "1", "--seed", "7", "--quiet"]
    assert main(["relay", *chosen, *files]) == 0
    told = capsys.readouterr().out
    assert "Code generated on click" in told
    assert "3 of 3" in told
    assert "one try in each cell" in told
    assert json.loads((tmp_path / "relay.json").read_text())["seed"] == 7
    assert "3 of 3" in (tmp_path / "relay.html").read_text()


def test_a_server_that_refuses_everything_scores_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise AccessDenied("not today")

    monkeypatch.setattr(decision, "check_decision", refuse)
    assert main(["relay", "--server", "balanced", "--tries", "1", "--quiet"]) == 2
    told = capsys.readouterr()
    assert "with balanced the honest path does not work: the server: Not today. You can only decline." in told.err
    assert told.out == ""


def test_a_server_that_fails_stops_no_adversary_and_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the page cannot be shown")

    def break_the_page() -> None:
        monkeypatch.setattr(device, "_page", fail)

    with pytest.raises(ServerFailed, match=r"GET /approve/.* was answered with 500"):
        played(["balanced"], ["code_on_click"], ["clicks_through"], between=break_the_page)


@pytest.mark.parametrize("number", ["0", "1001", "many"])
def test_a_number_of_tries_that_there_cannot_be_is_refused(number: str) -> None:
    with pytest.raises(SystemExit):
        main(["relay", "--tries", number])
