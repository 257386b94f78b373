"""Metrics and traces carry task and session, and never what anybody wrote (T22)."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from otlp_receiver import Collected, attributes, collector
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from resource_world import START, TASK, Device, StoreWorld, event, open_store_world
from rounds import rounds
from segue_resource.observed import CATALOGUE, of_transaction
from segue_resource.settings import from_environment
from segue_resource.stores.billing.conversations import count
from segue_storage.database import DatabaseUnavailable
from segue_storage.in_process import InProcessEphemeral
from segue_storage.metrics_address import MetricsAddress, parse_metrics_address
from segue_storage.seen import Seen
from segue_storage.setting import BadSetting
from segue_storage.telemetry.metrics import Metrics
from segue_storage.telemetry.telemetry import Telemetry
from segue_storage.telemetry.traces import Traces

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T22")]

CANARY = "canary-7f3a"
ANY_PORT = MetricsAddress("127.0.0.1", range(1))
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
async def metrics(store: StoreWorld) -> AsyncIterator[Metrics]:
    """Of the store, which serves them."""
    made = Metrics(ANY_PORT, CATALOGUE)
    store.telemetry = Telemetry(metrics=made, traces=None)
    await store.restart()
    yield made
    await store.stop()


async def scraped(metrics: Metrics, accept: str) -> str:
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"http://127.0.0.1:{metrics.port}/metrics", headers={"Accept": accept})
        assert answer.status_code == 200
        return answer.text


async def samples(metrics: Metrics) -> Samples:
    text = await scraped(metrics, "text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse_text(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((name, tuple(sorted(labels.items()))), 0)


async def joined(device: Device) -> str:
    return str((await device.post("/sessions", {"name": CANARY, "transport": "web"})).json()["session_id"])


async def test_a_request_is_counted_by_its_route_and_an_exemplar_names_task_and_session(
    store: StoreWorld, metrics: Metrics
) -> None:
    device = store.device()
    session = await joined(device)
    await device.send("GET", f"/events?after=0&limit={int(CANARY[-1], 16) + 1}", headers={"Task-Session": session})
    await device.send("GET", f"/{CANARY}")
    await store.http.request("BREW", f"/{CANARY}")
    await store.http.get("/healthz")
    await device.post("/events", {"events": [event(CANARY)]})
    found = await samples(metrics)
    asked = {"method": "GET", "route": "/tasks/{task_id}/events"}
    assert value(found, "segue_requests_total", **asked, status="200") == 1
    assert value(found, "segue_request_seconds_count", **asked) == 1
    assert value(found, "segue_requests_total", method="GET", route="", status="404") == 1
    assert value(found, "segue_requests_total", method="GET", route="/healthz", status="200") == 1
    assert any(("method", "_OTHER") in labels for _, labels in found)
    text = await scraped(metrics, "application/openmetrics-text")
    exemplars = [
        sample.exemplar.labels
        for family in parse_openmetrics(text)
        for sample in family.samples
        if sample.exemplar is not None and sample.labels.get("route") == asked["route"]
    ]
    assert {"task_id": TASK, "session_id": session} in exemplars
    ids = {TASK, session, device.device_id, CANARY}
    assert not any(known in value for _, labels in found for _, value in labels for known in ids)
    assert CANARY not in text
    assert device.token not in text


async def test_what_happens_to_a_task_is_counted_once_it_is_committed(store: StoreWorld, metrics: Metrics) -> None:
    desktop = store.device()
    await joined(desktop)
    await desktop.say("one")
    await desktop.say("one", key="k")
    await desktop.say("one", key="k")
    call_id, _ = await desktop.running()
    other = store.device()
    assert (await other.step(call_id, "claim")).json()["type"] == "urn:segue:problem:held"
    phone = desktop.after_move(2)
    await phone.read("/resume")
    await joined(phone)
    await joined(desktop)  # reads along: no conversation
    found = await samples(metrics)
    assert value(found, "segue_events_total", writer="agent") == 2
    assert value(found, "segue_tool_call_steps_total", step="started") == 1
    assert value(found, "segue_tool_call_claims_lost_total") == 1
    assert value(found, "segue_problems_total", problem="held") == 1
    assert value(found, "segue_task_moves_total") == 1
    assert value(found, "segue_state_releases_total", state="resume") == 1
    told = [value(found, "segue_conversations_total", began=began) for began in ("new_task", "continued")]
    stored = await store.database.read(lambda connection: count(connection, since=START, until=START + 1))
    assert told == [stored.new_task, stored.continued] == [1, 1]


async def test_open_streams_are_counted_until_they_end(store: StoreWorld, metrics: Metrics) -> None:
    device = store.device()
    async with device.follow() as stream:
        assert (await stream.start())[0] == 200
        assert value(await samples(metrics), "segue_open_streams") == 1
    assert value(await samples(metrics), "segue_open_streams") == 0


async def test_outages_and_chores_are_counted(
    store: StoreWorld, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = store.device()
    await device.read()

    async def away(*_: Any, **__: Any) -> Any:
        raise DatabaseUnavailable("gone")

    async def chore() -> int:
        return 3

    with monkeypatch.context() as patch:
        patch.setattr(store.database, "read", away)
        assert (await device.get()).status_code == 503
    store.ephemeral.outages += 2
    assert store.telemetry is not None
    assert await store.telemetry.chore("kept answers", chore)() == 3
    with pytest.raises(DatabaseUnavailable):
        await store.telemetry.chore("kept answers", away)()
    found = await samples(metrics)
    assert value(found, "segue_database_failures_total", cause="other") == 1
    assert value(found, "segue_redis_outages_total") == 2
    assert value(found, "segue_housekeeping_runs_total", chore="kept answers", outcome="done") == 1
    assert value(found, "segue_housekeeping_runs_total", chore="kept answers", outcome="failed") == 1


async def test_each_process_serves_its_own_at_the_first_port_that_is_free() -> None:
    first = Metrics(ANY_PORT, CATALOGUE)
    first.serve()
    taken = first.port
    second = Metrics(MetricsAddress("127.0.0.1", range(taken, taken + 1)), CATALOGUE)
    with pytest.raises(OSError, match="no port"):
        second.serve()
    third = Metrics(MetricsAddress("127.0.0.1", range(taken, min(taken + 20, 2**16))), CATALOGUE)
    third.serve()
    assert third.port > taken
    await first.aclose()
    await third.aclose()


async def test_a_span_of_each_request_goes_to_the_collector_and_says_nothing_that_was_written(
    store: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector() as collected:
        device = await traced(store, monkeypatch, collected)
        session = await joined(device)
        parent = f"00-{'ab' * 16}-{'cd' * 8}-01"
        headers = {"traceparent": parent, "tracestate": f"v={CANARY}", "baggage": f"b={CANARY}"}
        await device.send("GET", "/events?after=7777", headers={**headers, "Task-Session": session})
        await device.send("GET", f"/{CANARY}?code={CANARY}", headers={"User-Agent": CANARY})
        await device.post("/events", {"events": [event(CANARY)]}, key=CANARY)
        await store.stop()
    span = collected.named("GET /tasks/{task_id}/events")
    assert attributes(span) == {
        "http.request.method": "GET",
        "http.route": "/tasks/{task_id}/events",
        "http.response.status_code": 409,
        "url.scheme": "https",
        "error.type": "cursor-ahead",
        "segue.task_id": TASK,
        "segue.session_id": session,
        "segue.device_id": device.device_id,
        "segue.client_id": device.claims.get("client_id", attributes(span)["segue.client_id"]),
    }
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.kind) == ("ab" * 16, "cd" * 8, Span.SPAN_KIND_SERVER)
    transactions = [found for found in collected.spans if found.parent_span_id == span.span_id]
    assert [attributes(found).get("db.operation.name") for found in transactions if "sql" in found.name][:1] == ["read"]
    (checked,) = (found for found in transactions if found.name == "check task token")
    assert span.start_time_unix_nano <= checked.start_time_unix_nano < checked.end_time_unix_nano
    remembered = [found.name for found in transactions if found.name.endswith(" redis")]
    assert remembered == ([] if isinstance(store.ephemeral, InProcessEphemeral) else ["first_use redis"])
    assert collected.services == {"segue-resource"}
    for secret in (CANARY, device.token, device.token.split(".")[2], "7777"):
        assert secret.encode() not in collected.raw


async def traced(store: StoreWorld, monkeypatch: pytest.MonkeyPatch, collected: Collected) -> Device:
    """A device of a store that sends its traces to the collector."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.url)
    store.telemetry = Telemetry(metrics=None, traces=Traces("segue-resource"))
    await store.restart()
    return store.device()


