"""One journey through both servers, as it is seen afterwards: by numbers, lines of log and traces, and no secret."""

import secrets

import pytest
from journey import open_journey, said
from operated import Operated, until
from otlp_receiver import attributes
from overheard import Overheard

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T22"), pytest.mark.postgresql, pytest.mark.redis]

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
