"""The one routine that makes task tokens (RFC 9068, RFC 9396, RFC 9449; specs/protocol.md section 4)."""

from dataclasses import dataclass
from typing import Any

from segue.jose import sign

from segue_authz.domain.grant import Grant
from segue_authz.domain.identifier import Random, secret
from segue_authz.domain.refusal import InvalidTarget
from segue_authz.stores.port import Issued
from segue_authz.tokens.derivation import Derivation
from segue_authz.tokens.signing_keys import SigningKeys
from segue_authz.tokens.status_list import Places

ACCESS_TOKEN_LIFETIME = 300
"""Seconds at most; also the longest a withdrawn token can be honoured by a resource server that hears no signal."""


@dataclass(frozen=True)
class Introduction:
    """A task's name, and whose task it is: their name and their subject."""

    name: str
    owner: str
    owner_subject: str


class Mint:
    """Turns a grant that was found in good standing into the answer of the token endpoint."""

    def __init__(
        self, *, issuer: str, audiences: tuple[str, ...], keys: SigningKeys, derivation: Derivation, random: Random
    ) -> None:
        self._issuer = issuer
        self._audiences = audiences
        self._keys = keys
        self._derivation = derivation
        self._random = random
        self._places = Places(issuer=issuer, derivation=derivation)

    def audience(self, resource: str | None) -> str:
        """The audience a `resource` parameter names; the first one by default (RFC 8707). Raises `InvalidTarget`."""
        if resource is None:
            return self._audiences[0]
        if resource not in self._audiences:
            raise InvalidTarget("resource does not name a resource server of this authorization server")
        return resource

    def answer(
        self, issued: Issued, *, audience: str, lifetime: int, now: int, task: Introduction | None = None
    ) -> dict[str, Any]:
        """RFC 6749 section 5.1, RFC 9396 section 7; `task` is told to who meets it first.

        What came of an exchange is not refreshed: it is exchanged anew (RFC 8693 section 2.2.1).
        """
        detail = _detail(issued)
        told = detail
        if task is not None:
            told = detail | {"name": task.name, "owner": {"sub": task.owner_subject, "name": task.owner}}
        token = {
            "access_token": self._task_token(
                issued.grant, detail, audience=audience, expires_at=now + lifetime, now=now
            ),
            "token_type": "DPoP",
            "expires_in": lifetime,
            "authorization_details": [told],
        }
        if issued.grant.parent_grant_id is not None:
            return token | {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}
        return token | {"refresh_token": self._derivation.refresh_token(issued.grant.grant_id, issued.grant.generation)}

    def service_answer(self, client_id: str, services: frozenset[str], *, jkt: str, now: int) -> dict[str, Any]:
        """A token for this server by the client itself; it has nothing that a task token must have."""
        scope = " ".join(sorted(services))
        claims = {
            "iss": self._issuer,
            "sub": client_id,
            "aud": self._issuer,
            "client_id": client_id,
            "iat": now,
            "exp": now + ACCESS_TOKEN_LIFETIME,
            "jti": secret(self._random, 16),
            "cnf": {"jkt": jkt},
            "scope": scope,
        }
        answer = {"token_type": "DPoP", "expires_in": ACCESS_TOKEN_LIFETIME, "scope": scope}
        return {"access_token": self._signed(claims)} | answer

    def _task_token(self, grant: Grant, detail: dict[str, Any], *, audience: str, expires_at: int, now: int) -> str:
        claims = {
            "iss": self._issuer,
            "sub": grant.subject,
            "aud": audience,
            "client_id": grant.client_id,
            "iat": now,
            "exp": expires_at,
            "jti": secret(self._random, 16),
            "cnf": {"jkt": grant.jkt},
            "auth_time": grant.authentication.auth_time,
            "acr": grant.authentication.acr,
            "device_id": grant.device_id,
            "grant_id": grant.grant_id,
            "authorization_details": [detail],
            "status": self._places.claim(grant.status_index),
            **_act(grant.actors),
        }
        return self._signed(claims)

    def _signed(self, claims: dict[str, Any]) -> str:
        key = self._keys.current
        return sign({"typ": "at+jwt", "kid": key.kid}, claims, key.private_key)


def _act(actors: tuple[str, ...]) -> dict[str, Any]:
    """The claim `act`: who acts now, and inside of it who did before (RFC 8693 section 4.1)."""
    if not actors:
        return {}
    return {"act": {"sub": actors[0], **_act(actors[1:])}}


def _detail(issued: Issued) -> dict[str, Any]:
    grant = issued.grant
    detail = {"type": "task", "task_id": grant.task_id, "actions": sorted(issued.actions), "epoch": grant.epoch}
    return detail if grant.transfer_id is None else detail | {"transfer_id": grant.transfer_id}
