"""The refresh token grant: bound, rotating, reuse ends it.

RFC 6749 section 6, RFC 9449 section 5, RFC 9700 section 4.14.
"""

from segue_authz.domain.grant import Reused, Withdrawn
from segue_authz.domain.refusal import InvalidGrant, RefreshTokenReused
from segue_authz.grants.request import Granted, TokenRequest
from segue_authz.stores.port import GrantStore
from segue_authz.tokens.derivation import Derivation


class RefreshTokenGrant:
    """`rotates`: each use of a token gives the next one. Where it does not, the one there is stays good."""

    def __init__(self, grants: GrantStore, derivation: Derivation, *, rotates: bool) -> None:
        self._grants = grants
        self._rotates = rotates
        self._derivation = derivation

    async def grant(self, request: TokenRequest) -> Granted:
        known = self._derivation.read_refresh_token(request.required("refresh_token"))
        if known is None:
            raise _unknown("not a refresh token of ours")
        grant_id, generation = known
        current = await self._check_holder(grant_id, generation, request)
        try:
            if current and not self._rotates:
                return Granted(await self._grants.issued(grant_id, now=request.now), introduce=False)
            issued = await self._grants.refresh(grant_id, generation=generation, now=request.now)
        except Reused as reused:
            raise _reused(str(reused)) from reused
        except Withdrawn as refused:
            raise _unknown(str(refused)) from refused
        if issued is None:
            raise _unknown("the grant is gone")
        return Granted(issued, introduce=False)

    async def _check_holder(self, grant_id: str, generation: int, request: TokenRequest) -> bool:
        """Only the key and the client of the grant may use its token. A stranger with a spent one ends the grant.

        Whether it is the token of the current generation.
        """
        standing = await self._grants.standing(grant_id)
        if standing is None:
            raise _unknown("the grant is gone")
        grant = standing.grant
        if grant.client_id == request.client.client_id and grant.jkt == request.jkt:
            request.check_resource(grant.resource)
            return generation == grant.generation
        if generation < grant.generation and await self._grants.revoke(grant_id, now=request.now):
            raise _reused("a spent one, by another client or key")
        raise _unknown("the client or the key is not the grant's")


def _reused(because: str) -> InvalidGrant:
    """The same answer."""
    return RefreshTokenReused("the refresh token is not valid", because=because)


def _unknown(because: str) -> InvalidGrant:
    return InvalidGrant("the refresh token is not valid", because=because)
