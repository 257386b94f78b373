"""Browsers that are notified: a push service in an internet of ours, and the worker that tells it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_bytes
from typing import Any

from authz_world import Browser, World
from segue_authz.delivery import Delivery
from segue_authz.outbound import Outbound
from segue_authz.tokens.sealed import Sealing
from small_internet import Internet, small_internet

PUSH_SERVICE = "https://client.example/push/abc"


def delivery(world: World, outbound: Outbound, *, issuer: str = "https://id.example") -> Delivery:
    return Delivery(
        world.database,
        derivation=world.derivation,
        sealing=Sealing(world.derivation, token_bytes),
        issuer=issuer,
        clock=lambda: world.now,
        outbound=outbound,
    )


@asynccontextmanager
async def internet(folder: Path) -> AsyncIterator[Internet]:
    (folder / "internet").mkdir()
    async with small_internet(folder / "internet") as opened_internet:
        opened_internet.says("/notified", b"", status=204)
        for name in ("abc", "desk", "phone"):
            opened_internet.says(f"/push/{name}", b"", status=201)
        yield opened_internet


def pushed(outside: Internet) -> list[tuple[str, str]]:
    """Which subscriptions were sent a message of which topic, in order."""
    found = []
    for head in outside.asked:
        path, *_ = head.split(" ")[1:]
        topic = next(line.partition(": ")[2] for line in head.splitlines() if line.lower().startswith("topic:"))
        found.append((path.removeprefix("/push/"), topic))
    return sorted(found)


async def let_be_told(browser: Browser, name: str = "abc") -> Browser:
    """Turn notifications on in this browser."""
    endpoint = f"https://client.example/push/{name}"
    page = await browser.submit("/notices", await browser.http.get("/notices"), endpoint=endpoint)
    assert 'data-fact="told" data-value="true"' in page.text, page.text
    return browser


async def listening(world: World, name: str) -> Browser:
    """A browser of the person that is signed in and notified."""
    browser = world.browser()
    await browser.sign_in()
    return await let_be_told(browser, name)


async def told(browser: Browser) -> list[dict[str, Any]]:
    """What the service worker of this browser would show."""
    answer = await browser.http.get("/notices/latest")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["notices"])


async def show(browser: Browser) -> None:
    """Show it, as the service worker does."""
    answer = (await browser.http.get("/notices/latest")).json()
    ids = " ".join(one for notice in answer["notices"] for one in notice["ids"])
    shown = await browser.http.post("/notices/latest", data={"csrf": answer["csrf"], "ids": ids})
    assert shown.status_code == 204, shown.text
