"""One journey through both servers, as it is seen afterwards: by numbers, lines of log and traces, and no secret."""

import json
import re
import secrets
from pathlib import Path

import pytest
import yaml
from journey import open_journey, said
from operated import Operated, until
from otlp_receiver import attributes
from overheard import Overheard
from prometheus_client.parser import text_string_to_metric_families as families
from runbook import sections

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T22"), pytest.mark.postgresql, pytest.mark.redis]

OBSERVABILITY = Path(__file__).parents[2] / "deploy" / "observability"
_ENDS = {"counter": ["total"], "histogram": ["bucket", "count", "sum"], "gauge": []}
_MATCHERS = re.compile(r'(\w+)(=~|=)"([^"]*)"')
SAID = "canary-5d1c that only the task may hold"


@pytest.mark.requirement("XD-OPS-01")
async def test_a_journey_is_seen_whole_and_shows_no_secret(site: Operated) -> None:
    overheard = Overheard(site.person)
    trace_id, request_id = secrets.token_hex(16), f"proxy-{secrets.token_hex(8)}"
    async with open_journey(site.site, site.person) as journey:
        overheard.listen(journey)
        journey.pages.headers["traceparent"] = f"00-{trace_id}-{'1' * 16}-01"
        journey.pages.headers["x-request-id"] = request_id
        desktop = await journey.begin()
        await journey.task(desktop).append([said(SAID)])
        phone = await journey.hand_over(desktop)
        await journey.task(phone).resume()
        forged = {"x-request-id": 'a" level="error', "traceparent": "00-zz"}
        assert (await journey.pages.get(f"{site.site.issuer}/signed-out", headers=forged)).status_code == 200
        assert (await journey.pages.get(f"{site.site.issuer}/{SAID}")).status_code == 404
    _check_numbers(site)
    _check_lines(site, trace_id, request_id)
    await _check_trace(site, trace_id)
    told = [site.scrape(server) for server in ("authz", "resource")]
    told += [(site.folder / server / "log").read_text() for server in ("authz", "resource")]
    told.append(site.collected.raw.decode("latin-1"))
    assert len(overheard.secrets) > 40
    for secret in (*overheard.secrets, SAID, (site.folder / "resource.key").read_text()):
        assert not any(secret in text for text in told), secret


def _check_numbers(site: Operated) -> None:
    for stage in ("offered", "claimed", "approved", "redeemed"):
        assert site.number("authz", "segue_transfers_total", stage=stage) == 1, stage
    assert site.number("authz", "segue_requests_total", route="/token", status="200") >= 2
    assert site.number("authz", "segue_requests_total", route="/confirm/{transfer_id}", status="200") >= 1
    assert site.number("authz", "segue_requests_total", route="/jwks", method="GET", status="200") >= 1
    assert site.number("authz", "segue_requests_total", route="", status="404") == 1
    assert site.number("authz", "segue_transaction_seconds_count", work="write") > 3
    assert site.number("resource", "segue_task_moves_total") == 1
    assert site.number("resource", "segue_events_total", writer="agent") == 1
    assert site.number("resource", "segue_database_wait_seconds_count") > 3
    assert site.number("authz", "segue_event_loop_lag_seconds_count") > 0
    assert site.number("authz", "segue_signing_key_age_seconds") > 0
    assert 0 < site.number("resource", "segue_withdrawals_heard_seconds") < 30


def _check_lines(site: Operated, trace_id: str, request_id: str) -> None:
    lines = [line for line in site.log("authz") if line["event"] == "request"]
    given = [line for line in lines if line["request_id"] == request_id]
    assert {line["trace_id"] for line in given} == {trace_id}
    assert {"/authorize", "/confirm/{transfer_id}"} <= {line["route"] for line in given}
    (forged,) = (line for line in lines if line["route"] == "/signed-out")
    assert len(forged["request_id"]) > 8
    assert forged["trace_id"] != trace_id
    assert "error" not in (forged["request_id"], forged["level"])
    assert all({"at", "level", "method", "status", "milliseconds"} <= line.keys() for line in lines)
    moved = [line for line in site.log("resource") if line.get("route") == "/tasks/{task_id}/resume"]
    assert [line["status"] for line in moved] == [200]
    assert moved[0]["task_id"].startswith("tsk_")


async def _check_trace(site: Operated, trace_id: str) -> None:
    """One trace: the person's browser, the authorization server, its database, and the task store that it asked."""

    def names() -> set[str]:
        return {span.name for span in site.collected.spans if span.trace_id.hex() == trace_id}

    await until(lambda: {"POST /authorize", "PUT /task-cards/{task_id}"} <= names())
    spans = {span.span_id: span for span in site.collected.spans if span.trace_id.hex() == trace_id}
    (created,) = (span for span in spans.values() if span.name == "PUT /task-cards/{task_id}")
    asked = spans[created.parent_span_id]
    assert (asked.name, attributes(asked)["http.route"]) == ("POST /authorize", "/authorize")
    assert "write postgresql" in {span.name for span in spans.values() if span.parent_span_id == created.span_id}
    assert site.collected.services == {"segue-authz", "segue-resource"}


def test_alerts_dashboard_and_runbook_name_what_the_servers_export(site: Operated) -> None:
    scraped = [family for server in ("authz", "resource") for family in families(site.scrape(server))]
    series = {sample.name for family in scraped for sample in family.samples} | {family.name for family in scraped}
    series |= {f"{family.name}_{end}" for family in scraped for end in _ENDS[family.type]}
    labels = {pair for family in scraped for sample in family.samples for pair in sample.labels.items()}
    names = {name for name, _ in labels} | {"job", "instance"}
    told = [*alerts().values(), *dashboard()]
    assert len(told) > 30
    for expression in told:
        assert set(re.findall(r"segue_[a-z_]+", expression)) <= series, expression
        grouped = re.findall(r"by \(([^)]*)\)", expression)
        assert {name.strip() for group in grouped for name in group.split(",")} <= names, expression
    for name, matches, value in _MATCHERS.findall(" ".join(told)):
        for word in value.split("|") if matches == "=~" else [value]:
            assert (name, word) in labels, f"{name}={word} is never exported"
    for found in sections():
        assert found.named(r"segue_[a-z_]+") <= series, found.title


def test_each_alert_names_its_section_and_each_section_its_alerts() -> None:
    (group,) = yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text())["groups"]
    by_section: dict[str, set[str]] = {found.anchor: set() for found in sections()}
    for rule in group["rules"]:
        file, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert file == "specs/runbook.md"
        by_section[anchor].add(rule["alert"])
    assert {found.anchor: found.named(r"Segue[A-Za-z]+") for found in sections()} == by_section
    assert all(by_section.values())


def alerts() -> dict[str, str]:
    """What each asks."""
    (group,) = yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def dashboard() -> list[str]:
    board = json.loads((OBSERVABILITY / "grafana-dashboard.json").read_text())
    return [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
