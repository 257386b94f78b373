"""The state that an agent keeps in its task: entries under ordered keys, each kept or dropped by an event of the log.

What the entries are follows from the log alone: the newest event of a key says what it holds, an event that was taken
back by a rollback says nothing, and a fork begins with what its past had kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEPT = "state.kept"
DROPPED = "state.dropped"
PREFIX = "state."
BEHIND_ALL = "\x7f"
"""Sorts behind every character of a key."""


@dataclass(frozen=True)
class Entry:
    """What the event `seq` has kept under the key; `at` in seconds since the epoch.

    `expired` where what it held can be read by nobody any more.
    """

    key: str
    seq: int
    at: int
    value: Any
    expired: bool = False


@dataclass(frozen=True)
class Change:
    """Keep a value under the key, or drop what is there."""

    key: str
    value: Any
    dropped: bool = False

    @property
    def kind(self) -> str:
        return DROPPED if self.dropped else KEPT

    @property
    def body(self) -> dict[str, Any]:
        return {"key": self.key} if self.dropped else {"key": self.key, "value": self.value}


def differing(expected: Mapping[str, int], found: Mapping[str, int]) -> dict[str, int]:
    """The keys whose entry is another one than expected, each with the event that kept it; 0 stands for none."""
    return {key: found.get(key, 0) for key, seq in expected.items() if found.get(key, 0) != seq}
