"""Signing in at another provider in a real browser: over its own pages, under our content security policy (A12)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import PHONE
from page_witness import Witness
from playwright.sync_api import Browser, BrowserContext, Page, expect
from upstream_stage import LABEL, UpstreamStage, upstream_stage

pytestmark = [pytest.mark.browser, pytest.mark.requirement("A12")]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpstreamStage]:
    folder: Path = tmp_path_factory.mktemp("elsewhere")
    with upstream_stage(folder) as opened:
        yield opened


@pytest.fixture
def context(chromium: Browser, stage: UpstreamStage) -> Iterator[BrowserContext]:
    """A telephone's browser in which nobody is signed in anywhere."""
    opened = chromium.new_context(**PHONE)
    opened.route(lambda url: not url.startswith((stage.here, stage.issuer)), lambda route: route.abort())
    yield opened
    opened.close()


def go_on(page: Page, login: str) -> None:
    """The provider's pages: who it is, and that this server may know."""
    page.get_by_placeholder("Enter any login").fill(login)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_a_person_signs_in_over_the_pages_of_another_provider_and_out_again(
    context: BrowserContext, stage: UpstreamStage
) -> None:
    page = context.new_page()
    page.goto(f"{stage.here}/devices")
    page.get_by_role("button", name=f"Continue with {LABEL}").click()
    page.wait_for_url(f"{stage.issuer}/**")
    go_on(page, "dana")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your devices and transfers")
    assert page.url == f"{stage.here}/devices"
    page.goto(f"{stage.here}/account/security")
    expect(page.locator("[data-fact=identity]")).to_contain_text(LABEL)
    page.goto(f"{stage.here}/")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name=f"Sign out at {LABEL} too").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    assert page.url.startswith(f"{stage.here}/signed-out")


def test_the_way_there_works_without_script_and_nothing_on_our_pages_goes_wrong(
    chromium: Browser, stage: UpstreamStage
) -> None:
    context = chromium.new_context(**PHONE, java_script_enabled=False)
    witness = Witness(context)
    page = context.new_page()
    page.goto(f"{stage.here}/sign-in?return_to=/devices")
    page.get_by_role("button", name=f"Continue with {LABEL}").click()
    page.wait_for_url(f"{stage.issuer}/**")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You did not sign in")
    expect(page.get_by_role("link", name="To the sign-in page")).to_be_visible()
    theirs = ("https://fonts.googleapis.com/", stage.issuer)
    assert [each for each in witness.complaints if not any(address in each for address in theirs)] == []
    context.close()
