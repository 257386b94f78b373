"""The server's half of DPoP: checks a proof whole, and only then uses it up (RFC 9449 sections 4.3, 8 and 9)."""

import functools
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from segue import jose
from segue.bounded import Recent
from segue.clock import Clock
from segue.nonce import Nonces
from segue.refusal import Refused
from segue.replay import CLOCK_STEP, MemoryLost, ReplayMemory
from segue.target_uri import normalise

WINDOW = 60
"""Seconds that `iat` may differ from the server's clock, either way."""
REMEMBERED_KEYS = 4096
LONGEST_REMEMBERED = 512
"""Characters of an address, or of a proof's header; one with nothing but what it needs has about 210."""
REMEMBERED_INCARNATIONS = 3

_own = functools.lru_cache(maxsize=1024)(normalise)


class InvalidDPoPProof(Refused):
    """The proof is not a valid one for this request."""

    error = "invalid_dpop_proof"


class WrongKey(InvalidDPoPProof):
    """The proof is sound, but by another key than the credential is bound to.

    A resource server answers `invalid_token` (RFC 9449 section 7.1), a token endpoint as its grant wants.
    """


class UntimelyProof(InvalidDPoPProof):
    """It was not made just now, by the server's clock: an old one, or one of the two clocks is wrong."""


class ReplayedProof(InvalidDPoPProof):
    """It was used before."""


class UseDPoPNonce(Refused):
    """The proof lacks a current nonce; the answer must carry one in `DPoP-Nonce`. Nothing was used up."""

    error = "use_dpop_nonce"


class Proof(NamedTuple):
    """A proof that was accepted. `iat` in seconds since the epoch."""

    jkt: str
    jti: str
    iat: int


class _Signer(NamedTuple):
    """What the header of a proof says: who signed it (RFC 9449 section 4.2)."""

    header: dict[str, Any]
    key: EllipticCurvePublicKey
    jkt: str


class ProofChecker:
    """Checks the proofs of one server. One call to the memory of uses per accepted proof.

    A device writes the same header again and again, and what a header says depends on its text alone. So the latest
    headers of devices that were let in with a token are read once; every proof's signature is checked.
    """

    def __init__(self, *, replay: ReplayMemory, nonces: Nonces, clock: Clock) -> None:
        self._replay = replay
        self._nonces = nonces
        self._clock = clock
        self._incarnations: tuple[bytes, ...] = ()
        self._asked_at: int | None = None
        self._signers: Recent[str, _Signer] = Recent(REMEMBERED_KEYS)

    async def check(
        self,
        proofs: Sequence[str],
        *,
        htm: str,
        htu: str,
        access_token: str | None = None,
        access_token_digest: bytes | None = None,
        expected_jkt: str | None = None,
    ) -> Proof:
        """Accept a request's proof, once. `proofs` are the values of all its DPoP header fields.

        `htu` is the configured public URL of the endpoint. With `access_token` or its SHA-256, the proof must carry
        that hash; with `expected_jkt`, it must be by that key. Raises `InvalidDPoPProof`, `WrongKey`,
        `UseDPoPNonce`, and `segue.replay.MemoryUnavailable`.
        """
        if len(proofs) != 1:
            raise InvalidDPoPProof("the request needs exactly one DPoP proof")
        now = self._clock()
        header = proofs[0].partition(".")[0]
        known = self._signers.get(header)
        signer, claims = _verified(proofs[0], known or _signer(header))
        jkt = signer.jkt
        proof = Proof(jkt=jkt, jti=_identifier(claims), iat=_fresh(claims, now=now))
        _match_request(claims, htm=htm, htu=htu)
        if access_token is not None:
            access_token_digest = hashlib.sha256(access_token.encode()).digest()
        if access_token_digest is not None:
            _match_token(claims, access_token_digest)
        if expected_jkt is not None and jkt != expected_jkt:
            raise WrongKey("the proof is by another key than the credential is bound to")
        incarnation = await self._accept_nonce(claims.get("nonce"), now=now)
        await self._use_up(proof, now=now, incarnation=incarnation)
        if known is None and expected_jkt is not None and len(header) <= LONGEST_REMEMBERED:
            self._signers.put(header, signer)
        return proof

    async def fresh_nonce(self) -> str:
        """A nonce for the next proof. Raises `segue.replay.MemoryUnavailable`."""
        return self._nonces.issue(self._clock(), await self._known_incarnation())

    async def _accept_nonce(self, nonce: object, *, now: int) -> bytes:
        """The incarnation the nonce belongs to. A remembered one will do: the memory compares it once more.

        So will an earlier one: what the memory has lost since may be nothing that this use rests on.
        """
        if isinstance(nonce, str):
            if self._asked_at is None:
                await self._ask()
            incarnation = self._incarnation_of(nonce, now)
            if incarnation is None and self._asked_at != now:
                await self._ask()
                incarnation = self._incarnation_of(nonce, now)
            if incarnation is not None:
                return incarnation
        raise UseDPoPNonce("the proof needs the server's current nonce")

    def _incarnation_of(self, nonce: str, now: int) -> bytes | None:
        for incarnation in self._incarnations:
            if self._nonces.accepts(nonce, now, incarnation):
                return incarnation
        return None

    async def _use_up(self, proof: Proof, *, now: int, incarnation: bytes) -> None:
        """Keyed on key and `jti`, not on the proof's text: a signature has a second valid form."""
        key = hashlib.sha256(f"{proof.jkt}.{proof.jti}".encode()).hexdigest()
        lifetime = proof.iat + WINDOW - now + 1 + CLOCK_STEP
        try:
            first = await self._replay.first_use(key, lifetime=lifetime, incarnation=incarnation)
        except MemoryLost as lost:
            self._asked_at = None
            raise UseDPoPNonce("the proof needs the server's current nonce", because=str(lost)) from lost
        if not first:
            raise ReplayedProof("the proof was used before")

    async def _known_incarnation(self) -> bytes:
        if self._asked_at is None:
            await self._ask()
        return self._incarnations[0]

    async def _ask(self) -> None:
        """Ask the memory for its incarnation, for a nonce that is not known at most once a second."""
        current = await self._replay.incarnation()
        earlier = (each for each in self._incarnations if each != current)
        self._incarnations = (current, *earlier)[:REMEMBERED_INCARNATIONS]
        self._asked_at = self._clock()


