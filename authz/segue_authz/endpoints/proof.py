"""The DPoP proof of a request to an endpoint of ours that takes no access token (RFC 9449 section 5)."""

from segue import dpop
from segue.issuer_keys import KeysUnavailable
from segue.task_token import InvalidToken, TaskToken
from starlette.requests import Request

from segue_authz.domain.grant import Withdrawn, mintable_actions
from segue_authz.domain.refusal import InvalidDPoPProof, InvalidGrant, UseDPoPNonce
from segue_authz.endpoints.services import Services


async def prove_holder(services: Services, request: Request) -> TaskToken:
    """The task token for this server that the request shows, held by the proven key. Raises as `prove_key`."""
    shown = request.headers.getlist("authorization")
    scheme, _, access_token = shown[0].partition(" ") if len(shown) == 1 else ("", "", "")
    if scheme.lower() != "dpop":
        raise InvalidGrant("the task token is not valid", because="not one DPoP credential")
    try:
        token = await services.tokens.verify(access_token)
    except (InvalidToken, KeysUnavailable) as invalid:
        raise InvalidGrant("the task token is not valid", because=str(invalid)) from invalid
    standing = await services.grants.standing(token.grant_id)
    if standing is None or await prove_key(services, request, access_token=access_token) != token.jkt:
        raise InvalidGrant("the task token is not valid", because="another key, or no such grant")
    try:
        mintable_actions(standing, now=services.clock())
    except Withdrawn as withdrawn:
        raise InvalidGrant("the task token is not valid", because=str(withdrawn)) from withdrawn
    return token


async def prove_key(services: Services, request: Request, *, access_token: str | None = None) -> str:
    """The thumbprint of the proven key. Raises `InvalidDPoPProof` and `UseDPoPNonce`; replay is refused here too."""
    try:
        proof = await services.proofs.check(
            request.headers.getlist("dpop"),
            htm=request.method,
            htu=services.settings.issuer + request.url.path,
            access_token=access_token,
        )
    except dpop.UseDPoPNonce as missing:
        raise UseDPoPNonce("the authorization server requires a nonce in the DPoP proof") from missing
    except dpop.InvalidDPoPProof as invalid:
        raise InvalidDPoPProof("the DPoP proof is not valid", because=str(invalid)) from invalid
    return proof.jkt
