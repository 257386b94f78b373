"""A human agent takes part in a task beside its customer: who is who, who may what, and hand-overs in plain words."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from opened_devices import Devices
from playwright.sync_api import Locator, expect
from running_demo import RunningDemo, running_demo
from segue_demo.enrolled import Person
from segue_resource.domain.audit import AUDITED
from stage import Stage
from two_devices import Desktop, Device, sign_in

pytestmark = pytest.mark.browser
_POST = """
const headers = { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() };
const url = `${settings.store}/tasks/${grant.details.task_id}/${given.path}`;
return grant.call("POST", url, { audience: settings.store, headers, body: JSON.stringify(given.body) });
"""
_WORDS = """async (kinds) => {
  const { describe } = await import("/static/event_words.js");
  const roles = { from_role: "agent", to_role: "human_agent", role: "human_agent" };
  const body = { ...roles, to: "paused", count: 2, limit: { name: "refunds" } };
  return kinds.map((kind) => describe({ kind, role: "system", body, actor: {} }, { names: () => "Desk" }).text);
}"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with running_demo(tmp_path_factory.mktemp("stage"), job_seconds=2) as running:
        yield running


@pytest.fixture(scope="module")
def stage(demo: RunningDemo) -> Stage:
    return Stage(demo.site, demo.person, demo.ledger, (demo.folder / "log",))


@pytest.fixture(scope="module")
def guest(demo: RunningDemo) -> Person:
    return demo.enrol("guest")


def post(device: Device, path: str, **body: Any) -> Any:
    return device.as_client(_POST, {"path": path, "body": body})


def take_part(device: Device, guest: Person, invitation_uri: str) -> None:
    """Accept the invitation, and open the task on the demo's desktop page."""
    device.page.goto(invitation_uri)
    sign_in(device.page, guest)
    device.page.get_by_role("button", name="Go on").click()
    device.page.get_by_role("button", name="Accept").click()
    expect(device.page.get_by_role("button", name="Accept")).to_have_count(0)
    device.page.goto(f"{device.stage.site.desktop}/")
    device.page.get_by_role("button", name="Sign in and open a task").click()
    device.page.get_by_role("radio").first.check()
    device.page.get_by_role("button", name="Allow").click()
    device.expect_live()


def lines(device: Device) -> list[str]:
    return device.page.locator("#history .happened .words").all_inner_texts()


def voice(device: Device, said: str) -> Locator:
    """Whose words they are, as the page says it."""
    return device.page.locator("#history .message").filter(has_text=said).locator(".voice")


@pytest.mark.requirement("T15", "T16", "R53", "R55", "R56", "R60")
def test_customer_and_human_agent_see_each_other_and_every_hand_over_in_words(devices: Devices, guest: Person) -> None:
    customer, agent = devices.desktop(), devices.desktop()
    customer.begin_task()
    take_part(agent, guest, post(customer, "invitations", role="human_agent")["invitation_uri"])
    for device in (customer, agent):
        expect(device.page.locator("#presence")).to_have_text(re.compile("^Here now: this device, (the|a) "))
    expect(agent.page.locator("#steering")).to_be_hidden()
    offered = post(customer, "handoffs", mode="cold", to_role="human_agent", reason="The customer asks for a person.")
    post(agent, f"handoffs/{offered['handoff_id']}/accept")
    for device in (customer, agent):
        expect(device.page.locator("#lead")).to_have_text("A human agent answers in this task now.")
    customer.say("Is anybody there?")
    expect(agent.message("Is anybody there?")).to_have_count(1)
    agent.say("I am. The cap is agreed.")
    expect(voice(customer, "I am. The cap is agreed.")).to_have_text("Human agent")
    expect(voice(agent, "I am. The cap is agreed.")).to_have_text("You")
    expect(voice(agent, "Is anybody there?")).to_have_text("Customer")
    post(agent, f"handoffs/{offered['handoff_id']}/return")
    for device in (customer, agent):
        expect(device.page.locator("#lead")).to_have_text("")
    told = [
        "The agent asks a human agent to take over: “The customer asks for a person.”",
        "A human agent took over; the agent is silent until it is handed back",
        "A human agent handed back to the agent",
    ]
    assert [line for line in lines(customer) if line in told] == told
    assert "A human agent was invited" in lines(customer)
    assert "A human agent takes part now" in lines(customer)
    assert "You take part now" in lines(agent)
    events = customer.events()
    assert [event["role"] for event in events if event["body"].get("text") == "I am. The cap is agreed."] == [
        "human_agent"
    ]
    for device in (customer, agent):
        device.expect_shown(events)


@pytest.mark.requirement("T15", "T16")
def test_whatever_the_store_audits_has_words_in_the_history(desktop: Desktop) -> None:
    desktop.page.goto(f"{desktop.stage.site.desktop}/")
    words = dict(zip(AUDITED, desktop.page.evaluate(_WORDS, list(AUDITED)), strict=True))
    wordless = [kind for kind, said in words.items() if said == re.sub("[._]", " ", kind).capitalize()]
    assert wordless == []
    assert [kind for kind, said in words.items() if "undefined" in said or "_" in said] == []
