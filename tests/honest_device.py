"""A device that goes on with its work while something is done to the server: whether it is served, and how soon."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from resource_process import ProcessDevice


class Honest(threading.Thread):
    """Says something, again and again, until it is told to stop. Latencies in seconds."""

    def __init__(self, device: ProcessDevice, *, pause: float = 0.02) -> None:
        super().__init__()
        self.said: list[str] = []
        self.latencies: list[float] = []
        self.failed: list[str] = []
        self._device = device
        self._pause = pause
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(self._pause):
            text, began = f"honest-{len(self.latencies)}", time.perf_counter()
            try:
                answer = self._device.say(text)
            except httpx2.HTTPError as failure:
                self.failed.append(repr(failure))
                continue
            finally:
                self.latencies.append(time.perf_counter() - began)
            if answer.status_code == 201:
                self.said.append(text)
            else:
                self.failed.append(answer.text)

    def slowest(self, share: float = 0.01) -> float:
        """The latency that so many of the requests exceed."""
        return sorted(self.latencies)[int(len(self.latencies) * (1 - share)) - 1]

    def has_said(self, count: int) -> None:
        """Returns once it has said something so often, or could not."""
        while self.is_alive() and len(self.latencies) < count:
            time.sleep(0.02)

    def stop(self) -> None:
        self._stopping.set()
        self.join()


@contextmanager
def working(device: ProcessDevice) -> Iterator[Honest]:
    honest = Honest(device)
    honest.start()
    try:
        yield honest
    finally:
        honest.stop()
