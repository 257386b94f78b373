"""The vectors of specs/vectors, and what comes of each."""

import json
from pathlib import Path
from typing import Any

from segue import jose
from segue.dpop import InvalidDPoPProof, ProofChecker, UseDPoPNonce, WrongKey
from segue.issuer_keys import UnknownKey
from segue.nonce import Nonces
from segue.refusal import Refused
from segue.task_token import InvalidToken, TaskTokenVerifier

FOLDER = Path(__file__).parents[1] / "specs" / "vectors"
PROOFS = json.loads((FOLDER / "dpop-proofs.json").read_text())
TOKENS = json.loads((FOLDER / "task-tokens.json").read_text())
ASSERTIONS = json.loads((FOLDER / "client-assertions.json").read_text())
EXPECTED = {
    "accepted": type(None),
    "invalid_dpop_proof": InvalidDPoPProof,
    "wrong_key": WrongKey,
    "use_dpop_nonce": UseDPoPNonce,
    "invalid_token": InvalidToken,
}


def outcome_of(refusal: object) -> str | None:
    """What a vector calls it: of the classes that vectors have a name for, the narrowest it is of."""
    return next((name for kind in type(refusal).__mro__ for name, known in EXPECTED.items() if known is kind), None)


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


async def refusal_of_proof(case: Any, memory: Memory) -> Refused | None:
    """None if the proof is accepted."""
    request = PROOFS["request"]
    nonces = Nonces(jose.b64url_decode(PROOFS["nonces"]["secret"]), lifetime=PROOFS["nonces"]["lifetime"])
    checker = ProofChecker(replay=memory, nonces=nonces, clock=lambda: int(PROOFS["now"]))
    try:
        await checker.check(
            case["proofs"],
            htm=request["htm"],
            htu=request["htu"],
            access_token=request["access_token"],
            expected_jkt=request["jkt"],
        )
    except Refused as refused:
        return refused
    return None


async def refusal_of_token(case: Any) -> Refused | None:
    """None if the token is accepted."""
    verifier = TaskTokenVerifier(
        issuer=TOKENS["issuer"], audience=TOKENS["audience"], keys=FixedKeys(), clock=lambda: int(TOKENS["now"])
    )
    try:
        await verifier.verify(case["token"])
    except Refused as refused:
        return refused
    return None
