"""Somebody is invited to a task: from the link over signing in to the answer, in a browser."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from journey import open_journey
from playwright.sync_api import Browser, Page, expect
from running_demo import RunningDemo, running_demo
from segue_demo.enrolled import Person

pytestmark = [pytest.mark.browser, pytest.mark.requirement("T15")]
AFTER_DEAD_TIME = 700  # milliseconds


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="module")
def guest(demo: RunningDemo) -> Person:
    return demo.enrol("guest")


def invitation(demo: RunningDemo, role: str) -> dict[str, Any]:
    """A new task's, made in another thread: this one belongs to Playwright."""

    async def made() -> dict[str, Any]:
        async with open_journey(demo.site, demo.person) as journey:
            grant = await journey.begin()
            path = f"/tasks/{grant.task_id}/invitations"
            return dict((await journey.at_store(grant, "POST", path, json={"role": role})).json())

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, made()).result()


def signed_in(page: Page, guest: Person) -> None:
    page.get_by_label("User name").fill(guest.username)
    page.get_by_label("Password").fill(guest.password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_the_link_leads_over_signing_in_to_the_invitation_and_declining_has_the_focus(
    chromium: Browser, demo: RunningDemo, guest: Person
) -> None:
    made = invitation(demo, "supervisor")
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    heard: list[str] = []
    page.on("request", lambda request: heard.append(request.url))
    page.goto(made["invitation_uri"])
    signed_in(page, guest)
    expect(page.get_by_label("Code")).to_have_value(made["code"])
    assert "#" not in page.url
    assert not any(made["code"] in url.partition("#")[0] for url in heard)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("invites you to a task")
    expect(page.get_by_role("button", name="Decline")).to_be_focused()
    expect(page.locator("[data-fact=role]")).to_have_text("a supervisor")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.wait_for_timeout(AFTER_DEAD_TIME)
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You take part in the task")
    context.close()


def test_a_typed_code_is_forgiven_its_writing_and_declining_ends_it(
    chromium: Browser, demo: RunningDemo, guest: Person
) -> None:
    made = invitation(demo, "human_agent")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{demo.site.issuer}/invitation")
    signed_in(page, guest)
    for title in ("You declined the invitation", None):
        page.goto(f"{demo.site.issuer}/invitation")
        page.get_by_label("Code").fill(made["code"].replace("-", " ").lower())
        page.get_by_role("button", name="Go on").click()
        if title is None:
            expect(page.get_by_role("alert")).to_contain_text("not known here")
            break
        page.wait_for_timeout(AFTER_DEAD_TIME)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
    context.close()
