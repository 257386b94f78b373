"""What an operator asks to see of a server: metrics, traces, both, or nothing, and then nothing of it is imported."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from .catalogue import Catalogue
from .metrics_address import MetricsAddress, parse_metrics_address
from .setting import BadSetting
from .watching import Watcher

_NEEDED = ("opentelemetry-exporter-otlp-proto-http", "opentelemetry-sdk", "prometheus-client")


@dataclass(frozen=True)
class Observing:
    """`variable` is the setting that names where the metrics are."""

    variable: str
    metrics: MetricsAddress | None = None
    traces: bool = False

    @property
    def any(self) -> bool:
        return self.metrics is not None or self.traces

    def shown(self) -> dict[str, str]:
        """By the names of the variables, without secrets."""
        return {
            self.variable: str(self.metrics or "(none)"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": "(set)" if self.traces else "(no traces)",
        }

    def require(self, *, workers: int, extra: str) -> None:
        """What is asked for can be had by that many processes. Raises `BadSetting`, and not a traceback of each."""
        if not self.any:
            return
        if self.metrics is not None and len(self.metrics.ports) < workers:
            raise BadSetting(f"{self.variable} is {self.metrics}; each worker process needs a port of its own")
        try:
            for package in _NEEDED:
                version(package)
        except PackageNotFoundError as missing:
            told = f"{self.variable} and OTEL_EXPORTER_OTLP_ENDPOINT need {extra}[telemetry]"
            raise BadSetting(told) from missing


def read_observing(environ: Mapping[str, str], variable: str) -> Observing:
    """Raises `BadSetting`."""
    return Observing(variable, parse_metrics_address(variable, environ.get(variable, "")), _traces(environ))


def open_telemetry(observing: Observing, catalogue: Catalogue) -> Watcher | None:
    """None where nothing is asked for."""
    if not observing.any:
        return None
    from .telemetry.metrics import Metrics  # an extra: most servers do without
    from .telemetry.telemetry import Telemetry
    from .telemetry.traces import Traces

    metrics = None if observing.metrics is None else Metrics(observing.metrics, catalogue)
    return Telemetry(metrics=metrics, traces=Traces(catalogue.service) if observing.traces else None)


def _traces(environ: Mapping[str, str]) -> bool:
    """Whether the OpenTelemetry SDK, which reads the rest itself, is told where to send spans. Raises `BadSetting`."""
    named = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    if not named or off:
        return False
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol not in (None, "", "http/protobuf"):
        raise BadSetting(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; it must be http/protobuf")
    return True
