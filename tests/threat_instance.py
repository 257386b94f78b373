"""An instance of Segue in this process, in a thread of its own, and the threat suite run against it."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from segue_threats import catalogue
from segue_threats.attack import Attack, Need
from segue_threats.attacks import every
from segue_threats.chromium import Chromium, NoBrowser
from segue_threats.lab import Visitor
from segue_threats.local import local_instance
from segue_threats.network import transport_to
from segue_threats.outcome import Outcome, Verdict
from segue_threats.runner import UNTRIED, Selection, run, visitors_of
from segue_threats.target import Configuration, discover


@dataclass(frozen=True)
class Instance:
    """Up and answering. `visitors` stay signed in from one run to the next."""

    configuration: Configuration
    visitors: deque[Visitor]

    def fought(self, selection: Selection, attacks: Sequence[Attack] | None = None) -> list[Verdict]:
        """The verdicts of one run, without a browser unless attacks are named."""
        chosen = [each for each in every() if Need.BROWSER not in each.needs] if attacks is None else attacks
        return asyncio.run(self.fight(selection, chosen))

    async def fight(
        self, selection: Selection, attacks: Sequence[Attack], chromium: Chromium | NoBrowser = UNTRIED
    ) -> list[Verdict]:
        """As `fought`, in a loop that is there already."""
        told: list[Outcome] = []
        verdicts = await run(
            await discover(self.configuration),
            catalogue.load(),
            attacks,
            selection,
            visitors=self.visitors,
            rate=0,
            transport=transport_to(self.configuration),
            tell=told.append,
            chromium=chromium,
        )
        assert told == [outcome for verdict in verdicts for outcome in verdict.outcomes]
        return verdicts


class _Serving(threading.Thread):
    def __init__(self) -> None:
        super().__init__()
        self.ready = threading.Event()
        self.found: Configuration | BaseException | None = None
        self._over: asyncio.Event | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:
            self.found = failure
        finally:
            self.ready.set()

    def stop(self) -> None:
        if self._over is not None and self.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
        self.join()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with local_instance() as here:
            self.found = here
            self.ready.set()
            await self._over.wait()


@contextmanager
def instance() -> Iterator[Instance]:
    """A patch of the servers' modules takes effect at once."""
    serving = _Serving()
    serving.start()
    try:
        serving.ready.wait()
        if not isinstance(serving.found, Configuration):
            raise RuntimeError("the instance does not start") from serving.found
        yield Instance(serving.found, visitors_of(serving.found))
    finally:
        serving.stop()
