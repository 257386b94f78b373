"""What a person does with another device's code in a browser: signs in if need be, chooses the task, decides."""

from playwright.sync_api import Page, expect
from segue_demo.enrolled import Person
from segue_demo.site import TASK_NAME
from two_devices import Desktop, Device, Phone, sign_in


def open_code(device: Device, address: str, *, person: Person | None = None) -> Page:
    """The page that takes the code, with the code of a scanned address in it; `person` signs in on the way."""
    page = device.context.new_page()
    page.goto(address)
    if person is not None:
        sign_in(page, person)
    expect(page.get_by_label("Code", exact=True)).to_have_value(address.rpartition("#")[2])
    assert page.url == f"{device.stage.site.issuer}/device"
    return page


def enter(page: Page) -> None:
    """Go on with the code to the page that asks."""
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/approve/*")
    rested(page)


def approve(page: Page, *, check_value: str, mode: str = "Move") -> None:
    """Choose the one task there is, and type the number."""
    page.get_by_role("radio", name=TASK_NAME).first.check()
    page.get_by_role("radio", name=mode).check()
    page.get_by_label("Check value").fill(check_value)
    page.get_by_role("button", name="Approve").click()


def pull(desktop: Desktop, phone: Phone, *, name: str = "Pocket phone", mode: str = "Move") -> None:
    """The whole pull into the browser of a person who is signed in, up to the task on the phone."""
    phone.ask(name)
    page = open_code(desktop, phone.photographed_code())
    enter(page)
    approve(page, check_value=phone.check_value(), mode=mode)
    phone.pick_up()
    page.close()


def rested(page: Page) -> None:
    """Buttons of a page that has just come do nothing for a moment (XD-WEB-02)."""
    expect(page.locator("main button[aria-disabled]")).to_have_count(0)


def expect_heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1).locator("visible=true")).to_have_text(text)


def vault(device: Device, name: str) -> object:
    """What the device's page keeps under this name."""
    return device.page.evaluate("(name) => import('/static/segue/vault.js').then((vault) => vault.get(name))", name)
