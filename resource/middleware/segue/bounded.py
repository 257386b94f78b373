"""Remembers the latest of something, in room that cannot grow; shared by threads."""

import threading
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The latest `capacity` entries; the oldest gives way to a new one."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: dict[K, V] = {}
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """What was put under the key, if it is still here."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        """Remember it, and forget the oldest if there is no room."""
        with self._changing:
            self._entries[key] = value
            while len(self._entries) > self._capacity:
                del self._entries[next(iter(self._entries))]

    def drop(self, key: K) -> None:
        """Forget it, if it is here."""
        with self._changing:
            self._entries.pop(key, None)
