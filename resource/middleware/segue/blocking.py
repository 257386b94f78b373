"""Lets threads that wait use what was written for an event loop: one loop in a thread of its own, for each process."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from segue import forked
from segue.epoch import EpochMemory
from segue.issuer_keys import IssuerKeys
from segue.replay import ReplayMemory
from segue.withdrawals import Withdrawals

T = TypeVar("T")


def run_now(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that has nothing to wait for but what blocks its thread."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise RuntimeError("the coroutine waits for an event loop")


class LoopThread:
    """An event loop in a daemon thread, which begins when first needed."""

    def __init__(self) -> None:
        self.begin_anew()
        forked.watch(self)

    def begin_anew(self) -> None:
        """In a process that was forked: threads do not come along."""
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def running(self) -> bool:
        """Whether there is a thread in this process."""
        return self._loop is not None

    def result(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it there and wait for what it answers or raises."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop or self._start()).result()

    def close(self) -> None:
        """End the thread. It begins again when needed."""
        with self._starting:
            loop, self._loop = self._loop, None
            if loop is not None:
                loop.call_soon_threadsafe(loop.stop)
                self._thread.join()
                loop.run_until_complete(_end_all())
                loop.close()

    def _start(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=loop.run_forever, name="segue", daemon=True)
                self._thread.start()
                self._loop = loop
            return self._loop


async def _end_all() -> None:
    """Whoever waits for something that went on in this loop is told that it was cancelled."""
    loop = asyncio.get_running_loop()
    going_on = asyncio.all_tasks() - {asyncio.current_task()}
    for task in going_on:
        task.cancel()
    await asyncio.gather(*going_on, return_exceptions=True)
    await loop.shutdown_default_executor()


class BlockingKeys:
    """The issuer's keys. A thread waits only when they have to be read."""

    def __init__(self, keys: IssuerKeys, loop: LoopThread) -> None:
        self._keys = keys
        self._loop = loop

    async def key(self, kid: str) -> EllipticCurvePublicKey:
        return self._keys.known(kid) or self._loop.result(self._keys.key(kid))


class BlockingWithdrawals:
    """The withdrawn grants. A thread waits only for the first answer of the issuer."""

    def __init__(self, withdrawals: Withdrawals, loop: LoopThread) -> None:
        self._withdrawals = withdrawals
        self._loop = loop

    async def includes(self, grant_id: str) -> bool:
        known = self._withdrawals.known(grant_id)
        return self._loop.result(self._withdrawals.includes(grant_id)) if known is None else known


class BlockingReplayMemory:
    """A memory of uses that lives in an event loop, such as one shared by processes."""

    def __init__(self, replay: ReplayMemory, loop: LoopThread) -> None:
        self._replay = replay
        self._loop = loop

    async def incarnation(self) -> bytes:
        return self._loop.result(self._replay.incarnation())

    async def first_use(self, key: str, *, lifetime: int, incarnation: bytes) -> bool:
        return self._loop.result(self._replay.first_use(key, lifetime=lifetime, incarnation=incarnation))


class BlockingEpochs:
    """A memory of epochs that lives in an event loop."""

    def __init__(self, epochs: EpochMemory, loop: LoopThread) -> None:
        self._epochs = epochs
        self._loop = loop

    async def raise_to(self, task_id: str, epoch: int) -> int:
        return self._loop.result(self._epochs.raise_to(task_id, epoch))
