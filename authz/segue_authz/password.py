"""Passwords: argon2id, in a thread, two at a time, so that sign-ins cannot eat the machine."""

import asyncio

import argon2

_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""The parameters OWASP recommends: 19 MiB, two passes, one lane."""
_NOBODY = _HASHER.hash("nobody has this password")


class Passwords:
    def __init__(self) -> None:
        self._room = asyncio.Semaphore(2)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is right. Without a hash (no such person, no password) it takes as long and says no."""
        async with self._room:
            right = await asyncio.to_thread(_verify, password_hash or _NOBODY, password)
        return right and bool(password_hash)

    async def hashed(self, password: str) -> str:
        """For storing, in turn with those that are checked."""
        async with self._room:
            return await asyncio.to_thread(hash_password, password)


def hash_password(password: str) -> str:
    """For storing. Takes some tens of milliseconds."""
    return _HASHER.hash(password)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except argon2.exceptions.VerificationError:
        return False
