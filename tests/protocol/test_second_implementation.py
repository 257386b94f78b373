"""Others can use the vectors: a second implementation, on other JOSE code, decides them from their README alone."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from segue_vectors import ASSERTIONS, FOLDER, PROOFS, TOKENS
from vectors_by_joserfc import decide_assertion, decide_proof, decide_token

FILES = {
    "dpop-proofs.json": (PROOFS, "proofs", decide_proof),
    "task-tokens.json": (TOKENS, "token", decide_token),
    "client-assertions.json": (ASSERTIONS, "assertion", decide_assertion),
}


@pytest.fixture(params=FILES)
def decided(request: pytest.FixtureRequest) -> list[tuple[dict[str, Any], str]]:
    """Each case of a file, and what the second implementation says."""
    vectors, member, decide = FILES[request.param]
    assert vectors["format"] == 2
    deciding: Callable[[Any, Any], str] = decide
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joserfc warns of algorithms that attackers name
        return [(case, deciding(case[member], vectors)) for case in vectors["cases"]]


@pytest.mark.requirement("RFC7523-3", "XD-JOSE-09")
def test_it_decides_as_the_files_say_wherever_the_rule_is_one_of_an_rfc(decided: Any) -> None:
    differ = [
        (case["name"], case["expect"], outcome)
        for case, outcome in decided
        if outcome != case["expect"] and not case["section"].startswith("PROFILE")
    ]
    assert differ == []


def test_it_accepts_what_the_files_accept_and_differs_in_our_own_rules_alone(decided: Any) -> None:
    own = [(case["expect"], outcome) for case, outcome in decided if case["section"].startswith("PROFILE")]
    assert all(outcome == "accepted" for expect, outcome in own if expect == "accepted")
    assert any(outcome != expect for expect, outcome in own), "then the rule would not be ours alone"


def test_the_readme_counts_the_cases() -> None:
    text = (FOLDER / "README.md").read_text()
    for name, (vectors, *_) in FILES.items():
        accepted = sum(case["expect"] == "accepted" for case in vectors["cases"])
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `{name}`"))
        assert row.split("|")[3:5] == [f" {len(vectors['cases'])} ", f" {accepted} "]
