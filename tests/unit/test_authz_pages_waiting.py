"""The pages around requests by the backchannel: what waits, the person's code, and notifications."""

from dataclasses import replace
from pathlib import Path

import pytest
from authz_page_views import BY_BACKCHANNEL, NOTIFICATIONS, USER_CODE, WAITING
from html_page import form_of, read_page
from segue_authz import pages
from segue_authz.pages import approve, notifications, user_code, waiting, worker_route
from starlette.applications import Starlette
from starlette.testclient import TestClient


@pytest.mark.requirement("A3")
def test_a_request_that_waits_has_one_button_and_it_decides_nothing() -> None:
    page = read_page(waiting(WAITING))
    (button,) = page.all("button")
    form = form_of(page, button)
    assert (form.attributes["method"], form.attributes["action"]) == ("post", "/requests")
    assert (button.attributes["name"], button.attributes["value"]) == ("transfer_id", "trf_9")
    assert page.one(data_waiting="trf_9").one("h1").words == "A request waits for you"


@pytest.mark.requirement("A3", "XD-BACK-04", "XD-CONS-03")
@pytest.mark.parametrize("raw", ["</p><script>alert(1)</script>", "Blue\u202ephone", "W" * 5_000])
def test_what_a_request_says_of_itself_is_cleaned_and_stays_text(raw: str) -> None:
    row = replace(WAITING.requests[0], client_name=raw, device_name=raw, binding_message=raw)
    page = read_page(waiting(replace(WAITING, requests=(row,))))
    assert {each.text for each in page.all("script")} == {""}
    assert all(len(page.fact(fact).text) <= 32 for fact in ("client_name", "device_name", "binding_message"))


@pytest.mark.requirement("A3", "XD-BACK-03", "XD-CONS-01")
def test_the_page_that_asks_has_the_message_among_the_claims_and_a_way_to_say_that_it_was_somebody_else() -> None:
    page = read_page(approve(BY_BACKCHANNEL))
    claims = page.one("section", _class="claim")
    assert claims.fact("binding_message").words == "Order 4711"
    (report,) = [each for each in page.all("button") if each.attributes.get("value") == "report"]
    assert form_of(page, report).attributes["id"] == "decline"
    assert page.all("button")[0].words == "Decline"
    plain = read_page(approve(replace(BY_BACKCHANNEL, backchannel=False, binding_message=None)))
    assert [each for each in plain.all("button") if each.attributes.get("value") == "report"] == []


@pytest.mark.requirement("A3")
@pytest.mark.parametrize("state", ["denied", "cancelled", "expired"])
def test_where_a_request_has_ended_the_way_on_is_to_those_that_wait(state: str) -> None:
    page = read_page(approve(replace(BY_BACKCHANNEL, state=state, tasks=(), may_begin=False)))
    assert "/requests" in [each.attributes["href"] for each in page.all("a")]
    assert "code" not in page.one(_class="lead").words


@pytest.mark.requirement("A3")
def test_a_code_is_typed_unseen_and_never_shown() -> None:
    page = read_page(user_code(USER_CODE))
    assert page.one("input", id="user_code").attributes["type"] == "password"
    assert "value" not in page.one("input", id="user_code").attributes
    assert [each.words for each in page.all("button")] == ["Replace the code", "Have no code"]
    assert [each.words for each in read_page(user_code(replace(USER_CODE, has_one=False))).all("button")] == [
        "Set the code"
    ]


@pytest.mark.requirement("A3")
def test_notifications_begin_by_script_alone_and_stop_without() -> None:
    begin, stop = read_page(notifications(NOTIFICATIONS)), read_page(notifications(replace(NOTIFICATIONS, told=True)))
    assert "disabled" in begin.one("button").attributes
    assert begin.one(data_worker="/service-worker.js").attributes["data-key"] == "BKey"
    assert (stop.one("button").attributes["name"], "disabled" in stop.one("button").attributes) == ("stop", False)


@pytest.mark.requirement("A3", "XD-WEB-04")
def test_the_service_worker_covers_all_pages_and_is_asked_for_anew() -> None:
    answer = TestClient(Starlette(routes=[worker_route()])).get("/service-worker.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.text == (Path(pages.__file__).parent / "static" / "service_worker.js").read_text()
