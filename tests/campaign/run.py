"""A campaign: people at work, a fault, everything mended; then what was left is ended, read again, and judged."""

import asyncio
import itertools
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from history.checker import violations
from history.operation import Operation
from history.recorder import Recorder
from history.violation import Violation

from campaign.faults import Fault
from campaign.ground import Ground
from campaign.last_reading import read_again
from campaign.worker import Worker, open_worker

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Fought:
    """`recovery` is the time in seconds from the mending to the last answer after it that was an outage.

    Connections that break are not counted: one that was idle may be closed at any time (RFC 9112 section 9.6).
    """

    did: str
    history: list[Operation]
    violations: list[Violation]
    recovery: float

    @property
    def unknown(self) -> int:
        return sum(1 for each in self.history if each.told is None and each.refused is None)

    @property
    def unavailable(self) -> int:
        return sum(1 for each in self.history if each.refused is not None and each.refused["status"] >= 500)

    def __str__(self) -> str:
        counted = f"{len(self.history)} operations, {self.unknown} unknown, {self.unavailable} told 503"
        return f"{self.did}: {counted}, {len(self.violations)} violations, mended after {self.recovery:.1f} s"


async def fight(ground: Ground, *faults: Fault, folder: Path) -> Fought:
    """Everybody works while the faults come, one after the other, and ends the round they are at.

    Whom something stops that is no part of their work has found a violation too.
    """
    with Recorder(folder / f"{next(_numbers)}.jsonl") as recorder:
        async with AsyncExitStack() as opened:
            workers = [
                await opened.enter_async_context(
                    open_worker(ground.cluster, person, recorder, number=next(_numbers), dice=ground.dice)
                )
                for person in ground.cluster.people
            ]
            over = asyncio.Event()
            working = [asyncio.create_task(_work(worker, over)) for worker in workers]
            try:
                did = [await faults[0](ground)]
                for fault in faults[1:]:
                    await asyncio.sleep(ground.outage)
                    did.append(await fault(ground))
            finally:
                over.set()
            mended_at = time.monotonic_ns()
            ended = await asyncio.gather(*working, return_exceptions=True)
            stopped = [Violation("work-goes-on", repr(refused)) for refused in ended if refused is not None]
            going = [worker for worker, refused in zip(workers, ended, strict=True) if refused is None]
            await asyncio.gather(*(worker.recover() for worker in going))
            reading = await read_again(going, database=ground.cluster.database)
        history = recorder.history()
    found = [*stopped, *violations(history, reading)]
    return Fought("; ".join(did), history, found, _recovery(history, mended_at))


async def _work(worker: Worker, over: asyncio.Event) -> None:
    await worker.begin()
    while True:
        await worker.work()
        if over.is_set():
            return


def _recovery(history: list[Operation], mended_at: int) -> float:
    told = [each.returned_at or 0 for each in history if each.refused is not None and each.refused["status"] >= 500]
    return max(0.0, (max(told, default=0) - mended_at) / 1e9)
