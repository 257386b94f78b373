"""The demo's screens, while a task really moves from a desktop to a phone."""

from collections.abc import Iterator

from opened_devices import Devices
from playwright.sync_api import Page, expect
from two_devices import decide

SCREENS = (
    "desktop begins",
    "desktop works",
    "desktop shows a code",
    "phone is asked to connect",
    "phone shows the check value",
    "desktop sees the claim",
    "phone may pick up",
    "phone works",
    "desktop reads on",
)
"""In the order of a transfer."""
NAME = "Pocket phone"


def screens(devices: Devices) -> Iterator[tuple[str, Page]]:
    """Each by its name, and the page that shows it until the next is asked for."""
    desktop, phone = devices.desktop(), devices.phone()
    desktop.page.goto(f"{desktop.stage.site.desktop}/")
    expect(desktop.page.get_by_role("button", name="Sign in and open a task")).to_be_visible()
    yield "desktop begins", desktop.page
    desktop.begin_task()
    desktop.expect_live()
    yield "desktop works", desktop.page
    desktop.offer()
    yield "desktop shows a code", desktop.page
    phone.scan(desktop.photographed_code())
    yield "phone is asked to connect", phone.page
    value = phone.connect(NAME)
    yield "phone shows the check value", phone.page
    desktop.expect_claim(NAME)
    yield "desktop sees the claim", desktop.page
    decide(desktop.review(), value)
    expect(phone.page.get_by_role("button", name="Pick up where you left off")).to_be_visible()
    yield "phone may pick up", phone.page
    phone.pick_up()
    yield "phone works", phone.page
    desktop.page.bring_to_front()
    desktop.close_dialog()
    desktop.expect_read_only()
    yield "desktop reads on", desktop.page
