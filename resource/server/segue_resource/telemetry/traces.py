"""Spans for OpenTelemetry: one for a request, named by its route, and one for each of its transactions (T22).

Of what a client sends only `traceparent` is taken over (W3C Trace Context), not `tracestate` and no baggage: they are
text of its choice. No exception is recorded, since its message may repeat what somebody wrote.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, get_current_span, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Scope

from segue_resource.telemetry.seen import Seen

_TRACEPARENT = TraceContextTextMapPropagator()
_SERVICE = "segue-resource"
_NAMED_BY_NOBODY = "unknown_service"


class NoSpan:
    """Where traces are off."""

    def answered(self, seen: Seen) -> None:
        pass


class RequestSpan:
    """Ends when the answer begins."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def answered(self, seen: Seen) -> None:
        self._span.update_name(f"{seen.method} {seen.route}".rstrip())
        self._span.set_attribute("http.response.status_code", seen.status)
        if seen.route:
            self._span.set_attribute("http.route", seen.route)
        for name, value in seen.ids().items():
            self._span.set_attribute(f"segue.{name}", value)
        if seen.problem is not None:
            self._span.set_attribute("error.type", seen.problem)
        if seen.status >= 500:
            self._span.set_status(Status(StatusCode.ERROR))
        self.end()

    def end(self) -> None:
        if self._span.is_recording():
            self._span.end()


class Traces:
    """Sends to what the standard `OTEL_*` variables name, which the SDK reads itself."""

    def __init__(self) -> None:
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("segue_resource")

    @contextmanager
    def request(self, scope: Scope, seen: Seen) -> Iterator[RequestSpan]:
        span = self._tracer.start_span(
            seen.method,
            context=_continued(scope),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": seen.method, "url.scheme": scope["scheme"]},
        )
        watched = RequestSpan(span)
        try:
            with use_span(span, record_exception=False, set_status_on_exception=False):
                yield watched
        finally:
            watched.end()

    @contextmanager
    def transaction(self, what: str, *, dialect: str) -> Iterator[None]:
        """A span of the request that is under way; what the server does of itself has none."""
        if not get_current_span().is_recording():
            yield
            return
        attributes = {"db.system.name": dialect, "db.operation.name": what}
        with self._tracer.start_as_current_span(
            f"{what} {dialect}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ):
            yield

    async def aclose(self) -> None:
        """Send what is left, for as long as the exporter has patience."""
        await asyncio.to_thread(self._provider.shutdown)


def _continued(scope: Scope) -> Context:
    """The trace that the caller has begun, or a new one."""
    found = [value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"]
    return _TRACEPARENT.extract({"traceparent": found[0]} if len(found) == 1 else {}, context=Context())


def _resource() -> Resource:
    named = Resource.create()
    if str(named.attributes.get(SERVICE_NAME, "")).startswith(_NAMED_BY_NOBODY):
        return named.merge(Resource({SERVICE_NAME: _SERVICE}))
    return named
