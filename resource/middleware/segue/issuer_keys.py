"""The issuer's verification keys: found through its metadata (RFC 8414), kept for a while, never doubted in favour."""

import asyncio
import logging
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from segue import clock as machine
from segue import forked
from segue.clock import Clock
from segue.fetch import Fetch, fetch_url
from segue.issuer_documents import read_document, read_metadata
from segue.jose import Malformed, import_p256
from segue.target_uri import is_protected, require_identifier

FRESH = 300
"""Seconds until the keys are read again; so long a withdrawn key is trusted at most while the issuer answers."""
STALE = 600
"""Seconds for which keys are used while the issuer does not answer; its tokens live 300."""
PAUSE = 10
"""Seconds between two attempts to read the keys, whatever unknown `kid`s are asked for."""
MAX_KEYS = 32

_log = logging.getLogger("segue")


class KeysUnavailable(Exception):
    """The issuer's keys cannot be had now, so nobody can say whether a token is good."""


class UnknownKey(Exception):
    """The issuer has no such key."""


class Keys(Protocol):
    """Where a verifier finds the issuer's keys."""

    async def key(self, kid: str) -> EllipticCurvePublicKey:
        """The key of that name: the same object for as long as it is the same key.

        Raises `UnknownKey` and `KeysUnavailable`.
        """
        ...


class IssuerKeys:
    """The keys at `jwks_uri` of the issuer's metadata, read when first needed, one reader at a time."""

    def __init__(self, issuer: str, *, fetch: Fetch = fetch_url, clock: Clock = machine.now) -> None:
        require_identifier(issuer, what="issuer")
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, EllipticCurvePublicKey] = {}
        self._loaded_at: int | None = None
        self._tried_at: int | None = None
        self._failing = False
        self.begin_anew()
        forked.watch(self)

    def begin_anew(self) -> None:
        """In a process that was forked: whoever was reading there reads for another."""
        self._reading = asyncio.Lock()

    def known(self, kid: str) -> EllipticCurvePublicKey | None:
        """The key of that name, if it was read just now; may be asked by any thread."""
        return self._keys.get(kid) if _within(self._loaded_at, FRESH, self._clock) else None

    async def key(self, kid: str) -> EllipticCurvePublicKey:
        """The key of that name. Raises `UnknownKey` and `KeysUnavailable`."""
        if self._loaded_at is not None and kid in self._keys and 0 <= self._clock() - self._loaded_at < FRESH:
            return self._keys[kid]
        if not self._has(kid, younger_than=STALE if self._reading.locked() else FRESH):
            async with self._reading:
                if not _within(self._tried_at, PAUSE, self._clock):
                    await self._read()
        if self._has(kid, younger_than=STALE):
            return self._keys[kid]
        if self._failing:
            raise KeysUnavailable("the issuer's keys cannot be read")
        raise UnknownKey("the issuer has no such key")

    def _has(self, kid: str, *, younger_than: int) -> bool:
        return kid in self._keys and _within(self._loaded_at, younger_than, self._clock)

    async def _read(self) -> None:
        try:
            keys = await self._load()
        except Exception as failure:  # whatever an integrator's fetch raises, the keys cannot be had
            _log.warning("the issuer's keys cannot be read: %s: %s", type(failure).__name__, failure)
            self._failing, self._tried_at = True, self._clock()
            return
        kept = {kid: old for kid, old in self._keys.items() if kid in keys and old == keys[kid]}
        self._failing, self._keys = False, keys | kept
        self._loaded_at = self._tried_at = self._clock()

    async def _load(self) -> dict[str, EllipticCurvePublicKey]:
        jwks_uri = (await read_metadata(self._issuer, fetch=self._fetch)).get("jwks_uri")
        if not isinstance(jwks_uri, str) or not is_protected(jwks_uri):
            raise Malformed("jwks_uri is missing or not https")
        return _read_jwks(await read_document(jwks_uri, fetch=self._fetch))


def _read_jwks(document: dict[str, Any]) -> dict[str, EllipticCurvePublicKey]:
    """The ES256 signature keys by `kid`. Others are passed over (RFC 7517 section 5)."""
    jwks = document.get("keys")
    if not isinstance(jwks, list) or len(jwks) > MAX_KEYS:
        raise Malformed("the key set has no list of keys, or a very long one")
    keys: dict[str, EllipticCurvePublicKey] = {}
    for jwk in jwks:
        if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or jwk.get("alg", "ES256") != "ES256":
            continue
        kid = jwk.get("kid")
        try:
            key = import_p256(jwk)
        except Malformed:
            continue
        if not isinstance(kid, str) or kid in keys:
            raise Malformed("a key has no kid of its own")
        keys[kid] = key
    if not keys:
        raise Malformed("the key set has no ES256 key")
    return keys


def _within(since: int | None, seconds: int, clock: Clock) -> bool:
    """Whether it was in the last `seconds`. A clock set back makes nothing younger."""
    return since is not None and 0 <= clock() - since < seconds
