"""Numbers for Prometheus, on an address of their own: what is asked, what happens, what fails (T22).

Labels are words of ours, so that there is a bounded number of series. Task and session stand in exemplars, which
OpenMetrics has for that: one request that the number counts.
"""

import asyncio
import errno
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from segue_storage.catalogue import Catalogue
from segue_storage.ephemeral import Ephemeral
from segue_storage.metrics_address import MetricsAddress
from segue_storage.seen import Seen
from segue_storage.tally import Tally
from segue_storage.telemetry.cause import CAUSES

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
LAG_EVERY = 0.5
"""Seconds between two looks at how late the event loop is."""


class Metrics:
    """Of one process, in a registry of its own: each process is scraped at its own port."""

    def __init__(self, address: MetricsAddress, catalogue: Catalogue) -> None:
        self._address = address
        self._catalogue = catalogue
        self.tally = Tally()
        self._served: tuple[WSGIServer, Thread] | None = None
        self._answers: dict[tuple[str, str, int], tuple[Any, Any]] = {}
        self.registry = CollectorRegistry()
        self._requests = self._counter("segue_requests", "Requests answered.", "method", "route", "status")
        self._seconds = self._histogram("segue_request_seconds", "Until an answer began.", "method", "route")
        self._problems = self._counter("segue_problems", "Requests refused, by problem.", "problem")
        self._streams = Gauge("segue_open_streams", "Event streams that are open.", registry=self.registry)
        self._transactions = self._histogram("segue_transaction_seconds", "Transactions, with their wait.", "work")
        self._waits = self._histogram(
            "segue_database_wait_seconds", "Until a transaction had a connection and began.", "work"
        )
        self._failures = self._counter("segue_database_failures", "Transactions that failed, by cause.", "cause")
        self._chores = self._counter("segue_housekeeping_runs", "Chores of the server's own.", "chore", "outcome")
        self._lag = self._histogram("segue_event_loop_lag_seconds", "How late the event loop was.")
        for cause in CAUSES:
            self._failures.labels(cause)
        self._read = _Numbers(catalogue)
        self.registry.register(_Tallied(catalogue, self.tally))
        self.registry.register(self._read)

    @property
    def port(self) -> int:
        """Where it is served. Raises `RuntimeError` before it is."""
        if self._served is None:
            raise RuntimeError("the metrics are not served")
        return self._served[0].server_port

    def answered(self, seen: Seen, *, seconds: float) -> None:
        """An answer has begun."""
        exemplar = seen.exemplar()
        asked = (seen.method, seen.route, seen.status)
        counters = self._answers.get(asked)
        if counters is None:
            requests = self._requests.labels(seen.method, seen.route, str(seen.status))
            counters = self._answers[asked] = (requests, self._seconds.labels(seen.method, seen.route))
        counters[0].inc(exemplar=exemplar)
        counters[1].observe(seconds, exemplar=exemplar)
        if seen.streams:
            self._streams.inc()
        if seen.problem is not None:
            self._problems.labels(seen.problem).inc(exemplar=exemplar)
        for what, which in self._catalogue.of_answer(seen):
            self.tally.count(what, which)

    def ended(self, seen: Seen) -> None:
        if seen.streams:
            self._streams.dec()

    def chore_there(self, what: str) -> None:
        """It is counted from 0 on."""
        for outcome in ("done", "failed"):
            self._chores.labels(what, outcome)

    def chore(self, what: str, outcome: str) -> None:
        self._chores.labels(what, outcome).inc()

    def database_failure(self, cause: str) -> None:
        self._failures.labels(cause).inc()

    def outages_of(self, ephemeral: Ephemeral) -> None:
        """It counts its own, since not all of them are told to whoever asks."""
        self.registry.register(_Outages(ephemeral))

    def gauge(self, name: str, read: Callable[[], float | None]) -> None:
        self._read.sources[name].append(read)

    def looked_up(self, found: Mapping[str, float]) -> None:
        self._read.found.update(found)

    @contextmanager
    def transaction(self, what: str) -> Iterator[Callable[[], None]]:
        """Gives what is to be called when the transaction has its connection, in whichever thread."""
        began = time.perf_counter()
        begun = began

        def begins() -> None:
            nonlocal begun
            begun = time.perf_counter()

        try:
            yield begins
        finally:
            self._waits.labels(what).observe(begun - began)
            self._transactions.labels(what).observe(time.perf_counter() - began)

    async def watch_loop(self) -> None:
        """For as long as the server lives."""
        while True:
            due = time.perf_counter() + LAG_EVERY
            await asyncio.sleep(LAG_EVERY)
            self._lag.observe(max(0.0, time.perf_counter() - due))

    def serve(self) -> None:
        """At the first port of the range that no other process has. Raises `OSError`."""
        for port in self._address.ports:
            try:
                self._served = start_http_server(port, self._address.host, registry=self.registry)
            except OSError as failure:
                if failure.errno != errno.EADDRINUSE:
                    raise
            else:
                return
        raise OSError(errno.EADDRINUSE, f"no port for the metrics is free: {self._address}")

    async def aclose(self) -> None:
        if self._served is not None:
            server, thread = self._served
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            await asyncio.to_thread(thread.join)
        self._served = None

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(name, about, labels, buckets=BUCKETS, registry=self.registry)


class _Tallied(Collector):
    def __init__(self, catalogue: Catalogue, tally: Tally) -> None:
        self._counted = catalogue.counted
        self._tally = tally

    def collect(self) -> Iterator[Any]:
        by_what: dict[str, dict[str, int]] = defaultdict(dict)
        for (what, which), times in self._tally.counts().items():
            by_what[what][which] = times
        for one in self._counted:
            told = dict.fromkeys(one.words or ([] if one.label else [""]), 0) | by_what.get(one.what, {})
            family = CounterMetricFamily(one.name, one.about, labels=[one.label] if one.label else [])
            for word, times in told.items():
                family.add_metric([word] if one.label else [], times)
            yield family


class _Numbers(Collector):
    """`sources` are asked at each scrape; of several the highest counts. `found` is what was last looked up."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._read = catalogue.read
        self.sources: defaultdict[str, list[Callable[[], float | None]]] = defaultdict(list)
        self.found: dict[str, float] = {}

    def collect(self) -> Iterator[Any]:
        for one in self._read:
            known = [value for read in self.sources.get(one.name, []) if (value := _asked(read)) is not None]
            known += [self.found[one.name]] if one.name in self.found else []
            if known:
                yield GaugeMetricFamily(one.name, one.about, value=max(known))


def _asked(read: Callable[[], float | None]) -> float | None:
    """None where it cannot be had: one number must not take the others with it."""
    with suppress(Exception):
        return read()
    return None


class _Outages(Collector):
    def __init__(self, ephemeral: Ephemeral) -> None:
        self._ephemeral = ephemeral

    def collect(self) -> Iterator[Any]:
        told = "Decisions and wake-ups that Redis did not answer."
        yield CounterMetricFamily("segue_redis_outages", told, value=self._ephemeral.outages)
