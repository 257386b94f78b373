"""The demo's two pages as a person uses them: a desktop that has a task, and a phone that gets it."""

import io
import re
from typing import Any

import zxingcpp
from page_witness import Witness
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect
from segue_demo.enrolled import Person
from segue_demo.site import TASK_NAME
from stage import Stage

_AS_CLIENT = """async (given) => {{
  const load = (name) => import(`/static/segue/${{name}}.js`);
  const modules = ["device_key", "grant", "task_client", "proved_fetch"];
  const [{{ DeviceKey }}, {{ Grant }}, {{ TaskClient }}, {{ send }}] = await Promise.all(modules.map(load));
  const settings = await (await fetch("/config.json")).json();
  const key = await DeviceKey.open();
  const grant = await Grant.load({{ key, issuer: settings.issuer, client_id: settings.client_id }});
  const client = new TaskClient(grant, settings.store);
  try {{
    return await (async () => {{ {body} }})();
  }} catch (failure) {{
    return {{ status: failure.status, error: failure.error }};
  }}
}}"""


_WATCH = """(selector) => {
  window.firstSeen ??= {};
  const look = () => {
    if (document.querySelector(selector)) window.firstSeen[selector] ??= Date.now();
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
  look();
}"""


class Device:
    """A browser with the demo's page for it."""

    def __init__(self, context: BrowserContext, stage: Stage) -> None:
        self.context = context
        self.stage = stage
        self.witness = Witness(context)
        self.page = context.pages[0]

    def as_client(self, body: str, given: Any = None) -> Any:
        """Run a program in the page with its `client`, `grant`, `key` and `settings`; a refusal is status and error."""
        return self.page.evaluate(_AS_CLIENT.format(body=body), given)

    def task_id(self) -> str:
        return str(self.as_client("return grant.details.task_id;"))

    def events(self) -> list[dict[str, Any]]:
        """The whole log, as the store has it."""
        return list(self.as_client("return client.eventsAfter(0, 500);"))

    def calls(self) -> list[dict[str, Any]]:
        return list(self.as_client("return client.toolCalls();"))

    def say(self, text: str) -> None:
        self.page.get_by_label("Say something").fill(text)
        self.page.get_by_role("button", name="Send").click()

    def photographed_code(self) -> str:
        """What a camera reads off the screen."""
        image = Image.open(io.BytesIO(self.page.screenshot()))
        codes = [code.text for code in zxingcpp.read_barcodes(image)]
        assert len(codes) == 1, codes
        return codes[0]

    def expect_live(self) -> None:
        expect(self.page.locator("#task-state")).to_have_attribute("data-connection", "live")

    def watch_for(self, selector: str) -> None:
        """From now on until a reload, note when something on the page first matches."""
        self.page.evaluate(_WATCH, selector)

    def first_seen(self, selector: str) -> float:
        """When it did, in milliseconds since the epoch."""
        return float(self.page.evaluate("(selector) => window.firstSeen[selector]", selector))

    def expect_read_only(self) -> None:
        expect(self.page.locator("#screen-task")).to_have_attribute("data-access", "read")

    def call(self, state: str) -> Locator:
        return self.page.locator(f"[data-testid=tool-call][data-state={state}]")

    def messages(self) -> list[str]:
        """What is on the page of what was said, in the page's order."""
        return self.page.locator("#history .message .words").all_inner_texts()

    def message(self, text: str, *, exact: bool = True) -> Locator:
        return self.page.locator("#history .message .words").get_by_text(text, exact=exact)

    def expect_shown(self, events: list[dict[str, Any]]) -> None:
        """The page shows each event of the log once, in its order; a line may stand for several. More may have come."""
        last = events[-1]["seq"]
        or_more = re.compile(f"^({'|'.join(str(seq) for seq in range(last, last + 100))})$")
        expect(self.page.locator("#task-state")).to_have_attribute("data-seq", or_more)
        places = self.page.locator("#history li")
        spans: list[list[int]] = places.evaluate_all("all => all.map(({dataset: d}) => [+d.seq, +d.through])")
        shown = [seq for first, last in spans for seq in range(first, last + 1)]
        assert shown == [*(event["seq"] for event in events), *range(last + 1, max(shown) + 1)], shown


