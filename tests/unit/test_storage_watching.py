"""The outermost layer of both servers: an id and a line for each request, and numbers also where it fails (T22)."""

import json
import logging
from typing import Any

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from segue_storage.catalogue import Catalogue, Counted, Read
from segue_storage.logs import JsonFormatter, PlainFormatter
from segue_storage.metrics_address import MetricsAddress
from segue_storage.observing import open_telemetry, read_observing
from segue_storage.request_id import request_id
from segue_storage.seen import seen_in
from segue_storage.setting import BadSetting
from segue_storage.telemetry.metrics import Metrics
from segue_storage.telemetry.telemetry import Telemetry
from segue_storage.watching import Watching

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T22")]

CATALOGUE = Catalogue(
    service="segue-test",
    counted=(Counted("moved", "segue_moves", "Moved."), Counted("seen", "segue_seen", "Seen.", "how", ("first",))),
    read=(Read("segue_age_seconds", "Age."), Read("segue_away_seconds", "Away.")),
    of_answer=lambda seen: [("seen", "again")] if seen.route == "/again" else [],
)


def endpoint() -> None:
    """What a router says that it has found."""


ENDPOINT = id(endpoint)


class Server:
    """Answers as it is told to; `ask` gives the lines that were logged."""

    def __init__(self, caplog: pytest.LogCaptureFixture, **watching: Any) -> None:
        caplog.set_level(logging.INFO)
        self._caplog = caplog
        self._watched = Watching(self._serve, **{"telemetry": None, **watching})
        self.route: str | None = "/tasks/{task_id}"
        self.fails = False
        self.status = 200

    async def ask(self, **headers: str) -> list[dict[str, Any]]:
        self._caplog.clear()
        named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
        scope = {"type": "http", "method": "GET", "path": "/tasks/secret", "scheme": "https", "headers": named}
        await self._watched(scope, self._receive, self._send)
        return [json.loads(JsonFormatter().format(record)) for record in self._caplog.records]

    async def _serve(self, scope: Any, _: Any, send: Any) -> None:
        scope["endpoint"] = endpoint
        if self.route is not None:
            seen_in(scope)["route"] = self.route
        self.inside = json.loads(JsonFormatter().format(logging.makeLogRecord({"msg": "inside", "name": "test"})))
        self.plain = PlainFormatter().format(logging.makeLogRecord({"msg": "inside", "name": "test"}))
        if self.fails:
            raise RuntimeError("a bug")
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def _receive(self) -> Any:
        raise AssertionError("nobody asks")

    async def _send(self, _: Any) -> None:
        pass


async def test_a_request_is_one_line_and_every_line_within_has_its_id(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(caplog)
    (line,) = await server.ask(x_request_id="proxy-0123456789")
    assert {name: line[name] for name in ("event", "level", "method", "route", "status")} == {
        "event": "request",
        "level": "info",
        "method": "GET",
        "route": "/tasks/{task_id}",
        "status": 200,
    }
    assert "secret" not in json.dumps(line)
    assert server.inside["request_id"] == "proxy-0123456789"
    assert server.plain.endswith("inside request_id=proxy-0123456789")
    (other,) = await server.ask()
    assert server.inside["request_id"] not in ("proxy-0123456789", "")
    assert "request_id" not in json.loads(JsonFormatter().format(logging.makeLogRecord({"msg": "outside"})))
    assert other["status"] == 200


async def test_a_request_that_fails_is_counted_and_told_as_500(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics(MetricsAddress("127.0.0.1", range(1)), CATALOGUE)
    server = Server(caplog, telemetry=Telemetry(metrics=metrics, traces=None))
    server.fails = True
    with pytest.raises(RuntimeError):
        await server.ask()
    (record,) = (found for found in caplog.records if found.name == "segue_storage.request_log")
    assert vars(record)["members"]["status"] == 500
    assert exported(metrics)["segue_requests_total", "500"] == 1


async def test_whoever_tells_no_route_has_that_of_its_endpoint(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(caplog, routes=lambda: {ENDPOINT: "/token"})
    server.route = None
    assert (await server.ask())[0]["route"] == "/token"
    other = Server(caplog)
    other.route = None
    assert (await other.ask())[0]["route"] is None


async def test_machines_that_look_whether_it_lives_are_no_lines_until_it_does_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server(caplog)
    server.route = "/readyz"
    assert await server.ask() == []
    server.status = 503
    assert [line["status"] for line in await server.ask()] == [503]


@pytest.mark.requirement("XD-OPS-01")
@pytest.mark.parametrize("given", ["", "short", "a" * 65, "-leading-dash", 'x" level="error', "é" * 10, "a b c d e f"])
def test_an_id_of_another_form_is_replaced(given: str) -> None:
    made = request_id([(b"x-request-id", given.encode())])
    assert made != given
    assert made.isascii()
    assert request_id([]) != made
    twice = [(b"x-request-id", b"proxy-0123456789")] * 2
    assert request_id(twice) != "proxy-0123456789"


async def test_what_is_counted_is_there_from_the_start_and_what_is_not_known_is_not_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics = Metrics(MetricsAddress("127.0.0.1", range(1)), CATALOGUE)
    telemetry = Telemetry(metrics=metrics, traces=None)

    def broken() -> float:
        raise OSError

    telemetry.gauge("segue_age_seconds", lambda: 3.0)
    telemetry.gauge("segue_age_seconds", lambda: 5.0)
    telemetry.gauge("segue_away_seconds", broken)
    server = Server(caplog, telemetry=telemetry)
    server.route = "/again"
    await server.ask()
    telemetry.tally.count("moved")
    found = exported(metrics)
    assert (found["segue_seen_total", "first"], found["segue_seen_total", "again"]) == (0, 1)
    assert found["segue_moves_total", ""] == 1
    assert found["segue_age_seconds", ""] == 5
    assert ("segue_away_seconds", "") not in found


def test_nothing_is_watched_unless_it_is_asked_for_and_then_with_a_port_for_each_process() -> None:
    assert open_telemetry(read_observing({}, "SEGUE_AUTHZ_METRICS"), CATALOGUE) is None
    asked = read_observing({"SEGUE_AUTHZ_METRICS": "127.0.0.1:9460-9461"}, "SEGUE_AUTHZ_METRICS")
    asked.require(workers=2, extra="segue-authz")
    with pytest.raises(BadSetting, match=r"SEGUE_AUTHZ_METRICS is 127\.0\.0\.1:9460-9461; each worker"):
        asked.require(workers=3, extra="segue-authz")


def exported(metrics: Metrics) -> dict[tuple[str, str], float]:
    """By name and the last label."""
    text = generate_latest(metrics.registry).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(found.name, next(reversed(found.labels.values()), "")): found.value for found in samples}
