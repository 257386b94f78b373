"""The task store asks for a person who is here now (RFC 9470): the desktop has them sign in again, and they decide."""

import json

import pytest
from playwright.sync_api import Route, expect
from two_devices import Desktop, sign_in

pytestmark = pytest.mark.browser

SENDING = "Send the draft to Acme's counsel"
CHALLENGE = {
    "type": "urn:segue:problem:insufficient-user-authentication",
    "title": "The person has to sign in anew",
    "status": 401,
    "detail": "the person has to sign in anew for this action",
    "error": "insufficient_user_authentication",
    "max_age": "1",
}


@pytest.mark.requirement("RFC9470-3-a", "RFC9470-4-a")
def test_a_decision_that_takes_a_fresh_sign_in_is_taken_after_one(desktop: Desktop) -> None:
    desktop.begin_task()
    desktop.say(SENDING)
    card = desktop.page.get_by_test_id("tool-call").filter(has_text=SENDING)
    expect(card).to_contain_text("The agent wants to do this.")
    task_id, before = desktop.task_id(), desktop.as_client("return grant.details;")

    def ask_for_the_person(route: Route) -> None:
        headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "application/problem+json"}
        headers["WWW-Authenticate"] = 'DPoP error="insufficient_user_authentication", max_age="1"'
        route.fulfill(status=401, headers=headers, body=json.dumps(CHALLENGE))

    desktop.page.route("**/approve", ask_for_the_person, times=1)
    card.get_by_role("button", name="Approve").click()
    expect(desktop.page.get_by_text("Please sign in once more.")).to_be_visible()
    expect(desktop.page.get_by_label("User name")).to_have_value(desktop.stage.person.username)
    sign_in(desktop.page, desktop.stage.person)
    desktop.page.get_by_role("button", name="Allow").click()
    desktop.expect_live()
    assert desktop.task_id() == task_id
    assert desktop.as_client("return grant.details;")["actions"] == before["actions"]
    card.get_by_role("button", name="Approve").click()
    expect(card).to_have_attribute("data-state", "running")
