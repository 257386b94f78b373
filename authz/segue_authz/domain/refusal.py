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


class InvalidGrant(Refusal):
    error = "invalid_grant"


class UnauthorizedClient(Refusal):
    error = "unauthorized_client"


class UnsupportedGrantType(Refusal):
    error = "unsupported_grant_type"


class UnsupportedTokenType(Refusal):
    """RFC 7009 section 2.2.1."""

    error = "unsupported_token_type"


class InvalidTarget(Refusal):
    """RFC 8707 section 2."""

    error = "invalid_target"


class InvalidAuthorizationDetails(Refusal):
    """RFC 9396 section 5."""

    error = "invalid_authorization_details"


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


class TooManyRequests(Refusal):
    error = "temporarily_unavailable"
    status = 429


class TemporarilyUnavailable(Refusal):
    error = "temporarily_unavailable"
    status = 503
