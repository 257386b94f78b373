"""Opaque identifiers with a prefix that says what they name (specs/protocol.md section 1)."""

from base64 import urlsafe_b64encode
from collections.abc import Callable

Random = Callable[[int], bytes]
"""Answers that many unpredictable bytes."""


def new(prefix: str, random: Random) -> str:
    """`prefix_` and 128 bits."""
    return f"{prefix}_{secret(random, 16)}"


def secret(random: Random, size: int = 32) -> str:
    """`size` unpredictable bytes as base64url without padding."""
    return urlsafe_b64encode(random(size)).rstrip(b"=").decode()
