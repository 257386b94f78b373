"""Every vector of specs/vectors has the outcome that is written beside it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from segue import jose
from segue.dpop import InvalidDPoPProof, ProofChecker, UseDPoPNonce, WrongKey
from segue.issuer_keys import UnknownKey
from segue.nonce import Nonces
from segue.refusal import Refused
from segue.task_token import InvalidToken, TaskTokenVerifier

VECTORS = Path(__file__).parents[2] / "specs" / "vectors"
PROOFS = json.loads((VECTORS / "dpop-proofs.json").read_text())
TOKENS = json.loads((VECTORS / "task-tokens.json").read_text())
EXPECTED = {
    "accepted": type(None),
    "invalid_dpop_proof": InvalidDPoPProof,
    "wrong_key": WrongKey,
    "use_dpop_nonce": UseDPoPNonce,
    "invalid_token": InvalidToken,
}


class Memory:
    """Counts what is used up."""

    def __init__(self) -> None:
        self.used: list[str] = []

    async def incarnation(self) -> bytes:
        return str(PROOFS["nonces"]["incarnation"]).encode()

    async def first_use(self, key: str, *, lifetime: int, incarnation: bytes) -> bool:
        self.used.append(key)
        return True


class FixedKeys:
    """The key set of the vectors."""

    async def key(self, kid: str) -> Any:
        for jwk in TOKENS["jwks"]["keys"]:
            if jwk["kid"] == kid:
                return jose.import_p256(jwk)
        raise UnknownKey(kid)


def _named(vectors: Any) -> list[Any]:
    return [pytest.param(case, id=f"{case['expect']}: {case['name']}") for case in vectors["cases"]]


@pytest.mark.anyio
@pytest.mark.requirement("A6", "RFC9449-4-3", *(f"XD-DPOP-{number:02}" for number in (3, 6, 8, 9, 10, 11, 12, 13)))
@pytest.mark.parametrize("case", _named(PROOFS))
async def test_a_proof_has_the_expected_outcome_and_only_a_good_one_is_used_up(case: Any) -> None:
    memory, request = Memory(), PROOFS["request"]
    nonces = Nonces(jose.b64url_decode(PROOFS["nonces"]["secret"]), lifetime=PROOFS["nonces"]["lifetime"])
    checker = ProofChecker(replay=memory, nonces=nonces, clock=lambda: int(PROOFS["now"]))
    refusal: Refused | None = None
    try:
        await checker.check(
            case["proofs"],
            htm=request["htm"],
            htu=request["htu"],
            access_token=request["access_token"],
            expected_jkt=request["jkt"],
        )
    except Refused as refused:
        refusal = refused
    assert type(refusal) is EXPECTED[case["expect"]]
    assert len(memory.used) == (refusal is None)


@pytest.mark.anyio
@pytest.mark.requirement("R37", "RFC9068-4", "XD-RAR-02", *(f"XD-JOSE-{number:02}" for number in range(1, 12)))
@pytest.mark.parametrize("case", _named(TOKENS))
async def test_a_token_has_the_expected_outcome(case: Any) -> None:
    verifier = TaskTokenVerifier(
        issuer=TOKENS["issuer"], audience=TOKENS["audience"], keys=FixedKeys(), clock=lambda: int(TOKENS["now"])
    )
    refusal: Refused | None = None
    try:
        await verifier.verify(case["token"])
    except Refused as refused:
        refusal = refused
    assert type(refusal) is EXPECTED[case["expect"]]


def test_the_vectors_are_what_their_script_writes() -> None:
    made = subprocess.run([sys.executable, VECTORS / "make.py", "--check"], capture_output=True, text=True)
    assert (made.returncode, made.stderr) == (0, "")
