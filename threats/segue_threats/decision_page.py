"""The page where a person decides, in a window: what it says, its two controls, and how it ended.

The facts on Segue's pages carry their names (`data-fact`), so that they can be held to what the server has stored.
"""

from typing import Any

from segue_threats.flows import Asked, Claim, Offer
from segue_threats.lab import Lab
from segue_threats.window import Window

APPROVE = 'button[name="decision"][value="approve"]'
DECLINE = 'button[name="decision"][value="deny"]'
NUMBER = "#check_value"
HEIGHT = 740
"""Of the window: what lies below it is not in the first view."""

_LABELS = """(words) => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    if (!walk.currentNode.data.includes(words)) continue;
    const label = walk.currentNode.parentElement.closest("[aria-labelledby]")?.getAttribute("aria-labelledby");
    found.push(label ? document.getElementById(label).innerText : "no labelled part of the page");
  }
  return found;
}"""


class DecisionPage:
    """`window` shows it."""

    def __init__(self, lab: Lab, window: Window) -> None:
        self.window = window
        self.page = window.page
        self._lab = lab

    async def fact(self, name: str) -> str:
        """The value of a fact that can be seen, or else its words; empty if the page does not show it."""
        return next(iter(await self.facts(name)), "")

    async def facts(self, name: str) -> list[str]:
        """As `fact`, for one that is told several times."""
        places = await self.page.locator(f'[data-fact="{name}"]').all()
        seen = [place for place in places if await place.is_visible()]
        return [await place.get_attribute("data-value") or await place.inner_text() for place in seen]

    async def state(self) -> str:
        """Where the transfer stands now; the page is read anew, and nothing is sent again."""
        await self.window.open(self.page.url)
        return await self.shown_state()

    async def shown_state(self) -> str:
        """Where the page says that it stands. The page's script may be about to load it anew: that is waited for."""
        return await self.page.locator("[data-fact=state]").get_attribute("data-value") or ""

    async def labels_of(self, words: str) -> set[str]:
        """The headings of the parts of the page that hold these words."""
        return set(await self.page.evaluate(_LABELS, words))

    async def box(self, selector: str) -> dict[str, float]:
        """Where an element stands, in whole units; empty if it cannot be seen."""
        box: Any = await self.page.locator(selector).first.bounding_box()
        return {name: round(value) for name, value in (box or {}).items()}

    async def approve(self, check_value: str) -> None:
        """As the person does: choose a new task where a task is to be chosen, type the number, and press."""
        await self.fill(check_value)
        await self.window.press(APPROVE)

    async def fill(self, check_value: str) -> None:
        """Everything but the last press."""
        if await self.page.locator("#task-new").count():
            await self.page.check("#task-new")
            await self.page.fill("#name", "Approved in a browser")
        await self.page.fill(NUMBER, check_value)

    async def ends_well(self, check_value: str) -> None:
        """The honest path: the right number on this page counts. Raises `PreconditionFailed`."""
        await self.approve(check_value)
        state = await self.shown_state()
        self._lab.shows(state in ("approved", "redeemed"), f"the right number on the page does not count: {state}")


async def pulled(lab: Lab, window: Window, asked: Asked) -> tuple[DecisionPage, str]:
    """Enter a code in the window; the page that asks, and the number. Raises `PreconditionFailed`."""
    await window.open(asked.verification_uri)
    await window.page.fill("#user_code", asked.user_code)
    await window.press("main form button")
    return await _asking(lab, window), await lab.value(asked)


async def pushed(lab: Lab, window: Window, offer: Offer, claim: Claim) -> tuple[DecisionPage, str]:
    """Open the page of a claimed transfer; that page, and the number. Raises `PreconditionFailed`."""
    await window.open(offer.confirmation_uri)
    return await _asking(lab, window), claim.check_value


async def _asking(lab: Lab, window: Window) -> DecisionPage:
    page = DecisionPage(lab, window)
    state = await page.shown_state()
    lab.shows(state in ("requested", "claimed"), f"the page does not ask for a decision: {state}")
    return page
