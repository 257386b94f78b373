"""Flaws of the kind a server must not have, each a line patched into ours, and the threat whose attack must tell."""

import base64
import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import pytest
from segue import dpop, jose, task_token
from segue_authz.domain import transfer as transfer_domain
from segue_authz.domain.transfer import Claim, Claimed, Transfer
from segue_authz.endpoints import (
    authorize,
    browser,
    decision,
    device,
    device_authorization,
    page,
    sign_in,
)
from segue_authz.endpoints import claim as claim_endpoint
from segue_authz.grants import authorization_code, device_code, refresh_token
from segue_authz.stores.grants import Grants
from segue_authz.stores.transfers import Transfers
from segue_resource.stores import unit
from starlette.responses import Response

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Flaw:
    """`threat` is the one that comes true."""

    name: str
    threat: str
    put_in: Callable[[Patch], None]


FLAWS: list[Flaw] = []


def flaw(threat: str) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    """Register one; its name says what the server does wrong."""

    def register(put_in: Callable[[Patch], None]) -> Callable[[Patch], None]:
        FLAWS.append(Flaw(put_in.__name__, threat, put_in))
        return put_in

    return register


def nothing(*_: Any, **__: Any) -> None:
    """Instead of a check."""


async def nothing_later(*_: Any, **__: Any) -> None:
    """Instead of a check that takes its time."""


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


@flaw("XD-PUSH-01")
def any_number_confirms(patch: Patch) -> None:
    patch.setattr(decision, "_must_match", lambda *_: False)


@flaw("XD-PULL-01")
def any_number_approves(patch: Patch) -> None:
    patch.setattr(decision, "_must_match", lambda *_: False)


@flaw("XD-PUSH-03")
def no_number_confirms(patch: Patch) -> None:
    compare = decision.same
    patch.setattr(decision, "same", lambda right, typed: not typed or compare(right, typed))


@flaw("XD-PUSH-04")
def numbers_may_be_guessed_for_ever(patch: Patch) -> None:
    patch.setattr(decision, "CHECK_VALUE_ATTEMPTS", 1000)
    patch.setattr(transfer_domain, "CHECK_VALUE_ATTEMPTS", 1000)


@flaw("XD-RACE-08")
def a_try_is_not_counted_before_it_is_compared(patch: Patch) -> None:
    patch.setattr(decision, "attempt", lambda transfer, **_: transfer)


def _second_claim(transfer: Transfer, by: Claim) -> Claimed:
    """As if nobody had claimed it."""
    if isinstance(transfer, Claimed):
        return Claimed(transfer.offer, by, expires_at=transfer.expires_at, opened_by=transfer.opened_by)
    return transfer_domain.claim(transfer, by)


@flaw("XD-PUSH-02")
def the_last_claim_wins(patch: Patch) -> None:
    patch.setattr(claim_endpoint, "claim", _second_claim)


@flaw("XD-RACE-02")
def a_claim_overwrites_another(patch: Patch) -> None:
    patch.setattr(claim_endpoint, "claim", _second_claim)


@flaw("XD-PUSH-07")
def any_client_may_claim(patch: Patch) -> None:
    def careless(transfer: Transfer, by: Claim) -> Claimed:
        meant = getattr(transfer.offer, "consumption_client_id", by.client_id)
        return transfer_domain.claim(transfer, replace(by, client_id=meant))

    patch.setattr(claim_endpoint, "claim", careless)


@flaw("XD-PULL-03")
def a_code_may_be_spread(patch: Patch) -> None:
    patch.setattr(decision, "_void", nothing_later)


@flaw("XD-PULL-04")
def codes_may_be_guessed_for_ever(patch: Patch) -> None:
    patch.setattr(device, "_count_try", nothing_later)


@flaw("XD-PULL-05")
def codes_are_folded_beyond_the_rule(patch: Patch) -> None:
    strict = device_authorization.normalise
    patch.setattr(device_authorization, "normalise", lambda typed: strict(unicodedata.normalize("NFKC", typed)))


def _redeem(**changes: str) -> Callable[..., Any]:
    """The redemption that takes the claim's word for what the request says."""

    def careless(transfer: Any, **request: Any) -> Any:
        return transfer_domain.redeem(
            transfer, **{**request, **{name: getattr(transfer.claim, of) for name, of in changes.items()}}
        )

    return careless


@flaw("XD-PULL-07")
def any_client_may_redeem(patch: Patch) -> None:
    patch.setattr(device_code, "redeem", _redeem(client_id="client_id"))


@flaw("XD-PULL-08")
def any_key_may_redeem(patch: Patch) -> None:
    patch.setattr(device_code, "redeem", _redeem(jkt="jkt"))


@flaw("XD-PUSH-06")
def a_thief_of_a_redeemed_code_changes_nothing(patch: Patch) -> None:
    patch.setattr(Grants, "revoke", nothing_later)


@flaw("XD-RACE-07")
def a_revocation_is_answered_and_not_done(patch: Patch) -> None:
    patch.setattr(Grants, "revoke", nothing_later)


