"""Attestation of a device: a trusted attester vouches for the key that the device proves.

OAuth 2.0 Attestation-Based Client Authentication (draft-ietf-oauth-attestation-based-client-auth, after -09), as an
additional signal beside client authentication, in the mode that combines it with DPoP: the attested key is the key of
the proof, to which the task is bound. A proof of possession by another key (`OAuth-Client-Attestation-PoP`) would say
nothing of that key and is refused.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jwt
from segue.jose import thumbprint
from segue_storage.setting import BadSetting

from segue_authz.client_auth.assertion import ALGORITHMS, LEEWAY, read, registered_key
from segue_authz.domain.client import Client
from segue_authz.domain.refusal import Refusal

HEADER, POP_HEADER = "oauth-client-attestation", "oauth-client-attestation-pop"
TYPE = "oauth-client-attestation+jwt"
LONGEST = 30 * 86_400
"""Seconds for which an attestation may still be good; what an attester says of a device ages."""
POP_METHODS = ["dpop_combined", "none"]


class InvalidClientAttestation(Refusal):
    """Section 6.4 of the draft."""

    error = "invalid_client_attestation"


class UseFreshAttestation(Refusal):
    """Section 6.4 of the draft."""

    error = "use_fresh_attestation"


@dataclass(frozen=True)
class Attester:
    """Whose word counts, by its public `keys`, for devices that run one of the `clients`."""

    name: str
    keys: tuple[dict[str, Any], ...]
    clients: frozenset[str]


class Attesters:
    def __init__(self, attesters: Sequence[Attester]) -> None:
        self._attesters = attesters

    def __bool__(self) -> bool:
        return bool(self._attesters)

    def trusts(self, name: str, client_id: str) -> bool:
        """Whether that attester's word counts now for devices of the client."""
        return any(each.name == name and client_id in each.clients for each in self._attesters)

    def verify(self, headers: Mapping[str, Sequence[str]], client: Client, *, jkt: str, now: int) -> str | None:
        """Who vouches for the device with that key; None if the request shows no attestation or none counts here.

        Raises `InvalidClientAttestation` and `UseFreshAttestation`: what is shown has to be good.
        """
        shown = headers[HEADER]
        if not self._attesters or (not shown and not headers[POP_HEADER]):
            return None
        if len(shown) != 1 or headers[POP_HEADER]:
            raise InvalidClientAttestation("one attestation is shown, with the DPoP proof as its proof of possession")
        claims, name = self._read(shown[0], client)
        fault = _fault(claims, client, jkt=jkt, now=now)
        if fault:
            raise _invalid(fault)
        if not now - LEEWAY < claims["exp"] <= now + LONGEST:
            raise UseFreshAttestation("the attestation has expired, or is for too long")
        return name

    def _read(self, text: str, client: Client) -> tuple[dict[str, Any], str]:
        """The claims, and the attester that signed them. Raises `InvalidClientAttestation`."""
        try:
            header, claims = read(text)
        except ValueError as malformed:
            raise _invalid(str(malformed)) from malformed
        if header.get("typ") != TYPE:
            raise _invalid("typ is another")
        for attester in self._attesters:
            if client.client_id not in attester.clients:
                continue
            try:
                key = registered_key(header, replace(client, jwks=attester.keys))
                jwt.PyJWS().decode(text, key, algorithms=list(ALGORITHMS))
            except (jwt.PyJWTError, ValueError):
                continue
            return claims, attester.name
        raise _invalid("no attester of that client has signed it")


def _fault(claims: dict[str, Any], client: Client, *, jkt: str, now: int) -> str | None:
    begins, confirmed = claims.get("iat", now), claims.get("cnf")
    if claims.get("sub") != client.client_id:
        return "it is for another client"
    if type(claims.get("exp")) is not int or type(begins) is not int or begins > now + LEEWAY:
        return "it does not say when it ends, or has not begun"
    jwk = confirmed.get("jwk") if isinstance(confirmed, dict) else None
    try:
        if not isinstance(jwk, dict) or "d" in jwk or thumbprint(jwk) != jkt:
            return "it is for another key"
    except (ValueError, KeyError, TypeError):
        return "its key is none of ours"
    return None


def _invalid(because: str) -> InvalidClientAttestation:
    return InvalidClientAttestation("the client attestation is not valid", because=because)


def read_attesters(file: Path | None) -> Attesters:
    """The attesters that a JSON file names, `{name: {"jwks": …, "clients": […]}}`. Raises `BadSetting`."""
    if file is None:
        return Attesters([])
    try:
        content = json.loads(file.read_bytes())
        return Attesters([_attester(name, entry) for name, entry in content.items()])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as wrong:
        raise BadSetting(f"SEGUE_AUTHZ_ATTESTERS is {file}, which names no attesters: {wrong}") from wrong


def _attester(name: str, entry: dict[str, Any]) -> Attester:
    keys, clients = entry["jwks"]["keys"], entry["clients"]
    if not name or not keys or not clients or not all(isinstance(each, str) for each in clients):
        raise ValueError(f"{name or 'an attester'} needs jwks and clients")
    for key in keys:
        if "d" in key or jwt.PyJWK(key).algorithm_name not in ALGORITHMS:
            raise ValueError(f"keys are public ones for {', '.join(ALGORITHMS)}")
    return Attester(name, tuple(keys), frozenset(clients))
