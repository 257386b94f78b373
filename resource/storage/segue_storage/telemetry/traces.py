"""Spans for OpenTelemetry: one for a request, named by its route, and one for each thing that it waits for (T22).

Of what a client sends only `traceparent` is taken over (W3C Trace Context), not `tracestate` and no baggage: they are
text of its choice. No exception is recorded, since its message may repeat what somebody wrote.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, get_current_span, set_span_in_context, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from segue_storage.seen import TOKEN_CHECKED, Seen

_TRACEPARENT = TraceContextTextMapPropagator()
_NAMED_BY_NOBODY = "unknown_service"


class NoSpan:
    """Where traces are off."""

    trace_id = None

    def answered(self, seen: Seen) -> None:
        pass


class RequestSpan:
    """Ends when the answer begins."""

    def __init__(self, span: Span, tracer: Any) -> None:
        self._span = span
        self._tracer = tracer
        self._began = (time.time_ns(), time.perf_counter())

    @property
    def trace_id(self) -> str | None:
        return f"{self._span.get_span_context().trace_id:032x}"

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
        self._check_of_token(seen)
        self.end()

    def end(self) -> None:
        if self._span.is_recording():
            self._span.end()

    def _check_of_token(self, seen: Seen) -> None:
        """A span of its own, made afterwards: the middleware that checks knows nothing of telemetry."""
        checked_at = seen.members.get(TOKEN_CHECKED)
        if checked_at is not None and self._span.is_recording():
            began, clock = self._began
            inside = set_span_in_context(self._span)
            check = self._tracer.start_span("check task token", context=inside, start_time=began)
            check.end(began + int((checked_at - clock) * 1e9))


class Traces:
    """Sends to what the standard `OTEL_*` variables name, which the SDK reads itself; or through `processor`."""

    def __init__(self, service: str, processor: SpanProcessor | None = None) -> None:
        self._provider = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
        self._provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(service.replace("-", "_"))

    @contextmanager
    def request(self, scope: Mapping[str, Any], seen: Seen) -> Iterator[RequestSpan]:
        span = self._tracer.start_span(
            seen.method,
            context=_continued(scope),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": seen.method, "url.scheme": scope["scheme"]},
        )
        watched = RequestSpan(span, self._tracer)
        try:
            with use_span(span, record_exception=False, set_status_on_exception=False):
                yield watched
        finally:
            watched.end()

    def transaction(self, what: str, *, dialect: str) -> AbstractContextManager[None]:
        return self._client_span(f"{what} {dialect}", {"db.system.name": dialect, "db.operation.name": what})

    def redis(self, what: str) -> AbstractContextManager[None]:
        return self._client_span(f"{what} redis", {"db.system.name": "redis", "db.operation.name": what})

    def carried(self) -> dict[str, str]:
        """`traceparent` of the span that is under way; nothing outside of one."""
        headers: dict[str, str] = {}
        if get_current_span().is_recording():
            _TRACEPARENT.inject(headers)
        return headers

    async def aclose(self) -> None:
        """Send what is left, for as long as the exporter has patience."""
        await asyncio.to_thread(self._provider.shutdown)

    @contextmanager
    def _client_span(self, name: str, attributes: dict[str, str]) -> Iterator[None]:
        """A span of the request that is under way; what the server does of itself has none."""
        if not get_current_span().is_recording():
            yield
            return
        with self._tracer.start_as_current_span(
            name,
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ):
            yield


def _continued(scope: Mapping[str, Any]) -> Context:
    """The trace that the caller has begun, or a new one."""
    found = [value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"]
    return _TRACEPARENT.extract({"traceparent": found[0]} if len(found) == 1 else {}, context=Context())


def _resource(service: str) -> Resource:
    named = Resource.create()
    if str(named.attributes.get(SERVICE_NAME, "")).startswith(_NAMED_BY_NOBODY):
        return named.merge(Resource({SERVICE_NAME: service}))
    return named
