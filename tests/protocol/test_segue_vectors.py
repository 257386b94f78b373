"""Every vector of specs/vectors has the outcome that is written beside it."""

import subprocess
import sys
from typing import Any

import pytest
from segue_vectors import EXPECTED, FOLDER, PROOFS, TOKENS, Memory, refusal_of_proof, refusal_of_token


def _named(vectors: Any) -> list[Any]:
    return [pytest.param(case, id=f"{case['expect']}: {case['name']}") for case in vectors["cases"]]


@pytest.mark.anyio
@pytest.mark.requirement("A6", "RFC9449-4-3", *(f"XD-DPOP-{number:02}" for number in (3, 6, 8, 9, 10, 11, 12, 13)))
@pytest.mark.parametrize("case", _named(PROOFS))
async def test_a_proof_has_the_expected_outcome_and_only_a_good_one_is_used_up(case: Any) -> None:
    memory = Memory()
    refusal = await refusal_of_proof(case, memory)
    assert type(refusal) is EXPECTED[case["expect"]]
    assert len(memory.used) == (refusal is None)


@pytest.mark.anyio
@pytest.mark.requirement("R37", "RFC9068-4", "XD-RAR-02", *(f"XD-JOSE-{number:02}" for number in range(1, 12)))
@pytest.mark.parametrize("case", _named(TOKENS))
async def test_a_token_has_the_expected_outcome(case: Any) -> None:
    refusal = await refusal_of_token(case)
    assert type(refusal) is EXPECTED[case["expect"]]


def test_the_vectors_are_what_their_script_writes() -> None:
    made = subprocess.run([sys.executable, FOLDER / "make.py", "--check"], capture_output=True, text=True)
    assert (made.returncode, made.stderr) == (0, "")
