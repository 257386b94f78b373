"""The honest path by the backchannel (CIBA Core 1.0), whole or step by step, with a person at Segue's pages."""

from dataclasses import dataclass

import httpx2

from segue_threats.attack import PreconditionFailed
from segue_threats.device import Device, error_of, members_of, need
from segue_threats.grant import Grant
from segue_threats.lab import Lab

CIBA = "urn:openid:params:grant-type:ciba"
SHORT = {"requested_expiry": "60"}
"""Seconds that a request waits here: what an attack leaves behind shall not be in the way of the next for long."""


@dataclass(frozen=True)
class Asked:
    """A request as the client knows it."""

    device: Device
    auth_req_id: str
    interval: int


async def acquainted(lab: Lab, device: Device | None = None, *, number: int = 0) -> Device:
    """A client that has to do with the person: it has had a task of theirs. Raises `PreconditionFailed`.

    Nothing waits for the person then: what they look at is what was asked.
    """
    device = device or lab.asking()
    await tidy(lab)
    request = lab.authorization(device)
    back = await lab.pages(number).authorize(request.url, redirect_uri=device.client.redirect_uri)
    if "code" not in back:
        raise PreconditionFailed(f"no authorization code came back: {back.get('error', 'nothing')}")
    lab.trail.redactor.mark("code", back["code"])
    Grant.of(device, await lab.exchange(device, request, back["code"]))
    return device


async def ask_answer(lab: Lab, device: Device, **fields: str) -> httpx2.Response:
    """Ask the first person, whatever the answer; an empty field is left out."""
    form = {"scope": "openid", "login_hint": lab.username(), **SHORT, **device.client.parameters, **fields}
    return await device.form("backchannel_authentication", {name: value for name, value in form.items() if value})


async def ask(lab: Lab, device: Device, **fields: str) -> Asked:
    """Raises `PreconditionFailed`."""
    answer = await ask_answer(lab, device, **fields)
    (auth_req_id,) = need(answer, "auth_req_id")
    return Asked(device, auth_req_id, int(members_of(answer).get("interval", 5)))


async def poll(asked: Asked, *, by: Device | None = None) -> httpx2.Response:
    return await (by or asked.device).form("token", {"grant_type": CIBA, "auth_req_id": asked.auth_req_id})


async def waiting(lab: Lab, *, number: int = 0) -> list[str]:
    """What the person is told that waits."""
    pages = lab.pages(number)
    await pages.browser.visit(f"{lab.target.issuer}/requests")  # signs in
    answer = await pages.http.get(f"{lab.target.issuer}/requests/waiting")
    return list(members_of(answer).get("waiting", []))


async def looked(lab: Lab, *, number: int = 0) -> httpx2.Response:
    """The page that asks, of the oldest request that waits."""
    return await lab.pages(number).browser.look_at_request(lab.target.issuer)


async def approved(lab: Lab, asked: Asked) -> None:
    """Look, and approve with the number that the client shows. Raises `PreconditionFailed`."""
    page = await looked(lab)
    value = members_of(await poll(asked)).get("check_value", "")
    if not value:
        raise PreconditionFailed("the client is told no check value once the person looks")
    await lab.pages().browser.approve(page, check_value=str(value), name="Asked for")


async def works_still(lab: Lab, asked: Asked) -> httpx2.Response:
    """The honest end of a request that an attack has left alone."""
    await approved(lab, asked)
    answer = await poll(asked)
    if error_of(answer) == "slow_down":
        raise PreconditionFailed("the honest poll came too early")
    return lab.works(answer, "the honest redemption")


async def tidy(lab: Lab) -> None:
    """Decline what is left, so that it is in nobody's way."""
    for _ in await waiting(lab):
        await lab.tries(lab.pages().browser.decline(await looked(lab)))
