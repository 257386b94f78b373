"""Jobs: work that coroutines hand to threads, and the way its outcome comes back.

A job ends in one of three ways: a thread delivers its outcome; its caller was cancelled, or stopped waiting, before a
thread had started it, then it never runs; or its caller went away while it ran, then nobody hears of it.
"""

import asyncio
import itertools
import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from .failure import DatabaseUnavailable, WriteInDoubt
from .work import Work

T = TypeVar("T")


@dataclass(slots=True, frozen=True)
class Outcome:
    """What became of a job: the value its work returned, or what it raised."""

    value: Any = None
    error: BaseException | None = None


@dataclass(slots=True, eq=False)
class Job:
    """One piece of work of one caller."""

    work: Work[Any]
    answer: asyncio.Future[Outcome]
    writes: bool
    together: str | None = None
    started: bool = False

    def start(self) -> bool:
        """Claim the job for the calling thread. False if its caller has left: then it must not run.

        The order matters: the caller leaves first and looks at `started` second, so one of the two sees the other.
        """
        self.started = True
        return not self.answer.done()


class JobQueue:
    """Jobs on their way from any event loop to the threads that take them."""

    def __init__(self, *, deadline: float) -> None:
        """No caller waits longer than `deadline` seconds."""
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._deadline = deadline
        self._closing = threading.Lock()
        self._closed = False
        self._behind: dict[str, deque[Job]] = {}

    async def run(self, work: Work[T], *, writes: bool, together: str | None = None) -> T:
        """Have a thread do the work; return what it returns or raise what it raises.

        Jobs of one key `together` are taken in their order, and by one thread at a time.
        """
        job = Job(work, asyncio.get_running_loop().create_future(), writes, together)
        self._put(job)
        try:
            async with asyncio.timeout(self._deadline):
                outcome = await job.answer
        except TimeoutError as late:
            if job.started and writes:
                raise WriteInDoubt(f"the write was not confirmed within {self._deadline} seconds") from late
            raise DatabaseUnavailable(f"the database did not answer within {self._deadline} seconds") from late
        if outcome.error is None:
            value: T = outcome.value
            return value
        try:
            raise outcome.error
        finally:
            del outcome  # the error's traceback holds this frame

    def take(self, limit: int) -> list[Job]:
        """Wait for a job, and take others that wait already, at most `limit`. None at all: the thread is to stop."""
        first = self._jobs.get()
        if first is None:
            return []
        return [first, *itertools.islice(self._waiting(), limit - 1)]

    def _waiting(self) -> Iterator[Job]:
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is None:  # the sign to stop, which is for the thread's next turn
                self._jobs.put(None)
                return
            yield job

    def following(self, job: Job, limit: int) -> list[Job]:
        """The jobs that wait behind this one, which was taken, at most `limit`."""
        with self._closing:
            behind = self._behind.get(job.together or "", deque())
            return [behind.popleft() for _ in range(min(limit, len(behind)))]

    def done(self, job: Job) -> Job | None:
        """The taken job, and those that followed it, are done: the next of its key has its turn.

        That is behind all other jobs; but once the queue is closed it is given back, to be done at once.
        """
        if job.together is None:
            return None
        with self._closing:
            behind = self._behind[job.together]
            if not behind:
                del self._behind[job.together]
                return None
            following = behind.popleft()
            if self._closed:
                return following
            self._jobs.put(following)
            return None

    def close(self, *, threads: int) -> None:
        """Refuse new jobs, and tell each of the threads to stop once the jobs already here are taken."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            for _ in range(threads):
                self._jobs.put(None)

    def _put(self, job: Job) -> None:
        with self._closing:
            if self._closed:
                raise DatabaseUnavailable("the database has been closed")
            if job.together is None:
                self._jobs.put(job)
            elif job.together in self._behind:
                self._behind[job.together].append(job)
            else:
                self._behind[job.together] = deque()
                self._jobs.put(job)


def deliver(outcomes: Iterable[tuple[Job, Outcome]]) -> None:
    """Hand the outcomes to their callers' event loops, with one wake-up for each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Job, Outcome]]] = {}
    for job, outcome in outcomes:
        by_loop.setdefault(job.answer.get_loop(), []).append((job, outcome))
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_answer, settled)
        except RuntimeError:  # the loop has been closed: nobody waits
            continue


def _answer(settled: list[tuple[Job, Outcome]]) -> None:
    for job, outcome in settled:
        if not job.answer.done():
            job.answer.set_result(outcome)
