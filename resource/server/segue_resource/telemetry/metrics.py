"""Numbers for Prometheus, on an address of their own: what is asked, what happens to tasks, what fails (T22).

Labels are words of ours, so that there is a bounded number of series. Task and session stand in exemplars, which
OpenMetrics has for that: one request that the number counts.
"""

import asyncio
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from segue_storage.ephemeral import Ephemeral

from segue_resource.metrics_address import MetricsAddress
from segue_resource.stores.unit import Happened
from segue_resource.telemetry.seen import Seen

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LOST = frozenset({"held", "lost-race"})
_STEP = "tool_call."


class Metrics:
    """Of one process, in a registry of its own: each process is scraped at its own port."""

    def __init__(self, address: MetricsAddress) -> None:
        self._address = address
        self._served: tuple[WSGIServer, Thread] | None = None
        self.registry = CollectorRegistry()
        self._requests = self._counter("segue_requests", "Requests answered.", "method", "route", "status")
        self._seconds = self._histogram("segue_request_seconds", "Until an answer began.", "method", "route")
        self._problems = self._counter("segue_problems", "Requests refused, by problem.", "problem")
        self._streams = Gauge("segue_open_streams", "Event streams that are open.", registry=self.registry)
        self._events = self._counter("segue_events", "Events appended to logs, by who wrote them.", "writer")
        self._steps = self._counter("segue_tool_call_steps", "Changes of tool calls, by what was logged.", "step")
        self._lost = self._counter("segue_tool_call_claims_lost", "Claims that another holder was faster with.")
        self._moves = self._counter("segue_task_moves", "Tasks moved to another device: epochs raised.")
        self._exhausted = self._counter("segue_budgets_exhausted", "Budgets that reached their limit.")
        self._releases = self._counter("segue_state_releases", "First releases of state to a token.", "state")
        self._conversations = self._counter("segue_conversations", "Conversations, by what they began.", "began")
        self._transactions = self._histogram("segue_transaction_seconds", "Transactions, with their wait.", "work")
        self._chores = self._counter("segue_housekeeping_runs", "Chores of the server's own.", "chore", "outcome")
        self._outages = self._counter("segue_outages", "Times that something could not be had.", "what")
        for began in ("new_task", "continued"):
            self._conversations.labels(began)
        self._outages.labels("database")

    @property
    def port(self) -> int:
        """Where it is served. Raises `RuntimeError` before it is."""
        if self._served is None:
            raise RuntimeError("the metrics are not served")
        return self._served[0].server_port

    def answered(self, seen: Seen, *, seconds: float) -> None:
        """An answer has begun."""
        exemplar = seen.exemplar()
        self._requests.labels(seen.method, seen.route, str(seen.status)).inc(exemplar=exemplar)
        self._seconds.labels(seen.method, seen.route).observe(seconds, exemplar=exemplar)
        if seen.streams:
            self._streams.inc()
        if seen.problem is not None:
            self._problems.labels(seen.problem).inc(exemplar=exemplar)
            if seen.problem in _LOST and seen.route.endswith("/claim"):
                self._lost.inc(exemplar=exemplar)

    def ended(self, seen: Seen) -> None:
        if seen.streams:
            self._streams.dec()

    def happened(self, happened: Happened) -> None:
        for (what, which), times in happened.items():
            match what:
                case "noted":
                    self._noted(which, times)
                case "appended":
                    self._events.labels(which).inc(times)
                case "released":
                    self._releases.labels(which).inc(times)
                case "conversation":
                    self._conversations.labels(which).inc(times)

    def chore(self, what: str, outcome: str) -> None:
        self._chores.labels(what, outcome).inc()

    def outage(self, what: str) -> None:
        self._outages.labels(what).inc()

    def outages_of(self, ephemeral: Ephemeral) -> None:
        """It counts its own, since not all of them are told to whoever asks."""
        self.registry.register(_Outages(ephemeral))

    @contextmanager
    def transaction(self, what: str) -> Iterator[None]:
        with self._transactions.labels(what).time():
            yield

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
        raise OSError(errno.EADDRINUSE, f"no port of SEGUE_RESOURCE_METRICS is free: {self._address}")

    async def aclose(self) -> None:
        if self._served is not None:
            server, thread = self._served
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            await asyncio.to_thread(thread.join)
        self._served = None

    def _noted(self, kind: str, times: int) -> None:
        self._events.labels("store").inc(times)
        if kind.startswith(_STEP):
            self._steps.labels(kind.removeprefix(_STEP)).inc(times)
        elif kind == "task.moved":
            self._moves.inc(times)
        elif kind == "task.budget_exhausted":
            self._exhausted.inc(times)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(name, about, labels, buckets=BUCKETS, registry=self.registry)


class _Outages(Collector):
    def __init__(self, ephemeral: Ephemeral) -> None:
        self._ephemeral = ephemeral

    def collect(self) -> Iterator[Any]:
        told = "Decisions and wake-ups that Redis did not answer."
        yield CounterMetricFamily("segue_redis_outages", told, value=self._ephemeral.outages)
