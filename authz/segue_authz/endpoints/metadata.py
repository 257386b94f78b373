"""Metadata (RFC 8414) and keys (RFC 7517): what this server is, and nothing it is not."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from segue_authz.client_auth.assertion import ALGORITHMS
from segue_authz.client_auth.attestation import POP_METHODS
from segue_authz.domain.backchannel import DELIVERY_MODES
from segue_authz.domain.client import SERVICES, Method
from segue_authz.endpoints.operation import URI, Members, Schema, operation
from segue_authz.endpoints.reauthentication import ACRS, PROMPTS
from segue_authz.endpoints.services import Services
from segue_authz.pages.language import LANGUAGES
from segue_authz.settings import Registering
from segue_authz.tokens.id_token import ALGORITHM as ID_TOKEN_ALGORITHM

_CACHE = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}

_WORDS: Schema = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_TOLD: Members = {
    **dict.fromkeys(
        (
            *("issuer", "authorization_endpoint", "pushed_authorization_request_endpoint", "token_endpoint"),
            *("device_authorization_endpoint", "revocation_endpoint", "introspection_endpoint", "jwks_uri"),
            *("withdrawal_endpoint", "transfer_endpoint", "transfer_claim_endpoint"),
            *("backchannel_authentication_endpoint", "status_list_aggregation_endpoint"),
        ),
        URI,
    ),
    "registration_endpoint?": URI,
    "client_attestation_signing_alg_values_supported?": _WORDS,
    "client_attestation_pop_methods_supported?": _WORDS,
    **dict.fromkeys(
        (
            *("response_types_supported", "response_modes_supported", "grant_types_supported"),
            *("scopes_supported", "acr_values_supported", "prompt_values_supported", "ui_locales_supported"),
            *("code_challenge_methods_supported", "dpop_signing_alg_values_supported"),
            *("authorization_details_types_supported", "introspection_signing_alg_values_supported"),
            "request_object_signing_alg_values_supported",
            *(f"{name}_endpoint_auth_methods_supported" for name in ("token", "revocation", "introspection")),
            *(
                f"{name}_endpoint_auth_signing_alg_values_supported"
                for name in ("token", "revocation", "introspection")
            ),
        ),
        _WORDS,
    ),
    "authorization_response_iss_parameter_supported": {"const": True},
    "client_id_metadata_document_supported": {"type": "boolean"},
    "backchannel_token_delivery_modes_supported": _WORDS,
    "backchannel_user_code_parameter_supported": {"const": True},
    "id_token_signing_alg_values_supported": _WORDS,
    "subject_types_supported": _WORDS,
    "require_pushed_authorization_requests": {"type": "boolean"},
    "request_parameter_supported": {"const": True},
    "request_uri_parameter_supported": {"const": False, "description": "Those of pushed requests alone are taken."},
}


@operation("What this server is (RFC 8414)", answers={200: _TOLD})
async def metadata(services: Services, _: Request) -> Response:
    return JSONResponse(document(services), headers=_CACHE)


@operation("Its keys (RFC 7517)", answers={200: {"keys": {"type": "array", "items": {"type": "object"}}}})
async def jwks(services: Services, _: Request) -> Response:
    return JSONResponse(services.keys.jwks(), headers=_CACHE)


def document(services: Services) -> dict[str, Any]:
    """RFC 8414 section 2, with members of RFC 9101, 9126, 9207, 9396, 9449 and 9701, and our own endpoints."""
    issuer = services.settings.issuer
    methods = [method.value for method in Method if method in services.settings.profile.methods]
    registering = services.settings.registration is not Registering.OFF
    attested = {"client_attestation_signing_alg_values_supported": list(ALGORITHMS)}
    attested |= {"client_attestation_pop_methods_supported": POP_METHODS}
    return {
        "issuer": issuer,
        **(attested if services.attesters else {}),
        **({"registration_endpoint": f"{issuer}/register"} if registering else {}),
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
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_signing_alg_values_supported": ["ES256"],
        "scopes_supported": sorted({*SERVICES, "openid"}),
        "acr_values_supported": list(ACRS),
        "prompt_values_supported": list(PROMPTS),
        "ui_locales_supported": [language.tag for language in LANGUAGES],
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_details_types_supported": ["task"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": bool(services.settings.client_documents),
        "backchannel_authentication_endpoint": f"{issuer}/backchannel_authentication",
        "backchannel_token_delivery_modes_supported": sorted(DELIVERY_MODES),
        "backchannel_user_code_parameter_supported": True,
        "id_token_signing_alg_values_supported": [ID_TOKEN_ALGORITHM],
        "subject_types_supported": ["public"],
        "require_pushed_authorization_requests": services.settings.profile.pushed_alone,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": False,
        "request_object_signing_alg_values_supported": list(ALGORITHMS),
        "withdrawal_endpoint": f"{issuer}/withdrawals",
        "status_list_aggregation_endpoint": f"{issuer}/status",
        "transfer_endpoint": f"{issuer}/transfer",
        "transfer_claim_endpoint": f"{issuer}/transfer/claim",
    }