async def test_a_collector_that_is_away_costs_no_request(store: StoreWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    store.telemetry = Telemetry(metrics=None, traces=Traces("segue-resource"))
    await store.restart()
    assert (await store.device().say("goes on")).status_code == 201
    await store.stop()


def test_telemetry_is_off_unless_it_is_asked_for_and_then_loads_nothing() -> None:
    settings = from_environment({})
    assert (settings.observing.metrics, settings.observing.traces) == (None, False)
    loaded = (
        "import sys, segue_resource.serving;"
        "print([name for name in ('prometheus_client', 'opentelemetry') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_standard_variables_turn_traces_on_and_off() -> None:
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    assert from_environment(named).observing.traces
    assert from_environment({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/v1/traces"}).observing.traces
    assert not from_environment({**named, "OTEL_SDK_DISABLED": "true"}).observing.traces
    assert not from_environment({**named, "OTEL_TRACES_EXPORTER": "none"}).observing.traces
    with pytest.raises(BadSetting, match="http/protobuf"):
        from_environment({**named, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})


@pytest.mark.parametrize("text", ["9464", "host", ":1", "host:70000", "host:2-1", "host:1-", "ho st:1", "http://h:1"])
def test_an_address_for_metrics_that_is_none_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(BadSetting, match="SEGUE_RESOURCE_METRICS"):
        from_environment({"SEGUE_RESOURCE_METRICS": text})


def test_an_address_for_metrics_has_a_port_for_each_process() -> None:
    address = parse_metrics_address("NAME", "[::1]:9464-9467")
    assert address is not None
    assert (address.host, list(address.ports), str(address)) == ("::1", [9464, 9465, 9466, 9467], "[::1]:9464-9467")
    assert str(from_environment({"SEGUE_RESOURCE_METRICS": "127.0.0.1:9464"}).observing.metrics) == "127.0.0.1:9464"


async def test_metrics_take_little_of_the_time_of_a_request(tmp_path: Path, anyio_backend: str) -> None:
    """By processor time, which a busy machine hardly changes. `SEGUE_TEST_ROUNDS=full` and `-s` for figures."""
    many = rounds(bounded=30, full=2000)
    async with open_store_world(
        tmp_path, database_url=f"sqlite:///{tmp_path}/resource.db", ephemeral_url=None
    ) as store:
        await store.begin()
        device = store.device()
        await device.say("the first one fetches keys")
        began = time.process_time()
        for _ in range(many):
            await device.say("x")
        request = (time.process_time() - began) / many
    told = Metrics(ANY_PORT, CATALOGUE)
    began = time.process_time()
    for _ in range(10 * many):
        tell_of_an_append(told)
    metrics = (time.process_time() - began) / (10 * many)
    print(f"an append: {request * 1e6:.0f} us of processor time; its metrics: {metrics * 1e6:.0f} us")
    assert metrics < request / 50


def tell_of_an_append(metrics: Metrics) -> None:
    seen = Seen(
        "POST", {"task_id": TASK, "session_id": "ses_0123456789abcdef", "route": "/tasks/{task_id}/events"}, 201
    )
    with metrics.transaction("write") as begins:
        begins()
    metrics.tally.add(of_transaction(Counter({("appended", "agent"): 1})))
    metrics.answered(seen, seconds=0.01)
    metrics.ended(seen)