def _signer(header: str) -> _Signer:
    """The key comes with the proof, in its header (RFC 9449 section 4.2)."""
    try:
        if len(header) > jose.MAX_TOKEN:
            raise jose.Malformed("the token is too long")
        members = jose.read_header(header)
        jwk = members.get("jwk")
        if members.get("typ") != "dpop+jwt" or not isinstance(jwk, dict):
            raise jose.Malformed("typ or jwk is not that of a proof")
        return _Signer(members, *jose.import_with_thumbprint(jwk))
    except jose.Malformed as wrong:
        raise InvalidDPoPProof("the DPoP proof is malformed", because=str(wrong)) from wrong


def _verified(text: str, signer: _Signer) -> tuple[_Signer, dict[str, Any]]:
    """Who signed the proof, and its claims."""
    try:
        jws = jose.parse_under(signer.header, text)
        jose.verify(jws, signer.key)
        return signer, jws.claims()
    except (jose.Malformed, jose.BadSignature) as wrong:
        raise InvalidDPoPProof("the DPoP proof is malformed", because=str(wrong)) from wrong


def _identifier(claims: dict[str, Any]) -> str:
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 255:
        raise InvalidDPoPProof("the DPoP proof is malformed", because="jti is not 1 to 255 characters")
    return jti


def _fresh(claims: dict[str, Any], *, now: int) -> int:
    iat, nbf = claims.get("iat"), claims.get("nbf", 0)
    if type(iat) is not int or abs(now - iat) > WINDOW or type(nbf) is not int or nbf > now + WINDOW:
        raise UntimelyProof("the DPoP proof was not made just now", because="iat is no integer near the clock")
    return iat


def _match_request(claims: dict[str, Any], *, htm: str, htu: str) -> None:
    if claims.get("htm") != htm:
        raise InvalidDPoPProof("the DPoP proof is for another request", because="htm differs")
    claimed, expected = claims.get("htu"), _own(htu) if len(htu) <= LONGEST_REMEMBERED else normalise(htu)
    if not isinstance(claimed, str) or expected is None or (claimed != htu and normalise(claimed) != expected):
        raise InvalidDPoPProof("the DPoP proof is for another request", because="htu differs")


def _match_token(claims: dict[str, Any], digest: bytes) -> None:
    ath = claims.get("ath")
    if not isinstance(ath, str) or not ath.isascii() or not hmac.compare_digest(ath, jose.b64url_encode(digest)):
        raise InvalidDPoPProof("the DPoP proof is for another token", because="ath differs")
