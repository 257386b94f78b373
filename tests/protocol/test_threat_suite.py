"""The threat suite against an instance of ours: everything holds, and of each flaw put in its attack tells."""

import re
from collections.abc import Iterator

import pytest
from segue_threats.outcome import Ending, exit_status
from segue_threats.runner import Selection
from threat_flaws import FLAWS, Flaw
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
    assert {verdict.ending for verdict in verdicts} == {Ending.HELD, Ending.NOT_ATTACKED}
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
    verdicts = here.fought(Selection(ids=frozenset({flaw.threat}), destructive=True))
    (found,) = [verdict for verdict in verdicts if verdict.threat.id == flaw.threat]
    assert found.ending is Ending.BROKEN, [outcome.reason for outcome in found.outcomes]
    assert any(line.kind == "finding" for outcome in found.outcomes for line in outcome.evidence)
