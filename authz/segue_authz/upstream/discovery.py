"""What a provider publishes of itself: its addresses (OpenID Connect Discovery 1.0 section 4) and its keys.

Read when somebody signs in there, kept for an hour, and never believed about another issuer. A key that is not known
may be a new one, so the keys are read again then (Core section 10.1.1), once in a while and not at everybody's call.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from segue.clock import Clock
from segue.jose import Malformed, decode_json

from segue_authz.outbound import NotReached
from segue_authz.upstream.provider import Provider
from segue_authz.upstream.reach import Reach
from segue_authz.upstream.signed import Jwk, NoSuchKey, NotBelieved, Token, read_keys, verified

LIFETIME = 3_600
REFETCH = 60
"""Seconds between two readings of the keys for the sake of one that is not known."""
PAUSE = 5
"""Seconds for which a provider that has not answered is not asked again."""

T = TypeVar("T")


@dataclass(frozen=True)
class Metadata:
    """The addresses are ones that this server, or a browser, may be sent to. `sends_iss`: RFC 9207 section 3."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None
    sends_iss: bool
    auth_methods: tuple[str, ...]
    auth_algorithms: tuple[str, ...]


def read_metadata(content: bytes, *, issuer: str, may: Callable[[str], bool]) -> Metadata:
    """The document of that very issuer. Raises `NotBelieved`."""
    try:
        document = decode_json(content)
    except Malformed as malformed:
        raise NotBelieved("the metadata is no JSON") from malformed
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        raise NotBelieved("the metadata is of another issuer")

    def endpoint(name: str) -> str:
        url = document.get(name)
        if not isinstance(url, str) or not may(url):
            raise NotBelieved(f"{name} is no acceptable address")
        return url

    end = document.get("end_session_endpoint")
    methods = "token_endpoint_auth_methods_supported", "token_endpoint_auth_signing_alg_values_supported"
    return Metadata(
        authorization_endpoint=endpoint("authorization_endpoint"),
        token_endpoint=endpoint("token_endpoint"),
        jwks_uri=endpoint("jwks_uri"),
        end_session_endpoint=end if isinstance(end, str) and may(end) else None,
        sends_iss=document.get("authorization_response_iss_parameter_supported") is True,
        auth_methods=_texts(document.get(methods[0])),
        auth_algorithms=_texts(document.get(methods[1])),
    )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


@dataclass
class _Kept:
    """What was read last, and when; and when nothing could be read."""

    metadata: tuple[Metadata, int] | None = None
    keys: tuple[tuple[Jwk, ...], int] | None = None
    failed_at: int | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Discovery:
    """For each provider in each process. Several people who sign in at once make one request."""

    def __init__(self, reach: Mapping[str, Reach], clock: Clock) -> None:
        """`reach`: the way to each provider, by its name."""
        self._reach = reach
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    async def metadata(self, provider: Provider) -> Metadata:
        """Raises `NotReached` and `NotBelieved`."""
        kept = self._of(provider)
        async with kept.reading:
            if kept.metadata is None or self._clock() - kept.metadata[1] >= LIFETIME:
                url = provider.issuer.removesuffix("/") + "/.well-known/openid-configuration"

                def read(content: bytes) -> Metadata:
                    return read_metadata(content, issuer=provider.issuer, may=self._reach[provider.name].may)

                kept.metadata = await self._fetch(provider, url, read), self._clock()
            return kept.metadata[0]

    async def signed(self, provider: Provider, text: str) -> Token:
        """What the provider has signed. Raises `NotReached` and `NotBelieved`."""
        keys, read_at = await self._keys(provider, newer_than=None)
        try:
            return verified(text, keys)
        except NoSuchKey:
            if self._clock() - read_at < REFETCH:
                raise
            return verified(text, (await self._keys(provider, newer_than=read_at))[0])

    async def _keys(self, provider: Provider, *, newer_than: int | None) -> tuple[tuple[Jwk, ...], int]:
        jwks_uri, kept = (await self.metadata(provider)).jwks_uri, self._of(provider)
        async with kept.reading:
            old = kept.keys
            if old is None or self._clock() - old[1] >= LIFETIME or old[1] == newer_than:
                kept.keys = old = await self._fetch(provider, jwks_uri, read_keys), self._clock()
            return old

    async def _fetch(self, provider: Provider, url: str, read: Callable[[bytes], T]) -> T:
        kept = self._of(provider)
        if kept.failed_at is not None and 0 <= self._clock() - kept.failed_at < PAUSE:
            raise NotReached("it did not answer a moment ago")
        try:
            found = read(await self._reach[provider.name].get(url))
        except (NotReached, NotBelieved):
            kept.failed_at = self._clock()
            raise
        kept.failed_at = None
        return found

    def _of(self, provider: Provider) -> _Kept:
        return self._kept.setdefault(provider.name, _Kept())