class Desktop(Device):
    """The Authorization Device."""

    def begin_task(self) -> None:
        """Sign in if need be, open a new task, and wait until its tool call runs."""
        self.page.goto(f"{self.stage.site.desktop}/")
        self.page.get_by_role("button", name="Sign in and open a task").click()
        self._sign_in()
        self.page.get_by_label("A new task").check()
        expect(self.page.get_by_label("Its name")).to_have_value(TASK_NAME)
        self.page.get_by_role("button", name="Allow").click()
        expect(self.call("running")).to_have_attribute("data-mine", "true")

    def offer(self, mode: str = "Move") -> None:
        """Show a code."""
        self.page.get_by_role("button", name="Continue on another device").click()
        self.page.get_by_role("radio", name=mode).check()
        self.expect_offered()

    def expect_offered(self) -> None:
        expect(self.page.locator("#transfer")).to_have_attribute("data-step", "offered")
        expect(self.page.get_by_test_id("qr").locator("svg")).to_be_visible()

    def close_dialog(self) -> None:
        """Once the transfer has ended, one way or another."""
        self.page.get_by_role("button", name="Close", exact=True).click()

    def typed_code(self) -> str:
        return self.page.get_by_test_id("transfer-code").inner_text()

    def expect_claim(self, device_name: str) -> None:
        """The page says who asks."""
        expect(self.page.locator("#transfer-claim")).to_contain_text(device_name)

    def review(self) -> Page:
        """Open the authorization server's page in its window."""
        with self.context.expect_page() as opened:
            self.page.get_by_role("link", name="Review and confirm").click()
        opened.value.wait_for_url(f"{self.stage.site.issuer}/confirm/*")
        return opened.value

    def _sign_in(self) -> None:
        person = self.stage.person
        chooser = self.page.get_by_label("A new task")
        field = self.page.get_by_label("User name")
        expect(chooser.or_(field)).to_be_visible()
        if field.is_visible():
            sign_in(self.page, person)


class Phone(Device):
    """The Consumption Device."""

    def scan(self, transfer_uri: str) -> None:
        self.page.goto(transfer_uri)
        expect(self.page.get_by_role("heading", name="Continue a task here")).to_be_visible()

    def connect(self, name: str) -> str:
        """Claim under this name; the check value."""
        self.page.get_by_label("Name of this device").fill(name)
        self.page.get_by_role("button", name="Connect this device").tap()
        return self.check_value()

    def ask(self, name: str) -> None:
        """Show a code of its own, on a page that was opened without one."""
        self.page.goto(f"{self.stage.site.phone}/")
        self.page.get_by_label("Name of this device").fill(name)
        self.page.get_by_role("button", name="Show a code").tap()
        expect(self.page.get_by_test_id("qr").locator("svg")).to_be_visible()

    def user_code(self) -> str:
        shown = self.page.get_by_test_id("user-code")
        expect(shown).to_be_visible()
        return shown.inner_text()

    def check_value(self) -> str:
        shown = self.page.get_by_test_id("check-value")
        expect(shown).to_be_visible()
        return shown.inner_text()

    def pick_up(self) -> None:
        """Agree to go on with what came."""
        question = f"You were working on {TASK_NAME} - pick up where you left off?"
        expect(self.page.get_by_role("heading", name=question)).to_be_visible()
        self.page.get_by_role("button", name="Pick up where you left off").tap()
        self.expect_live()


def sign_in(page: Page, person: Person) -> None:
    page.get_by_label("User name").fill(person.username)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def decide(confirmation: Page, check_value: str) -> None:
    """Type the value on the confirm page and approve."""
    confirmation.get_by_label("Check value").fill(check_value)
    confirmation.get_by_role("button", name="Approve").click()


def decline(confirmation: Page) -> None:
    confirmation.get_by_role("button", name="Decline").click()


def hand_over(desktop: Desktop, phone: Phone, *, mode: str = "Move", name: str = "Pocket phone") -> None:
    """The whole transfer, up to the task on the phone."""
    desktop.offer(mode)
    phone.scan(desktop.photographed_code())
    check_value = phone.connect(name)
    desktop.expect_claim(name)
    decide(desktop.review(), check_value)
    phone.pick_up()
