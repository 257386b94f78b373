"""Flaws of proofs and keys."""

from typing import Any

from segue import dpop, jose
from segue_authz.grants import refresh_token

from threat_flaws.flaw import Patch, flaw, nothing, nothing_later


@flaw("XD-DPOP-08")
def ath_is_not_compared(patch: Patch) -> None:
    patch.setattr(dpop, "_match_token", nothing)


@flaw("XD-DPOP-06")
def any_htu_will_do(patch: Patch) -> None:
    compare = dpop._match_request
    patch.setattr(dpop, "_match_request", lambda claims, *, htm, htu: compare({**claims, "htu": htu}, htm=htm, htu=htu))


@flaw("XD-DPOP-06")
def any_htm_will_do(patch: Patch) -> None:
    compare = dpop._match_request
    patch.setattr(dpop, "_match_request", lambda claims, *, htm, htu: compare({**claims, "htm": htm}, htm=htm, htu=htu))


@flaw("XD-DPOP-03")
def jkt_is_not_compared(patch: Patch) -> None:
    check = dpop.ProofChecker.check

    async def careless(self: dpop.ProofChecker, *proofs: Any, **request: Any) -> dpop.Proof:
        expected = request.pop("expected_jkt", None)
        proof = await check(self, *proofs, **request)
        return proof if expected is None else proof._replace(jkt=expected)

    patch.setattr(dpop.ProofChecker, "check", careless)


@flaw("XD-DPOP-04")
def a_proof_is_never_used_up(patch: Patch) -> None:
    patch.setattr(dpop.ProofChecker, "_use_up", nothing_later)


@flaw("XD-DPOP-05")
def a_proof_is_used_up_by_its_text_cut_short(patch: Patch) -> None:
    patch.setattr(dpop, "_identifier", lambda claims: str(claims.get("jti"))[:255])


@flaw("XD-DPOP-09")
def any_time_will_do(patch: Patch) -> None:
    patch.setattr(dpop, "_fresh", lambda claims, *, now: now)


@flaw("XD-DPOP-10")
def the_nonce_is_checked_only_if_there_is_one(patch: Patch) -> None:
    accept = dpop.ProofChecker._accept_nonce

    async def lenient(self: dpop.ProofChecker, nonce: object, *, now: int) -> bytes:
        return await (accept(self, nonce, now=now) if nonce is not None else self._known_incarnation())

    patch.setattr(dpop.ProofChecker, "_accept_nonce", lenient)


@flaw("XD-DPOP-13")
def the_type_of_a_proof_is_not_looked_at(patch: Patch) -> None:
    read = dpop.jose.read_header

    def careless(text: str) -> dict[str, Any]:
        header = read(text)
        return {**header, "typ": "dpop+jwt"} if "jwk" in header else header

    patch.setattr(dpop.jose, "read_header", careless)


@flaw("XD-DPOP-12")
def the_first_of_two_proofs_is_taken(patch: Patch) -> None:
    check = dpop.ProofChecker.check

    async def lenient(self: dpop.ProofChecker, proofs: Any, **request: Any) -> dpop.Proof:
        return await check(self, proofs[:1], **request)

    patch.setattr(dpop.ProofChecker, "check", lenient)


@flaw("XD-DPOP-14")
def anybody_may_refresh(patch: Patch) -> None:
    patch.setattr(refresh_token.RefreshTokenGrant, "_check_holder", nothing_later)


@flaw("XD-DPOP-11")
def a_proof_may_bring_a_private_key(patch: Patch) -> None:
    read = jose.import_p256
    patch.setattr(jose, "import_p256", lambda jwk: read({name: jwk[name] for name in jwk if name != "d"}))
