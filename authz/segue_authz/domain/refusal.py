"""The refusals that cross the wire, named as the RFCs name their codes.

`description` is a constant of ours and travels, as do further `members`; `because` is only logged. RFC 6749 section 5.2
unless said otherwise.
"""

from collections.abc import Mapping
from types import MappingProxyType


class Refusal(Exception):
    error = "server_error"
    status = 400
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, description: str, *, because: str = "", **members: str) -> None:
        super().__init__(because or description)
        self.description = description
        self.members = members


class InvalidRequest(Refusal):
    error = "invalid_request"


class PayloadTooLarge(Refusal):
    error = "invalid_request"
    status = 413


class InvalidClient(Refusal):
    error = "invalid_client"
    status = 401


class InvalidToken(Refusal):
    """RFC 6750 section 3.1, of the tokens with which a client is registered and managed."""

    error = "invalid_token"
    status = 401
    headers = MappingProxyType({"WWW-Authenticate": 'Bearer realm="segue", error="invalid_token"'})


class InvalidGrant(Refusal):
    error = "invalid_grant"


class RefreshTokenReused(InvalidGrant):
    """Spent, and shown again: whoever has the other copy, the grant is over (RFC 9700 section 4.14.2)."""


class UnauthorizedClient(Refusal):
    error = "unauthorized_client"


class UnsupportedGrantType(Refusal):
    error = "unsupported_grant_type"


class UnsupportedTokenType(Refusal):
    """RFC 7009 section 2.2.1."""

    error = "unsupported_token_type"


class InvalidScope(Refusal):
    error = "invalid_scope"


class InvalidTarget(Refusal):
    """RFC 8707 section 2."""

    error = "invalid_target"


class InvalidAuthorizationDetails(Refusal):
    """RFC 9396 section 5."""

    error = "invalid_authorization_details"


class InvalidRequestObject(Refusal):
    """RFC 9101 section 6."""

    error = "invalid_request_object"


class InvalidDPoPProof(Refusal):
    """RFC 9449 section 5."""

    error = "invalid_dpop_proof"


class UseDPoPNonce(Refusal):
    """RFC 9449 section 8."""

    error = "use_dpop_nonce"


class AuthorizationPending(Refusal):
    """RFC 8628 section 3.5."""

    error = "authorization_pending"


class SlowDown(Refusal):
    """RFC 8628 section 3.5."""

    error = "slow_down"


class AccessDenied(Refusal):
    """RFC 8628 section 3.5."""

    error = "access_denied"


class ExpiredToken(Refusal):
    """RFC 8628 section 3.5."""

    error = "expired_token"


class InvalidBindingMessage(Refusal):
    """CIBA Core section 13."""

    error = "invalid_binding_message"


class MissingUserCode(Refusal):
    """CIBA Core section 13."""

    error = "missing_user_code"


class InvalidUserCode(Refusal):
    """CIBA Core section 13."""

    error = "invalid_user_code"


class ExpiredLoginHintToken(Refusal):
    """CIBA Core section 13."""

    error = "expired_login_hint_token"


class InvalidServiceToken(Refusal):
    """RFC 6750 section 3.1, with the challenge of RFC 9449 section 7.1."""

    error = "invalid_token"
    status = 401
    headers = MappingProxyType({"WWW-Authenticate": 'DPoP error="invalid_token", algs="ES256"'})


class NonceForToken(UseDPoPNonce):
    """RFC 9449 section 9."""

    status = 401
    headers = MappingProxyType({"WWW-Authenticate": 'DPoP error="use_dpop_nonce", algs="ES256"'})


class InsufficientScope(Refusal):
    """RFC 6750 section 3.1."""

    error = "insufficient_scope"
    status = 403
    headers = MappingProxyType({"WWW-Authenticate": 'DPoP error="insufficient_scope", algs="ES256"'})


class InsufficientUserAuthentication(Refusal):
    """RFC 9470 section 3. What is wanted stands in the challenge, and in the body for clients that see no headers."""

    error = "insufficient_user_authentication"
    status = 401

    def __init__(self, description: str, *, max_age: int, acr_values: str | None, resource_metadata: str) -> None:
        wanted = {"max_age": str(max_age)} | ({"acr_values": acr_values} if acr_values else {})
        super().__init__(description, **wanted)
        told = {"error": self.error, "error_description": description, **wanted, "algs": "ES256"}
        told["resource_metadata"] = resource_metadata
        challenge = "DPoP " + ", ".join(f'{name}="{value}"' for name, value in told.items())
        self.headers = MappingProxyType({"WWW-Authenticate": challenge})


class StreamConflict(Refusal):
    """OpenID SSF 1.0 section 8.1: the stream is there already, or has just become another one."""

    error = "conflict"
    status = 409


class NotFound(Refusal):
    """There is no such thing, or it is somebody else's (OpenID SSF 1.0 section 8.1)."""

    error = "not_found"
    status = 404


class LoginRequired(Refusal):
    """OpenID Connect Core section 3.1.2.6."""

    error = "login_required"


class InteractionRequired(Refusal):
    """OpenID Connect Core section 3.1.2.6."""

    error = "interaction_required"


class UnmetAuthenticationRequirements(Refusal):
    """RFC 9470 section 5."""

    error = "unmet_authentication_requirements"


class TooManyRequests(Refusal):
    error = "temporarily_unavailable"
    status = 429


class TemporarilyUnavailable(Refusal):
    error = "temporarily_unavailable"
    status = 503
