"""Metadata (RFC 8414) and keys (RFC 7517): what this server is, and nothing it is not."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from segue_authz.client_auth.assertion import ALGORITHMS
from segue_authz.domain.client import Method
from segue_authz.endpoints.operation import URI, Members, Schema, operation
from segue_authz.endpoints.services import Services

_METHODS = [method.value for method in Method]
_CACHE = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}

_WORDS: Schema = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_TOLD: Members = {
    **dict.fromkeys(
        (
            *("issuer", "authorization_endpoint", "pushed_authorization_request_endpoint", "token_endpoint"),
            *("device_authorization_endpoint", "revocation_endpoint", "introspection_endpoint", "jwks_uri"),
            *("withdrawal_endpoint", "transfer_endpoint", "transfer_claim_endpoint"),
        ),
        URI,
    ),
    **dict.fromkeys(
        (
            *("response_types_supported", "response_modes_supported", "grant_types_supported"),
            *("code_challenge_methods_supported", "dpop_signing_alg_values_supported"),
            *("authorization_details_types_supported", "introspection_signing_alg_values_supported"),
            *(f"{name}_endpoint_auth_methods_supported" for name in ("token", "revocation", "introspection")),
            *(
                f"{name}_endpoint_auth_signing_alg_values_supported"
                for name in ("token", "revocation", "introspection")
            ),
        ),
        _WORDS,
    ),
    "authorization_response_iss_parameter_supported": {"const": True},
}


@operation("What this server is (RFC 8414)", answers={200: _TOLD})
async def metadata(services: Services, _: Request) -> Response:
    return JSONResponse(document(services), headers=_CACHE)


@operation("Its keys (RFC 7517)", answers={200: {"keys": {"type": "array", "items": {"type": "object"}}}})
async def jwks(services: Services, _: Request) -> Response:
    return JSONResponse(services.keys.jwks(), headers=_CACHE)


def document(services: Services) -> dict[str, Any]:
    """RFC 8414 section 2, with members of RFC 9126, RFC 9207, RFC 9396, RFC 9449, RFC 9701, and our own endpoints."""
    issuer = services.settings.issuer
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "token_endpoint": f"{issuer}/token",
        "device_authorization_endpoint": f"{issuer}/device_authorization",
        "revocation_endpoint": f"{issuer}/revoke",
        "jwks_uri": f"{issuer}/jwks",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": sorted(services.grant_types),
        "introspection_endpoint": f"{issuer}/introspect",
        "token_endpoint_auth_methods_supported": _METHODS,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": _METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": _METHODS,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_signing_alg_values_supported": ["ES256"],
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_details_types_supported": ["task"],
        "authorization_response_iss_parameter_supported": True,
        "withdrawal_endpoint": f"{issuer}/withdrawals",
        "transfer_endpoint": f"{issuer}/transfer",
        "transfer_claim_endpoint": f"{issuer}/transfer/claim",
    }
