"""A passkey: the public half of a key that an authenticator keeps for one account (WebAuthn Level 3 section 4)."""

from dataclasses import dataclass

NAME_LENGTH = 60


@dataclass(frozen=True)
class Passkey:
    """`credential_id` and `user_handle` as base64url. `multi_device`: its key may be on several devices of the person.

    `sign_count` is what the authenticator said last; it stays zero where the key is on several devices.
    """

    passkey_id: str
    subject: str
    credential_id: str
    public_key: bytes
    user_handle: str
    sign_count: int
    transports: str
    attachment: str | None
    aaguid: str
    multi_device: bool
    backed_up: bool
    name: str
    created_at: int
    used_at: int | None = None


@dataclass(frozen=True)
class Challenge:
    """What an authenticator has signed, by the digest under which it is spent; nobody takes it after `until`."""

    digest: str
    until: int


def acceptable_name(name: str) -> bool:
    return 0 < len(name.strip()) <= NAME_LENGTH
