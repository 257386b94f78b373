"""Every vector of specs/vectors has the outcome that is written beside it."""

import subprocess
import sys
from typing import Any

import pytest
from segue_vectors import ASSERTIONS, FOLDER, PROOFS, TOKENS, Memory, outcome_of, refusal_of_proof, refusal_of_token


def _named(vectors: Any) -> list[Any]:
    return [pytest.param(case, id=f"{case['expect']}: {case['name']}") for case in vectors["cases"]]


@pytest.mark.anyio
@pytest.mark.requirement(
    "A6",
    "RFC9449-11-1-a",
    "RFC9449-11-3",
    "RFC9449-11-5",
    "RFC9449-11-6",
    *(f"RFC9449-4-3-{number}" for number in range(2, 13)),
    *(f"XD-DPOP-{number:02}" for number in (3, 6, 8, 9, 10, 11, 12, 13)),
)
@pytest.mark.parametrize("case", _named(PROOFS))
async def test_a_proof_has_the_expected_outcome_and_only_a_good_one_is_used_up(case: Any) -> None:
    memory = Memory()
    refusal = await refusal_of_proof(case, memory)
    assert outcome_of(refusal) == case["expect"]
    assert len(memory.used) == (refusal is None)


@pytest.mark.anyio
@pytest.mark.requirement(
    "R37",
    "RFC9068-2-1-b",
    "RFC9068-4-a",
    "RFC9068-4-b",
    "RFC9068-4-c",
    "RFC9068-4-d",
    "RFC9068-4-e",
    "XD-RAR-02",
    *(f"XD-JOSE-{number:02}" for number in range(1, 12)),
)
@pytest.mark.parametrize("case", _named(TOKENS))
async def test_a_token_has_the_expected_outcome(case: Any) -> None:
    refusal = await refusal_of_token(case)
    assert outcome_of(refusal) == case["expect"]


def test_the_vectors_are_what_their_script_writes() -> None:
    made = subprocess.run([sys.executable, FOLDER / "make.py", "--check"], capture_output=True, text=True)
    assert (made.returncode, made.stderr) == (0, "")


@pytest.mark.parametrize("vectors", [PROOFS, TOKENS, ASSERTIONS], ids=["proofs", "tokens", "assertions"])
def test_every_case_has_a_name_of_its_own_and_names_a_rule_that_the_file_states(vectors: Any) -> None:
    names = [case["name"] for case in vectors["cases"]]
    assert len(set(names)) == len(names)
    assert {case["section"] for case in vectors["cases"]} == vectors["sections"].keys()
    assert all(vectors["sections"].values())
