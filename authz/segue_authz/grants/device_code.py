"""The device code grant: a claimed transfer is redeemed (RFC 8628 section 3.4; specs/protocol.md section 6.4)."""

import json

from segue_authz.domain import sign_in_policy
from segue_authz.domain.grant import Grant, Withdrawn
from segue_authz.domain.identifier import Random, new
from segue_authz.domain.policy import Policies, TransferPolicy, tightened
from segue_authz.domain.refusal import AccessDenied, AuthorizationPending, ExpiredToken, InvalidGrant, Refusal, SlowDown
from segue_authz.domain.sign_in_policy import SignInPolicy
from segue_authz.domain.transfer import (
    AnotherKey,
    Approved,
    AwaitingDecision,
    Claim,
    Lapsed,
    NotPossible,
    Redeemed,
    Refused,
    Requested,
    redeem,
)
from segue_authz.grants.request import Granted, TokenRequest, unknown_code, unused
from segue_authz.stores.port import GrantStore, Issued, Stored, TransferStore
from segue_authz.tokens.derivation import Derivation, same


class DeviceCodeGrant:
    """`grant_lifetime` in seconds. `parameter` is what the code is called in a request."""

    parameter = "device_code"

    def __init__(
        self,
        transfers: TransferStore,
        grants: GrantStore,
        derivation: Derivation,
        random: Random,
        *,
        policies: Policies,
        grant_lifetime: int,
    ) -> None:
        self._transfers = transfers
        self._grants = grants
        self._derivation = derivation
        self._random = random
        self._policies = policies
        self._grant_lifetime = grant_lifetime

    async def grant(self, request: TokenRequest) -> Granted:
        stored = await self._find(request.required(self.parameter))
        redeemed = await self._redeemable(stored, request)
        if redeemed is stored.transfer:
            return Granted(await self._repeat(redeemed, now=request.now), introduce=True)
        try:
            issued = await self._redeem(stored, redeemed, request)
        except Withdrawn as withdrawn:
            raise AccessDenied("the transfer was withdrawn", because=str(withdrawn)) from withdrawn
        if issued is None:  # the row has changed since it was read: look at it as it is now
            return await self.grant(request)
        return Granted(issued, introduce=True)

    def _code(self, transfer_id: str, jkt: str) -> str:
        return self._derivation.device_code(transfer_id, jkt)

    async def _find(self, code: str) -> Stored:
        stored = await self._transfers.by_id(code.partition(".")[0])
        claim: Claim | None = getattr(stored.transfer, "claim", None) if stored else None
        if stored is None or claim is None:
            raise unknown_code("no such transfer")
        if not same(self._code(stored.transfer.offer.transfer_id, claim.jkt), code):
            raise unknown_code("the tag is wrong")
        return stored

    async def _redeemable(self, stored: Stored, request: TokenRequest) -> Redeemed:
        try:
            return redeem(
                stored.transfer,
                jkt=request.jkt,
                client_id=request.client.client_id,
                grant_id=new("grt", self._random),
                now=request.now,
            )
        except AnotherKey as thief:
            if isinstance(stored.transfer, Redeemed):
                await self._grants.revoke(stored.transfer.grant_id, now=request.now)
            raise unknown_code(str(thief)) from thief
        except AwaitingDecision as waiting:
            raise await self._pending(stored, now=request.now) from waiting
        except Refused as refused:
            raise AccessDenied("the transfer was declined or withdrawn") from refused
        except Lapsed as lapsed:
            raise ExpiredToken("the transfer has lapsed") from lapsed
        except NotPossible as impossible:
            raise unknown_code(str(impossible)) from impossible

    async def _pending(self, stored: Stored, *, now: int) -> Refusal:
        """Wait, or wait longer. Once a pull is open at the person's device, the waiting one learns its check value."""
        transfer_id = stored.transfer.offer.transfer_id
        if not await self._transfers.poll(transfer_id, now=now):
            return SlowDown("polling is too fast; wait five seconds longer from now on")
        description = "the person has not decided yet"
        if not isinstance(stored.transfer, Requested) or stored.transfer.opened_by is None:
            return AuthorizationPending(description)
        value = self._derivation.check_value(transfer_id, stored.transfer.claim.jkt)
        return AuthorizationPending(description, check_value=value)

    async def _redeem(self, stored: Stored, redeemed: Redeemed, request: TokenRequest) -> Issued | None:
        if not isinstance(stored.transfer, Approved):
            raise InvalidGrant("the code is not known", because="not approved")
        offer, claim = stored.transfer.offer, stored.transfer.claim
        policy = self._policies.effective(claim.client_id, offer.sensitivity)
        _check_policy(stored.transfer, policy, self._policies.sign_in.effective(claim.client_id, offer.sensitivity))
        grant = Grant(
            grant_id=redeemed.grant_id,
            subject=offer.subject,
            client_id=claim.client_id,
            device_id=new("dev", self._random),
            jkt=claim.jkt,
            task_id=offer.task_id,
            actions=offer.actions,
            epoch=0,
            authentication=stored.transfer.authentication,
            created_at=request.now,
            expires_at=request.now + self._grant_lifetime,
            transfer_id=offer.transfer_id,
            token_lifetime=policy.short_lived_tokens,
        )
        return await self._transfers.redeem(stored, redeemed, grant, now=request.now)

    async def _repeat(self, redeemed: Redeemed, *, now: int) -> Issued:
        try:
            issued = await self._grants.issued(redeemed.grant_id, now=now)
        except Withdrawn as withdrawn:
            raise unknown_code(str(withdrawn)) from withdrawn
        return unused(issued)


def _check_policy(approved: Approved, policy: TransferPolicy, sign_in: SignInPolicy) -> None:
    """What a stricter policy might not have let through is approved anew or not at all. Raises `AccessDenied`."""
    decided_under = json.loads(approved.explained or "{}")
    stricter = tightened(decided_under.get("policy", {}), policy)
    stricter += sign_in_policy.tightened(decided_under.get("sign_in_policy", {}), sign_in)
    if stricter:
        raise AccessDenied("the rules have changed since this was approved", because=f"tightened: {stricter}")
