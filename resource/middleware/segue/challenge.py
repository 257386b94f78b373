"""Words a resource server's refusals: status, challenge and body (RFC 6750 section 3, RFC 9449 section 7.1)."""

from segue.dpop import WrongKey
from segue.problem import Problem
from segue.refusal import Refused
from segue.target_uri import well_known
from segue.task_token import InvalidToken

_STATUS = {"invalid_request": 400, "insufficient_scope": 403}
_TITLES = {
    "": "A task token is needed",
    "invalid_request": "The request cannot be read",
    "invalid_token": "The task token is not accepted",
    "invalid_dpop_proof": "The DPoP proof is not accepted",
    "use_dpop_nonce": "The DPoP proof needs a nonce",
    "insufficient_scope": "The task token does not allow this",
    "insufficient_user_authentication": "The person has to sign in anew",
}


class InsufficientScope(Refused):
    """The token is good and does not allow the action."""

    error = "insufficient_scope"


def refusal_problem(refused: Refused, *, audience: str, **members: object) -> Problem:
    """The answer to a refused request; the body's member `error` repeats the code of the challenge."""
    if isinstance(refused, WrongKey):
        refused = InvalidToken("Invalid DPoP key binding", because=refused.because)
    if refused.error:
        members["error"] = refused.error
    return Problem(
        _STATUS.get(refused.error, 401),
        refused.error.replace("_", "-") or "token-required",
        _TITLES[refused.error],
        refused.description,
        headers={"WWW-Authenticate": _challenge(refused, audience=audience)},
        **members,
    )


def unavailable_problem(*, retry_after: int) -> Problem:
    """The answer when nobody can say whether the request is good. `retry_after` in seconds."""
    return Problem(
        503,
        "cannot-verify",
        "The request cannot be verified now",
        "something that is needed to verify task tokens does not answer; nothing was done",
        headers={"Retry-After": str(retry_after)},
    )


def resource_metadata_url(audience: str) -> str:
    """Where the resource server describes itself (RFC 9728 section 3.1)."""
    return well_known(audience, "oauth-protected-resource")


def _challenge(refused: Refused, *, audience: str) -> str:
    """Without an error code if the request had no token (RFC 6750 section 3.1)."""
    error = {"error": refused.error, "error_description": refused.description} if refused.error else {}
    error |= getattr(refused, "parameters", {})
    parameters = {**error, "algs": "ES256", "resource_metadata": resource_metadata_url(audience)}
    return "DPoP " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())
