"""What the server derives from its one secret, so that it need not be stored: digests, refresh tokens, check values."""

import hmac
from base64 import urlsafe_b64encode


class Derivation:
    """Keyed derivations, each under a purpose of its own (HMAC-SHA-256)."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:
            raise ValueError("the secret must have at least 32 bytes")
        self._secret = secret

    def key(self, purpose: str) -> bytes:
        """A key of its own for another use."""
        return self._tag("key", purpose)

    def digest(self, purpose: str, value: str) -> str:
        """How a secret value is stored and found: worthless to who reads the database."""
        return self._text(purpose, value)

    def csrf(self, cookie: str) -> str:
        """The form token that belongs to a browser's cookie."""
        return self._text("csrf", cookie)

    def recovery_code(self, subject: str, code: str) -> str:
        """How a recovery code of this person is stored and found."""
        return self._text("recovery_code", subject, code)

    def refresh_token(self, grant_id: str, generation: int) -> str:
        """`grant.generation.tag`: the one refresh token of this grant and generation (decision 0003)."""
        return f"{grant_id}.{generation}.{self._text('refresh_token', grant_id, str(generation))}"

    def read_refresh_token(self, token: str) -> tuple[str, int] | None:
        """The grant and generation of a refresh token of ours; None for anything else."""
        grant_id, _, rest = token.partition(".")
        generation, _, _ = rest.partition(".")
        if not (generation.isascii() and generation.isdigit() and len(generation) < 10):
            return None
        expected = self.refresh_token(grant_id, int(generation))
        return (grant_id, int(generation)) if same(expected, token) else None

    def device_code(self, transfer_id: str, jkt: str) -> str:
        """`transfer.tag`: what the claiming device polls with (RFC 8628 section 3.2)."""
        return f"{transfer_id}.{self._text('device_code', transfer_id, jkt)}"

    def auth_req_id(self, transfer_id: str, jkt: str) -> str:
        """`transfer.tag`: what the client of a backchannel request asks for its tokens with (CIBA Core section 7.3)."""
        return f"{transfer_id}.{self._text('auth_req_id', transfer_id, jkt)}"

    def check_value(self, transfer_id: str, jkt: str) -> str:
        """Four digits that only this transfer and this key give (RFC 10027 section 6.1.17)."""
        tag = self._tag("check_value", transfer_id, jkt)
        return f"{int.from_bytes(tag[:8], 'big') % 10_000:04d}"

    def _text(self, *parts: str) -> str:
        return urlsafe_b64encode(self._tag(*parts)).rstrip(b"=").decode()

    def _tag(self, *parts: str) -> bytes:
        return hmac.digest(self._secret, "\0".join(parts).encode(), "sha256")


def same(expected: str, presented: str) -> bool:
    """Compare a secret in constant time."""
    return hmac.compare_digest(expected.encode(), presented.encode("utf-8", "surrogatepass"))
