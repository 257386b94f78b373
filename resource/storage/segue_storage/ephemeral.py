"""The port to what is fast and may be lost: uses, rates, wake-ups, texts, notes. In this process or in Redis."""

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from segue.clock import Clock, now
from segue.replay import MemoryLost, MemoryUnavailable, ReplayMemory

from .in_process import InProcessEphemeral
from .notes import Note
from .redis_url import require_redis_url
from .texts import Growth, Text
from .wakeups import Wakeups

__all__ = ["Ephemeral", "Growth", "MemoryLost", "MemoryUnavailable", "Note", "Text", "Wakeups", "open_ephemeral"]


class Ephemeral(ReplayMemory, Protocol):
    """What the processes of one server remember together for a while. Belongs to one event loop."""

    outages: int
    """How often it could not be had so far, whoever was told."""

    async def allow(self, key: str, *, limit: int, window: int) -> bool:
        """True, at most `limit` times in any `window` seconds for one key; what is refused does not count.

        Raises `MemoryUnavailable`: whether to go on without a limit is the caller's to decide.
        """
        ...

    async def wake(self, topic: str) -> None:
        """Tell the listeners of the topic, in every process, that something happened. A hint: it may be lost.

        Never raises for an outage, so it may follow a commit.
        """
        ...

    def listen(self, *topics: str) -> AbstractAsyncContextManager[Wakeups]:
        """Hear of wake-ups of these topics from the moment the context is entered: enter, then read, then wait.

        During an outage it is entered all the same, and `wait` times out.
        """
        ...

    async def open_text(self, group: str, name: str, about: bytes, *, most: int, lifetime: int) -> bool:
        """Begin a text that grows. False if the group has `most` already.

        It is forgotten `lifetime` seconds after it last grew. This and what follows raises `MemoryUnavailable`.
        """
        ...

    async def extend_text(
        self, group: str, name: str, piece: bytes, *, at: int, size: int, mark: bytes, limit: int, lifetime: int
    ) -> Growth:
        """Append a piece that counts for `size` if the text ends `at` that place and stays within `limit`.

        The last piece may be sent again: it is known by its place and its `mark`.
        """
        ...

    async def stop_text(self, group: str, name: str) -> int | None:
        """From now on it does not grow. Its length, or None if there is no such text. May be called again."""
        ...

    async def drop_text(self, group: str, name: str) -> None:
        """Forget it."""
        ...

    async def texts(self, group: str, known: Mapping[str, int]) -> dict[str, Text]:
        """The texts of the group by name, each without as many pieces from its beginning as are `known`."""
        ...

    async def put_note(self, board: str, name: str, value: bytes, *, most: int, lifetime: int) -> bool:
        """Write or renew a note that is forgotten after `lifetime` seconds. False if it said the same before.

        Raises `MemoryUnavailable` when the board has `most` others, too.
        """
        ...

    async def notes(self, board: str) -> dict[str, Note]:
        """The board's notes by name."""
        ...

    async def aclose(self) -> None:
        """Let go of connections. May be called again."""
        ...


def open_ephemeral(
    url: str | None, clock: Clock = now, random: Callable[[int], bytes] = secrets.token_bytes
) -> Ephemeral:
    """Open the memory of this process (None), of a Redis (`redis://`) or of a Redis cluster (`redis+cluster://`).

    Connects when first used. Raises ValueError for another URL, and ModuleNotFoundError without redis-py.
    """
    if url is None:
        return InProcessEphemeral(clock, random)
    require_redis_url(url)
    from .redis import RedisEphemeral  # an extra: an embedded server does without

    return RedisEphemeral(url, clock, random)
