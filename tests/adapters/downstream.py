"""What a tool call reaches: a system that has an effect once for each key, and says how often it had it."""

import asyncio
from typing import Any


class Downstream:
    """`executed` has a key for each effect. An effect lasts until `finish`; whoever names its key meanwhile waits."""

    def __init__(self) -> None:
        self.executed: list[str] = []
        self.asked: list[str] = []
        self.running = asyncio.Event()
        self._finished = asyncio.Event()

    async def execute(self, key: str, result: Any) -> Any:
        """As a system with idempotency keys does: a known key gets the answer of its first request."""
        self.asked.append(key)
        if key not in self.executed:
            self.executed.append(key)
        self.running.set()
        await self._finished.wait()
        return result

    def finish(self) -> None:
        self._finished.set()
