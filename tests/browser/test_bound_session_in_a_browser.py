"""Chromium binds its session to a key of its own (A13, W3C DBSC); with its cookies alone nobody gets anywhere."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from authz_world import PASSWORD, PHONE, USERNAME
from chromium import DESKTOP, PATIENCE, profile
from https_world import HttpsWorld, https_world
from playwright.sync_api import BrowserContext, Page, Playwright, expect
from segue_authz.domain.bound_session import BOUND_COOKIE_LIFETIME, IN_FLIGHT, SETTLING

pytestmark = [pytest.mark.browser, pytest.mark.requirement("A13")]

FEATURES = "DeviceBoundSessions:RefreshQuota/false,EnableBoundSessionCredentialsSoftwareKeysForManualTesting"
"""Without them Chromium for Linux binds nothing; the quota would stop a test that refreshes as often as this one."""
SESSION, BOUND = "__Host-segue", "__Host-segue-bound"
REGISTERED, CHALLENGED, REFRESHED = (
    "POST /bound-session/register 200",
    "POST /bound-session/refresh 403",
    "POST /bound-session/refresh 200",
)
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsWorld]:
    with https_world(tmp_path_factory.mktemp("server")) as opened:
        yield opened


@pytest.fixture
def browsers(playwright: Playwright, server: HttpsWorld, tmp_path: Path) -> Iterator[Open]:
    """`browsers("mine")` starts a profile, or starts it again; `features=False` is a browser as most are today."""
    running: dict[str, ExitStack] = {}

    def start(name: str, *, features: bool = True) -> Page:
        if name in running:
            running.pop(name).close()
        switches = ["--disable-quic", f"--ignore-certificate-errors-spki-list={server.spki}"]
        switches += [f"--enable-features={FEATURES}"] if features else []
        stack = running[name] = ExitStack()
        context = stack.enter_context(profile(playwright, tmp_path / name, DESKTOP, switches=switches, whole=True))
        return context.new_page()

    yield start
    for stack in running.values():
        stack.close()


def heard(page: Page, server: HttpsWorld, *said: str, since: int = 0) -> None:
    """Wait until the server has answered all of this."""
    for _ in range(PATIENCE // 100):
        if all(each in server.heard[since:] for each in said):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"{said} is not among {server.heard[since:]}")


def sign_in(page: Page, server: HttpsWorld) -> None:
    page.goto(f"{server.issuer}/")
    page.get_by_label("User name").fill(USERNAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def bound(page: Page, server: HttpsWorld) -> None:
    """Signed in, registered, and long enough ago that the server wants the bound cookie."""
    mark = len(server.heard)
    sign_in(page, server)
    heard(page, server, REGISTERED, since=mark)
    server.later(SETTLING)


def events_of(page: Page) -> list[dict[str, Any]]:
    """What the browser itself says of its bound sessions from now on."""
    told: list[dict[str, Any]] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.deviceBoundSessionEventOccurred", lambda event: told.append(event))
    session.send("Network.enableDeviceBoundSessions", {"enable": True})
    return told


def told_results(events: list[dict[str, Any]], details: str, name: str) -> list[str]:
    return [event[details][name] for event in events if details in event]


def let_in(page: Page, server: HttpsWorld, path: str = "/devices") -> bool:
    """Whether the page shows itself; what comes otherwise says that this may be another browser."""
    page.goto(f"{server.issuer}{path}")
    headings = {"/devices": "Your devices and transfers"}
    question = page.get_by_role("heading", name="Is this the same browser?")
    shown = page.get_by_role("heading", name=headings.get(path, "Let another device have a task?"))
    expect(question.or_(shown)).to_be_visible()
    return shown.is_visible()


def steal(thief: BrowserContext, owner: BrowserContext, *names: str) -> None:
    members = ("name", "value", "domain", "path", "httpOnly", "secure", "sameSite")
    jar = [{member: cookie[member] for member in members} for cookie in owner.cookies() if cookie["name"] in names]
    assert len(jar) == len(names)
    thief.clear_cookies()
    thief.add_cookies(jar)


@pytest.mark.requirement("XD-DBSC-02", "XD-DBSC-06")
def test_chromium_registers_refreshes_survives_a_restart_and_ends_with_the_sign_out(
    server: HttpsWorld, browsers: Open
) -> None:
    page = browsers("mine")
    events = events_of(page)
    bound(page, server)
    assert told_results(events, "creationEventDetails", "fetchResult") == ["Success"]
    mark = len(server.heard)
    assert let_in(page, server)
    assert not {CHALLENGED, REFRESHED} & set(server.heard[mark:]), "a fresh cookie needs no proof"

    page.context.clear_cookies(name=BOUND)  # as when its time is over
    mark = len(server.heard)
    assert let_in(page, server)
    assert server.heard[mark : mark + 3] == [CHALLENGED, REFRESHED, "GET /devices 200"], "the request waits for it"
    assert told_results(events, "refreshEventDetails", "refreshResult") == ["Refreshed"]

    server.later(BOUND_COOKIE_LIFETIME + IN_FLIGHT)  # the server's clock is ahead of the browser's
    mark = len(server.heard)
    assert let_in(page, server)
    assert REFRESHED in server.heard[mark:]

    page = browsers("mine")
    page.context.clear_cookies(name=BOUND)
    mark = len(server.heard)
    assert let_in(page, server)
    assert server.heard[mark : mark + 3] == [CHALLENGED, REFRESHED, "GET /devices 200"], "the key was kept"

    page.goto(f"{server.issuer}/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    mark = len(server.heard)
    page.goto(f"{server.issuer}/devices")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert server.heard[mark : mark + 2] == [REFRESHED, "GET /devices 303"], "told that the session does not go on"
    mark = len(server.heard)
    page.goto(f"{server.issuer}/devices")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert REFRESHED not in server.heard[mark:], "and it has believed it"


@pytest.mark.requirement("XD-DBSC-04", "XD-DBSC-06")
def test_a_cookie_jar_in_another_browser_neither_opens_nor_approves_anything(
    server: HttpsWorld, browsers: Open
) -> None:
    page = browsers("mine")
    bound(page, server)
    phone = server.world.device(PHONE)
    asked = server.run(phone.ask_for_task()).json()
    page.goto(f"{server.issuer}/device")
    page.get_by_label("Code").fill(asked["user_code"])
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Let another device have a task?")).to_be_visible()
    decision = page.url.removeprefix(server.issuer)

    thief = browsers("thief")
    steal(thief.context, page.context, SESSION)
    mark = len(server.heard)
    assert not let_in(thief, server, decision)
    assert not let_in(thief, server)
    assert not {REGISTERED, REFRESHED} & set(server.heard[mark:]), "the thief's browser has no key to prove"

    pending = server.run(phone.redeem(asked["device_code"])).json()
    assert pending["error"] == "authorization_pending"
    assert let_in(page, server, decision), "and the owner's goes on"

    steal(thief.context, page.context, SESSION, BOUND)
    assert let_in(thief, server), "both cookies are worth a session"
    server.later(BOUND_COOKIE_LIFETIME + IN_FLIGHT)
    assert not let_in(thief, server), "for minutes"
    assert let_in(page, server)


def test_a_link_on_another_site_leads_in_although_no_other_site_may_make_a_browser_refresh(
    server: HttpsWorld, browsers: Open
) -> None:
    page = browsers("mine")
    bound(page, server)
    page.context.clear_cookies(name=BOUND)
    page.goto(f'data:text/html,<a href="{server.issuer}/devices">There</a>')
    mark = len(server.heard)
    page.get_by_role("link", name="There").click()
    expect(page.get_by_role("heading", name="Your devices and transfers")).to_be_visible()
    assert server.heard[mark] == "GET /devices 303"
    assert REFRESHED in server.heard[mark:], "once it comes from a page of ours"


@pytest.mark.requirement("XD-DBSC-04")
def test_a_browser_that_cannot_bind_its_session_works_as_ever(server: HttpsWorld, browsers: Open) -> None:
    page = browsers("plain", features=False)
    mark = len(server.heard)
    sign_in(page, server)
    server.later(BOUND_COOKIE_LIFETIME + IN_FLIGHT)
    assert let_in(page, server)
    assert not {REGISTERED, CHALLENGED, REFRESHED} & set(server.heard[mark:])
    page.goto(f"{server.issuer}/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
