"""The same pages as the server itself answers with them, over HTTP, to a person and two devices.

So that the pictures and checks are not of views that the server never makes.
"""

from pathlib import Path
from typing import Any

import httpx2
from anyio.from_thread import start_blocking_portal
from authz_world import PHONE, USERNAME, Browser, Device, World, open_world
from segue_authz.domain.task_card import Invitation
from starlette.responses import Response

from scenes.shown import Scene

HTML = {"Accept": "text/html"}
INVITED_BY = "WDJB-MJHT-KLPQ-RSTV"
WATCHES = frozenset({"task:read", "events:read", "working_set:read"})
_NOT_OF_THE_ANSWER = ("content-length", "set-cookie")


def served_scenes(folder: Path) -> list[Scene]:
    """The server lives as long as it takes to ask for all of them."""
    with start_blocking_portal() as portal:
        answers: dict[str, httpx2.Response] = portal.call(_answers, folder)
    return [Scene(name, _kept(answer)) for name, answer in answers.items()]


async def _answers(folder: Path) -> dict[str, httpx2.Response]:
    world = await open_world(folder, database_url=f"sqlite:///{folder}/authz.db", ephemeral_url=None)
    try:
        return {
            **await _signing_in(world),
            **await _around(world),
            **await _pushed(world),
            **await _pulled(world),
            **await _invited(world),
        }
    finally:
        await world.aclose()


async def _signing_in(world: World) -> dict[str, httpx2.Response]:
    told = {"sign-in, served": await world.http().get("/sign-in", headers=HTML)}
    guesser = world.browser()
    for _ in range(30):
        answer = await guesser.sign_in("wrong", USERNAME)
        told[f"sign-in, served {'too often' if answer.status_code == 429 else 'with a wrong password'}"] = answer
        if answer.status_code == 429:
            world.now += 3600
            return told
    raise AssertionError("nobody is slowed down")


async def _around(world: World) -> dict[str, httpx2.Response]:
    """What a signed-in person finds, and what there is when something is amiss."""
    desktop = await world.desktop()
    browser, http = desktop.browser, desktop.browser.http
    found = {
        "account": "/",
        "consent": await world.device().page("v" * 43),
        "enter-code": "/device",
        "recovery": "/sign-in/recovery",
        "account security": "/account/security",
        "devices": "/devices",
        "invitation code": "/invitation",
        "waiting": "/requests",
        "user code": "/user-code",
        "notifications": "/notices",
        "message, nothing there": "/nothing",
        "message, a client that is not known": "/authorize?client_id=nobody",
    }
    told = {f"{name}, served": await http.get(path, headers=HTML) for name, path in found.items()}
    told["message, served to a form from elsewhere"] = await http.post("/device", data={"csrf": "guessed"})
    told["enter-code, served with a wrong code"] = await browser.enter_code("BCDF-GHJK")
    ending = await browser.submit("/devices", told["devices, served"], revoke_all="yes")
    world.cards.away = True
    told["message, served while the task store is away"] = await http.get(await world.device().page("v" * 43))
    world.cards.away = False
    leaving = await browser.submit("/sign-out", await http.get("/"))
    return told | {"confirm step, served": ending, "message, signed out": await _followed(http, leaving)}


async def _pushed(world: World) -> dict[str, httpx2.Response]:
    """A task that is offered, claimed twice, and approved with a slip in typing."""
    desktop, phone = await world.desktop(), world.device(PHONE)
    offer = (await desktop.offer("move")).json()
    path = f"/confirm/{offer['transfer_id']}"
    told = {"confirm offered, served": await desktop.browser.http.get(path)}
    claim = (await phone.claim(offer["transfer_code"], "Blue phone")).json()
    told["confirm claimed, served"] = await desktop.browser.http.get(path)
    await world.device(PHONE, network="198.51.100.9").claim(offer["transfer_code"], "Another phone")
    told["confirm contested, served"] = await desktop.browser.http.get(path)
    value = claim["check_value"]
    told["confirm with a wrong value, served"] = await desktop.browser.confirm(offer["transfer_id"], _other(value))
    await desktop.browser.confirm(offer["transfer_id"], value)
    told["confirm approved, served"] = await desktop.browser.http.get(path)
    await phone.redeem(claim["device_code"])
    told["confirm redeemed, served"] = await desktop.browser.http.get(path)
    return told | {"devices after a move, served": await desktop.browser.http.get("/devices")}


async def _pulled(world: World) -> dict[str, httpx2.Response]:
    """A request that is opened and declined, and one that is approved with a slip in typing."""
    declined, browser, path = await _asked(world)
    told = {"approve requested, served": await browser.http.get(path)}
    await browser.approve(path, decision="deny")
    told["approve denied, served"] = await browser.http.get(path)
    phone, browser, path = await _asked(world)
    value = (await phone.redeem(phone.tokens["device_code"])).json()["check_value"]
    chosen = {"task": "new", "name": "Something new"}
    told["approve with a wrong value, served"] = await browser.approve(path, **chosen, check_value=_other(value))
    await browser.approve(path, **chosen, check_value=value)
    told["approve approved, served"] = await browser.http.get(path)
    assert declined.key.jkt != phone.key.jkt
    return told


async def _asked(world: World) -> tuple[Device, Browser, str]:
    phone, browser = world.device(PHONE), world.browser()
    await browser.sign_in()
    grant: dict[str, Any] = (await phone.ask_for_task()).json()
    phone.tokens = grant
    return phone, browser, (await browser.enter_code(grant["user_code"])).headers["location"]


async def _invited(world: World) -> dict[str, httpx2.Response]:
    guest, until = await world.stranger(), world.now + 3600
    world.cards.invitations[INVITED_BY] = Invitation(
        "inv_1", "tsk_1", "Acme contract revision", "supervisor", WATCHES, world.subject, until
    )
    page = await guest.submit("/invitation", await guest.http.get("/invitation"), code=INVITED_BY)
    accepted = await guest.submit("/invitation", page, decision="accept")
    return {"invitation, served": page, "message, an invitation accepted": accepted}


async def _followed(http: httpx2.AsyncClient, answer: httpx2.Response) -> httpx2.Response:
    return await http.get(answer.headers["location"]) if answer.is_redirect else answer


def _other(value: str) -> str:
    return f"{(int(value) + 1) % 10_000:04d}"


def _kept(answer: httpx2.Response) -> Response:
    assert answer.headers["content-type"].startswith("text/html"), (answer.url, answer.status_code, answer.text)
    headers = {name: value for name, value in answer.headers.items() if name not in _NOT_OF_THE_ANSWER}
    return Response(answer.content, status_code=answer.status_code, headers=headers)
