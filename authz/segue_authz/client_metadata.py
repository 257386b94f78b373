"""What a client says of itself, by registration or in a document, and what of it is believed (RFC 7591 section 2).

Nothing that it names is fetched: no logo, no key set, no page. Members that mean nothing here are passed over, as
section 2 wants; those that would promise a protection that this server does not give are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from segue.authority import ACTIONS

from segue_authz.domain.client import SELF_SERVICE, Method, acceptable_uri
from segue_authz.domain.policy import RESERVED
from segue_authz.domain.refusal import Refusal
from segue_authz.enrolment import NotAcceptable, require_public
from segue_authz.pages.names import display_name

SELF_SERVICE_ACTIONS = ACTIONS - RESERVED
"""What a client may ask for before anybody has looked at it: nothing that starts a transfer (XD-META-04) or erases."""
_MOST = 10
_LONGEST = 2_000


class InvalidClientMetadata(Refusal):
    """RFC 7591 section 3.2.2."""

    error = "invalid_client_metadata"


class InvalidRedirectURI(Refusal):
    """RFC 7591 section 3.2.2."""

    error = "invalid_redirect_uri"


class UnapprovedSoftwareStatement(Refusal):
    """RFC 7591 section 3.2.2: nobody who makes such statements is known here."""

    error = "unapproved_software_statement"


@dataclass(frozen=True)
class Described:
    """What is left of it once it has been checked."""

    name: str
    redirect_uris: tuple[str, ...]
    method: Method
    jwks: tuple[dict[str, Any], ...]
    require_signed_request_object: bool

    def told(self) -> dict[str, Any]:
        """The members that hold, for the answer to a registration (section 3.2.1)."""
        return {
            "client_name": self.name,
            "redirect_uris": list(self.redirect_uris),
            "grant_types": sorted(SELF_SERVICE),
            "response_types": ["code"],
            "token_endpoint_auth_method": self.method.value,
            "authorization_details_types": ["task"],
            "dpop_bound_access_tokens": True,
            "require_signed_request_object": self.require_signed_request_object,
            **({"jwks": {"keys": list(self.jwks)}} if self.jwks else {}),
        }


def read(metadata: Any) -> Described:
    """Raises `InvalidClientMetadata`, `InvalidRedirectURI` and `UnapprovedSoftwareStatement`."""
    if not isinstance(metadata, dict):
        raise InvalidClientMetadata("the metadata must be a JSON object")
    _refuse_what_would_not_hold(metadata)
    redirect_uris = _redirect_uris(metadata.get("redirect_uris"))
    _subset(metadata, "grant_types", SELF_SERVICE, needed="authorization_code")
    _subset(metadata, "response_types", {"code"}, needed="code")
    _subset(metadata, "authorization_details_types", {"task"}, needed="task")
    method, jwks = _method(metadata), _jwks(metadata.get("jwks"))
    signs = _flag(metadata, "require_signed_request_object")
    if (method is Method.PRIVATE_KEY_JWT or signs) and not jwks:
        raise InvalidClientMetadata("a client that signs needs jwks")
    name = _name(metadata, instead=urlsplit(redirect_uris[0]).hostname or "")
    return Described(name, redirect_uris, method, jwks, signs)


def _refuse_what_would_not_hold(metadata: Mapping[str, Any]) -> None:
    if "software_statement" in metadata:
        raise UnapprovedSoftwareStatement("no publisher of software statements is trusted here")
    if "jwks_uri" in metadata:
        raise InvalidClientMetadata("jwks_uri is not fetched; keys come as jwks")
    if metadata.get("dpop_bound_access_tokens", True) is not True:
        raise InvalidClientMetadata("every token of this server is bound to a key (DPoP)")
    for name in ("require_pushed_authorization_requests", "tls_client_certificate_bound_access_tokens"):
        if metadata.get(name, False) is not False:
            raise InvalidClientMetadata(f"{name} is not offered")
    if "backchannel_token_delivery_mode" in metadata:
        raise InvalidClientMetadata("a client that nobody has reviewed cannot ask by the backchannel")


def _redirect_uris(value: Any) -> tuple[str, ...]:
    """Addresses for exact comparison."""
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST:
        raise InvalidRedirectURI(f"redirect_uris must hold 1 to {_MOST} addresses")
    for uri in value:
        if not isinstance(uri, str) or len(uri) > _LONGEST or not acceptable_uri(uri):
            raise InvalidRedirectURI("a redirect URI is neither https nor a loopback address, or has a fragment")
    return tuple(dict.fromkeys(value))


def _subset(metadata: Mapping[str, Any], name: str, offered: set[str] | frozenset[str], *, needed: str) -> None:
    if name not in metadata:
        return
    value = metadata[name]
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidClientMetadata(f"{name} must be a list of strings")
    if needed not in value or not set(value) <= offered:
        raise InvalidClientMetadata(f"of {name} a client that registers itself gets {', '.join(sorted(offered))}")


def _method(metadata: Mapping[str, Any]) -> Method:
    """Section 2: who does not say how it authenticates does so by a secret."""
    try:
        return Method(metadata.get("token_endpoint_auth_method", Method.CLIENT_SECRET_BASIC))
    except ValueError as unknown:
        offered = ", ".join(method.value for method in Method)
        raise InvalidClientMetadata(f"token_endpoint_auth_method is one of {offered}") from unknown


def _jwks(value: Any) -> tuple[dict[str, Any], ...]:
    if value is None:
        return ()
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= _MOST or not all(isinstance(key, dict) for key in keys):
        raise InvalidClientMetadata(f"jwks must be a JWK set of 1 to {_MOST} keys")
    try:
        for key in keys:
            require_public(key)
    except NotAcceptable as wrong:
        raise InvalidClientMetadata("a key of jwks is not a public one for signatures", because=str(wrong)) from wrong
    return tuple(keys)


def _flag(metadata: Mapping[str, Any], name: str) -> bool:
    value = metadata.get(name, False)
    if not isinstance(value, bool):
        raise InvalidClientMetadata(f"{name} must be true or false")
    return value


def _name(metadata: Mapping[str, Any], *, instead: str) -> str:
    """A name that people can read as it is; one that would have to be shown with a warning is not taken."""
    value = metadata.get("client_name", instead)
    shown = display_name(value) if isinstance(value, str) else None
    if shown is None or shown.notes or shown.text != value or not value:
        raise InvalidClientMetadata("client_name must be 1 to 64 visible characters of one alphabet")
    return str(value)
