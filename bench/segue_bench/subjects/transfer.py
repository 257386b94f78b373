"""The machine's part of a transfer: claim, decide, redeem, first resume, as a phone and a browser ask for them.

What a person needs for scanning and typing is not in it. What is: every request from the scan to the first view of the
task, with the answer that demands a nonce (RFC 9449 section 8), over connections that are open. Pages are not: the
phone does not wait for the one that the person reads after the decision.
"""

import asyncio
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from typing import Any

import httpx2
from segue_client import authorization, device_code, push_transfer
from segue_client.device import Device, accepted
from segue_client.grant import Grant
from segue_demo.browser import Browser
from segue_demo.enrolled import Person
from segue_demo.site import DESKTOP_ACTIONS

from segue_bench.ground import Servers, create_database, postgresql, redis, servers
from segue_bench.measure import Figure, Of, Plan, Result, Say, at_most

BOUND = 50.0
"""Milliseconds that 99 of 100 transfers may take."""
WARMING = 10
"""Transfers that are not counted: connections are opened and statements prepared."""
A_PERSON = 20
"""Transfers of one person: how many may begin in a minute is limited."""
PARTS = ("claim", "decide", "redeem", "resume")


class TimedClient(httpx2.AsyncClient):
    """Adds up, by method, the milliseconds from a request to the last byte of its answer."""

    def __init__(self) -> None:
        super().__init__(trust_env=False, timeout=20)
        self._spent = defaultdict[str, float](float)

    async def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        begin = time.perf_counter()
        try:
            return await super().send(request, **how)
        finally:
            self._spent[request.method] += 1_000 * (time.perf_counter() - begin)

    def lap(self, method: str) -> float:
        """The milliseconds of that method since the last lap."""
        spent, self._spent = self._spent, defaultdict(float)
        return spent[method]


async def transfers(on: Servers, count: int) -> dict[str, list[float]]:
    """Pass `count` new tasks on, one after the other; the milliseconds of each part."""
    taken: dict[str, list[float]] = {part: [] for part in PARTS}
    async with AsyncExitStack() as open_:
        phones, desktops = [await open_.enter_async_context(TimedClient()) for _ in range(2)]
        browsers = [await open_.enter_async_context(TimedClient()) for _ in on.people]
        for number in range(WARMING + count):
            phones.headers["X-Forwarded-For"] = network(number)
            who = number % len(on.people)
            spent = await _transfer(on, phones, desktops, browsers[who], on.people[who])
            for part, milliseconds in spent.items():
                taken[part].append(milliseconds)
    return {part: each[WARMING:] for part, each in taken.items()}


async def _transfer(
    on: Servers, phones: TimedClient, desktops: TimedClient, pages: TimedClient, who: Person
) -> dict[str, float]:
    person = Browser(pages, username=who.username, password=who.password)
    offer = await push_transfer.start((await new_task(on, desktops, person))[1], mode="move")
    phone = Device(issuer=on.site.issuer, client_id=on.site.phone_client_id, http=phones)
    metadata = await phone.metadata()
    claim = await push_transfer.claim(phone, transfer_code=offer.transfer_code, device_name="Phone")
    spent = {"claim": phones.lap("POST")}
    page = await person.visit(offer.confirmation_uri)
    pages.lap("GET")  # the person reads and types
    await person.press(page, check_value=claim.check_value, decision="approve")
    spent["decide"] = pages.lap("POST")
    tokens = await phone.post_form(
        metadata["token_endpoint"], grant_type=device_code.GRANT_TYPE, device_code=claim.device_code
    )
    spent["redeem"] = phones.lap("POST")
    task_id = tokens["authorization_details"][0]["task_id"]
    view = f"{on.site.store}/tasks/{task_id}/resume"
    accepted(await phone.send("GET", view, access_token=tokens["access_token"]))
    return spent | {"resume": phones.lap("GET")}


async def new_task(on: Servers, desktops: TimedClient, person: Browser) -> tuple[Device, Grant]:
    """A device whose person has just begun a task on it."""
    desktop = Device(issuer=on.site.issuer, client_id=on.site.desktop_client_id, http=desktops)
    uri = on.site.desktop_redirect_uri
    request = await authorization.begin(desktop, redirect_uri=uri, actions=sorted(DESKTOP_ACTIONS), name="Measured")
    answer = await person.authorize(request.url, redirect_uri=uri, task="new", name="Measured")
    return desktop, await authorization.finish(desktop, request, answer)


def network(number: int) -> str:
    """Phones are in networks of their own, as behind a proxy; what one network may claim in a minute is limited."""
    return f"10.{number >> 8 & 255}.{number & 255}.7"


def run(plan: Plan, say: Say) -> Result:
    """Measure on servers of its own, one process each. Raises `Missing`."""
    count = plan.often(300, quick=15)
    people = -(-(WARMING + count) // A_PERSON)
    with postgresql() as cluster, redis() as memory, servers(create_database(cluster), memory, people=people) as on:
        say(f"{count} transfers, one after the other")
        taken = asyncio.run(transfers(on, count))
        used = {"authz": on.authz.cpu_seconds(), "the task store": on.resource.cpu_seconds()}
    whole = Figure.times(
        "the whole", [[sum(parts) for parts in zip(*taken.values(), strict=True)]], of=Of.SEGUE, unit="ms"
    )
    parts = [Figure.times(part, [taken[part]], of=Of.SEGUE, unit="ms") for part in PARTS]
    assert whole.p99 is not None
    slowest = max(parts, key=lambda part: part.median)
    reason = f"the longest part is {slowest.what}, {slowest.median:.1f} ms in the median"
    return Result(
        figures=[*parts, whole],
        targets=[at_most("the whole, 99 of 100", whole.p99, BOUND, unit=" ms", reason=reason)],
        conditions={f"processor time of {who}": f"{seconds:.1f} s" for who, seconds in used.items()},
        notes=[
            "The client, a Python program, runs on the same cores; its time from request to answer is in the figures.",
            "The tasks are new ones. What a resume costs at other depths is measured by `growth`.",
        ],
    )
