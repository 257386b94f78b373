"""Clients whose identifier is the address of a document in which they describe themselves.

OAuth Client ID Metadata Document (draft-ietf-oauth-client-id-metadata-document), as MCP's authorization uses it. The
document is read when a person is about to be asked, and again once the copy is too old; a client without one that can
be read asks nobody. What it says is the word of its host and of nobody else, so the client is not verified.
"""

import logging
import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from segue.clock import Clock
from segue.strict_json import Malformed, decode_json

from segue_authz.client_metadata import SELF_SERVICE_ACTIONS, InvalidClientMetadata, read
from segue_authz.domain.client import SELF_SERVICE, Client, Origin, acceptable_uri
from segue_authz.outbound import Answer, NotReached, Outbound, acceptable
from segue_authz.stores.clients import Clients

_LOG = logging.getLogger("segue_authz")
ANY_HOST = "any"
MAX_BYTES = 5_120
"""As much as section 6.6 of the draft recommends."""
_LEAST, _DEFAULT, _MOST = 300, 3_600, 86_400
"""Seconds for which a copy is used: bounds, and what holds when the host says nothing."""
_LONGEST = 500
_DOTS = re.compile(r"(?:\.|%2e){1,2}", re.ASCII | re.IGNORECASE)
_MAX_AGE = re.compile(r"max-age=\"?(\d{1,9})\"?", re.ASCII)


class ClientDocuments:
    """`hosts` are those whose documents are read, or `any`; without one there is nothing to read."""

    def __init__(self, clients: Clients, outbound: Outbound, *, hosts: tuple[str, ...], clock: Clock) -> None:
        self._clients = clients
        self._outbound = outbound
        self._hosts = hosts
        self._clock = clock

    def names(self, client_id: str) -> bool:
        """Whether the identifier is the address of a document that may be read (section 3)."""
        if not self._hosts or len(client_id) > _LONGEST or not acceptable(client_id):
            return False
        parts = urlsplit(client_id)
        if not parts.path.strip("/") or parts.query or "?" in client_id:
            return False
        if any(_DOTS.fullmatch(segment) for segment in parts.path.split("/")):
            return False
        return ANY_HOST in self._hosts or parts.hostname in self._hosts

    async def is_current(self, client_id: str) -> bool:
        """Whether there is a copy that need not be read again. One that an operator ended is never read again."""
        copy = await self._clients.copy(client_id)
        return copy is not None and (copy.ended or copy.client.origin is not Origin.DOCUMENT or self._fresh(copy.until))

    async def read(self, client_id: str) -> None:
        """Keep what the document says now. Raises `NotReached` and what `client_metadata.read` raises."""
        answer = await self._outbound.get(client_id, most=MAX_BYTES)
        client = _client(client_id, _json(answer))
        before = await self._clients.copy(client_id)
        if before is not None:
            client = _as_reviewed(client, before.client)
        await self._clients.keep(client, until=self._clock() + _lifetime(answer))
        _LOG.info("the document of client %s was read", client_id)

    def _fresh(self, until: int) -> bool:
        return self._clock() < until


def _json(answer: Answer) -> Any:
    """Section 4.1. Raises `NotReached`."""
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status != 200:
        raise NotReached(f"the document is not there: status {answer.status}")
    if media_type != "application/json" and not re.fullmatch(r"application/[\w.-]+\+json", media_type, re.ASCII):
        raise NotReached("the document is not JSON by its media type")
    try:
        return decode_json(answer.content, max_bytes=MAX_BYTES)
    except Malformed as malformed:
        raise NotReached("the document is not JSON") from malformed


def _client(client_id: str, document: Any) -> Client:
    """Raises what `read` raises. The document is for all servers there are: what it offers beyond us is passed over."""
    if not isinstance(document, dict) or document.get("client_id") != client_id:
        raise InvalidClientMetadata("the document is another client's")
    if {"client_secret", "client_secret_expires_at"} & document.keys():
        raise InvalidClientMetadata("a document that everybody can read holds no secret")
    if document.get("token_endpoint_auth_method", "none") != "none":
        raise InvalidClientMetadata("a client that is known by its document is a public one here")
    host = urlsplit(client_id).hostname or ""
    metadata = {
        name: value for name, value in document.items() if name not in ("jwks_uri", "authorization_details_types")
    }
    metadata |= {"token_endpoint_auth_method": "none", "redirect_uris": _own(document.get("redirect_uris"), host)}
    for name, offered in (("grant_types", SELF_SERVICE), ("response_types", frozenset({"code"}))):
        if isinstance(document.get(name), list):
            metadata[name] = [each for each in document[name] if isinstance(each, str) and each in offered]
    metadata.setdefault("client_name", host)
    described = read(metadata)
    return Client(
        client_id,
        described.name,
        SELF_SERVICE_ACTIONS,
        described.redirect_uris,
        jwks=described.jwks,
        require_signed_request_object=described.require_signed_request_object,
        origin=Origin.DOCUMENT,
    )


def _own(redirect_uris: Any, host: str) -> list[str]:
    """The addresses that are the host's own, or this person's machine: another host never asked for the answers."""
    if not isinstance(redirect_uris, list):
        return []
    good = [uri for uri in redirect_uris if isinstance(uri, str) and acceptable_uri(uri)]
    return [uri for uri in good if urlsplit(uri).scheme == "http" or urlsplit(uri).hostname == host]


def _as_reviewed(client: Client, before: Client) -> Client:
    """A review holds for what was reviewed."""
    seen = ("name", "redirect_uris", "jwks", "require_signed_request_object")
    if any(getattr(client, name) != getattr(before, name) for name in seen):
        return client
    return replace(client, actions=before.actions, reviewed_at=before.reviewed_at)


def _lifetime(answer: Answer) -> int:
    """Seconds for which the host lets a copy be kept, within our bounds (RFC 9111 section 5.2.2)."""
    said = answer.headers.get("cache-control", "").lower()
    if "no-store" in said or "no-cache" in said:
        return _LEAST
    found = _MAX_AGE.search(said)
    return min(max(int(found[1]) if found else _DEFAULT, _LEAST), _MOST)