@flaw("XD-TOK-03")
def a_revoked_grant_lives_on(patch: Patch) -> None:
    patch.setattr(Grants, "revoke", nothing_later)


@flaw("XD-TOK-06")
def reuse_is_not_noticed(patch: Patch) -> None:
    refresh = Grants.refresh

    async def lenient(self: Grants, grant_id: str, *, generation: int, now: int) -> Any:
        standing = await self.standing(grant_id)
        return await refresh(self, grant_id, generation=standing.grant.generation if standing else generation, now=now)

    patch.setattr(Grants, "refresh", lenient)


@flaw("XD-PULL-09")
def polls_are_never_too_fast(patch: Patch) -> None:
    async def in_time(*_: Any, **__: Any) -> bool:
        return True

    patch.setattr(Transfers, "poll", in_time)


@flaw("XD-WEB-01")
def the_secret_of_a_form_is_not_looked_at(patch: Patch) -> None:
    patch.setattr(browser, "same", lambda *_: True)


@flaw("XD-WEB-01")
def any_origin_may_post(patch: Patch) -> None:
    patch.setattr(page, "check_origin", nothing)


@flaw("XD-WEB-03")
def signing_in_returns_anywhere(patch: Patch) -> None:
    patch.setattr(sign_in, "_local", lambda address: address)


@flaw("XD-JOSE-03")
def signatures_of_tokens_are_not_verified(patch: Patch) -> None:
    verify = jose.verify
    patch.setattr(jose, "verify", lambda jws, key: None if "jwk" not in jws.header else verify(jws, key))


@flaw("XD-JOSE-01")
def an_empty_signature_is_a_good_one(patch: Patch) -> None:
    verify = jose.verify
    patch.setattr(jose, "verify", lambda jws, key: verify(jws, key) if jws.signature else None)


@flaw("XD-JOSE-06")
def critical_extensions_are_ignored(patch: Patch) -> None:
    read = jose._object

    def lenient(data: bytes) -> dict[str, Any]:
        return {name: value for name, value in read(data).items() if name not in ("crit", "b64")}

    patch.setattr(jose, "_object", lenient)


@flaw("XD-JOSE-07")
def the_last_of_repeated_members_wins(patch: Patch) -> None:
    patch.setattr(jose, "decode_json", json.loads)


@flaw("XD-JOSE-08")
def padding_and_spare_bits_are_forgiven(patch: Patch) -> None:
    def lenient(text: str) -> bytes:
        return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))

    patch.setattr(jose, "b64url_decode", lenient)


@flaw("XD-TOK-01")
def any_audience_will_do(patch: Patch) -> None:
    read = task_token.TaskTokenVerifier._read

    def careless(self: task_token.TaskTokenVerifier, claims: dict[str, Any]) -> Any:
        return read(self, {**claims, "aud": self._audience})

    patch.setattr(task_token.TaskTokenVerifier, "_read", careless)


@flaw("XD-AUTH-02")
def the_verifier_is_not_compared(patch: Patch) -> None:
    patch.setattr(authorization_code, "same", lambda *_: True)


@flaw("XD-PULL-06")
def the_tag_of_a_device_code_is_not_compared(patch: Patch) -> None:
    patch.setattr(device_code, "same", lambda *_: True)


@flaw("XD-JOSE-05")
def bytes_after_a_signature_are_ignored(patch: Patch) -> None:
    verify = jose.verify
    patch.setattr(jose, "verify", lambda jws, key: verify(jws._replace(signature=jws.signature[:64]), key))


@flaw("XD-DPOP-11")
def a_proof_may_bring_a_private_key(patch: Patch) -> None:
    read = jose.import_p256
    patch.setattr(jose, "import_p256", lambda jwk: read({name: jwk[name] for name in jwk if name != "d"}))


@flaw("XD-CONS-07")
def a_device_is_believed_where_it_is(patch: Patch) -> None:
    see = claim_endpoint.network_of
    patch.setattr(claim_endpoint, "network_of", lambda request: request.headers.get("x-forwarded-for") or see(request))


@flaw("XD-RACE-09")
def a_device_writes_on_after_the_task_has_moved(patch: Patch) -> None:
    patch.setattr(unit, "_TAKE", unit._TAKE_STALE_TOO)


@flaw("XD-AGT-01")
def a_late_result_is_accepted(patch: Patch) -> None:
    patch.setattr(unit, "_TAKE", unit._TAKE_STALE_TOO)


@flaw("XD-WEB-10")
def a_script_may_read_the_cookie(patch: Patch) -> None:
    set_cookie = Response.set_cookie

    def careless(self: Response, *named: Any, **how: Any) -> None:
        set_cookie(self, *named, **{**how, "httponly": False})

    patch.setattr(Response, "set_cookie", careless)


@flaw("XD-META-01")
def an_answer_does_not_say_whose_it_is(patch: Patch) -> None:
    patch.setattr(authorize, "urlencode", lambda answer: urlencode({**answer, "iss": "https://other.example"}))
