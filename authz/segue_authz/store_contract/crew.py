"""Processes that race for one thing in a store; some are killed while they do. What they did is a history."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.synchronize import Barrier

from segue_authz.store_contract.history import Failed, Note, Recorder
from segue_authz.store_contract.opening import OpenStores, Stores

PATIENCE = 60
"""Seconds after which a process that does not come to its end is a failure."""

Meet = Callable[[], Awaitable[None]]
Act = Callable[[Stores, Recorder, Meet], Awaitable[None]]
"""What a process does with its stores: get ready, meet the others, race. It must be picklable."""


@dataclass(frozen=True)
class Racer:
    """One process. `dies_after`: seconds from the meeting to its SIGKILL, None if it lives."""

    open_stores: OpenStores
    act: Act
    dies_after: float | None = None


@dataclass(frozen=True)
class Raced:
    """What was noted, and how many of the processes were killed."""

    notes: list[Note]
    killed: int

    @property
    def failures(self) -> list[str]:
        return [note.error for note in self.notes if isinstance(note, Failed)]


def race(racers: Sequence[Racer], *, context: ForkServerContext | SpawnContext | None = None) -> Raced:
    """Let the processes race, and wait until each has ended. Raises RuntimeError if one ends otherwise than it may."""
    context = context or get_context("spawn")
    barrier = context.Barrier(len(racers))
    processes, pipes = [], []
    for caller, racer in enumerate(racers):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(caller, racer, barrier, there))
        process.start()
        there.close()
        processes.append(process)
        pipes.append(here)
    notes = _listen(pipes)
    for process in processes:
        process.join(PATIENCE)
    codes = [process.exitcode for process in processes]
    if set(codes) - {0, -signal.SIGKILL}:
        raise RuntimeError(f"the processes of a race ended with {codes}")
    return Raced(notes, codes.count(-signal.SIGKILL))


def _listen(pipes: Sequence[Connection]) -> list[Note]:
    """Everything the processes send until they end: nobody may wait for a full pipe."""
    notes: list[Note] = []
    threads = [threading.Thread(target=_drain, args=(pipe, notes)) for pipe in pipes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return notes


def _drain(pipe: Connection, notes: list[Note]) -> None:
    with pipe:
        while True:
            try:
                notes.append(pipe.recv())
            except (EOFError, OSError):  # OSError: it was killed in the middle of a note
                return


def _run(caller: int, racer: Racer, barrier: Barrier, pipe: Connection) -> None:
    asyncio.run(_race(caller, racer, barrier, pipe))
    pipe.close()


async def _race(caller: int, racer: Racer, barrier: Barrier, pipe: Connection) -> None:
    async def meet() -> None:
        await asyncio.to_thread(barrier.wait, PATIENCE)
        if racer.dies_after is not None:
            _die_after(racer.dies_after)

    stores = racer.open_stores()
    try:
        await racer.act(stores, Recorder(caller, pipe.send), meet)
    finally:
        await stores.aclose()


def _die_after(seconds: float) -> None:
    timer = threading.Timer(seconds, die)
    timer.daemon = True
    timer.start()


def die() -> None:
    """Kill this process, which gets no chance to do anything about it."""
    os.kill(os.getpid(), signal.SIGKILL)
