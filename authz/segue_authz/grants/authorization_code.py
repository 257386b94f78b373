"""The authorization code grant with PKCE and a bound key (RFC 6749 section 4.1.3, RFC 7636, RFC 9449 section 10)."""

from base64 import urlsafe_b64encode
from hashlib import sha256

from segue_authz.domain.grant import Grant, Withdrawn
from segue_authz.domain.identifier import Random, new
from segue_authz.grants.request import Granted, TokenRequest, unknown_code, unused
from segue_authz.stores.port import AuthorizationCode, AuthorizationCodeStore, GrantStore, NewDevice
from segue_authz.tokens.derivation import Derivation, same


class AuthorizationCodeGrant:
    """`grant_lifetime` in seconds. With `codes_once` a lost answer is not repeated, whoever asks."""

    def __init__(
        self,
        codes: AuthorizationCodeStore,
        grants: GrantStore,
        derivation: Derivation,
        random: Random,
        *,
        grant_lifetime: int,
        codes_once: bool,
    ) -> None:
        self._codes = codes
        self._grants = grants
        self._derivation = derivation
        self._random = random
        self._grant_lifetime = grant_lifetime
        self._codes_once = codes_once

    async def grant(self, request: TokenRequest) -> Granted:
        code = await self._codes.find(self._derivation.digest("authorization_code", request.required("code")))
        if code is None:
            raise unknown_code("no such code")
        fault = _fault(code, request)
        if fault:
            await self._revoke(code, now=request.now)
            raise unknown_code(fault)
        request.check_resource(code.resource)
        if self._codes_once and code.grant_id is not None:
            await self._revoke(code, now=request.now)
            raise unknown_code("it was spent before")
        if code.grant_id is None and request.now >= code.expires_at:
            raise unknown_code("lapsed")
        proposed = self._grant_of(code, request)
        try:
            issued = await self._codes.redeem(
                code,
                proposed,
                device=NewDevice(request.client.name, request.network),
                now=request.now,
            )
        except Withdrawn as withdrawn:
            raise unknown_code(str(withdrawn)) from withdrawn
        if self._codes_once and issued.grant.grant_id != proposed.grant_id:
            raise unknown_code("it was spent at the same moment")
        return Granted(unused(issued), introduce=True)

    async def _revoke(self, code: AuthorizationCode, *, now: int) -> None:
        """A code in wrong hands takes what it gave with it (RFC 6749 section 4.1.2)."""
        if code.grant_id is not None:
            await self._grants.revoke(code.grant_id, now=now)

    def _grant_of(self, code: AuthorizationCode, request: TokenRequest) -> Grant:
        return Grant(
            grant_id=new("grt", self._random),
            subject=code.subject,
            client_id=code.client_id,
            device_id=new("dev", self._random),
            jkt=code.jkt,
            task_id=code.task_id,
            actions=code.actions,
            epoch=0,
            authentication=code.authentication,
            created_at=request.now,
            expires_at=request.now + self._grant_lifetime,
            resource=code.resource,
        )


def _fault(code: AuthorizationCode, request: TokenRequest) -> str | None:
    """Why this caller may not redeem this code."""
    challenge = urlsafe_b64encode(sha256(request.required("code_verifier").encode()).digest()).rstrip(b"=").decode()
    if code.client_id != request.client.client_id:
        return "the code is another client's"
    if code.redirect_uri != request.required("redirect_uri"):
        return "the redirect_uri is not the one of the request"
    if not same(code.code_challenge, challenge):
        return "the code_verifier does not match"
    if not same(code.jkt, request.jkt):
        return "the key is not the one of dpop_jkt"
    return None
