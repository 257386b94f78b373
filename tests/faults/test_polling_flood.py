"""A thousand devices poll as fast as they can and try codes that nobody gave out: others are served, none gets through.

RFC 8628 section 3.5: who polls before the interval is over is told `slow_down`, and the interval is five seconds longer
from then on. A device code cannot be guessed; the answer to one that is unknown says no more than that.
"""

import asyncio
import resource
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from deployment import Deployment, running_deployment
from journey import Journey, open_journey, said
from rounds import rounds
from segue_authz.stores.port import INTERVAL, SLOWER
from segue_client import pull_transfer
from segue_client.device import Device, Refused
from segue_client.device_code import redeem
from segue_client.grant import Grant
from segue_client.pull_transfer import Asked

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A1", "XD-DOS-01", "XD-DOS-05")]

DEVICES = rounds(bounded=40, full=1_000)
POLLS = 5
GUESSES = 2
OF_ONE_NETWORK = 5
"""Devices behind one address: as many as may ask in a minute by the default policy."""
AT_ONCE = 16
GROWN = 20_000_000
"""Bytes by which the server may have grown after all of it."""
QUICK = 3.0
"""Seconds within which nine of ten others are served meanwhile, by a test that does all of it in one thread."""


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with running_deployment(tmp_path) as running:
        yield running


@asynccontextmanager
async def asking(deployment: Deployment, count: int) -> AsyncIterator[list[tuple[Device, Asked]]]:
    """Devices that wait for a person, a few to each address of this machine."""
    async with AsyncExitStack() as stack:
        found = []
        for number in range(count):
            if number % OF_ONE_NETWORK == 0:
                address = f"127.77.{number // OF_ONE_NETWORK // 250}.{number // OF_ONE_NETWORK % 250 + 1}"
                network = httpx2.AsyncHTTPTransport(local_address=address, verify=False)
                http = await stack.enter_async_context(httpx2.AsyncClient(transport=network, timeout=60))
            device = Device(issuer=deployment.site.issuer, client_id=deployment.site.phone_client_id, http=http)
            found.append((device, await pull_transfer.ask(device, actions=["events:read"], device_name="Phone")))
        yield found


async def told(device: Device, code: str) -> str:
    with pytest.raises(Refused) as refused:
        await redeem(device, code)
    return refused.value.error


async def flood(device: Device, asked: Asked, places: asyncio.Semaphore) -> tuple[list[str], list[str]]:
    """What a device hears of its own code, and of codes that it makes up."""
    async with places:
        own = [await told(device, asked.device_code) for _ in range(POLLS)]
        made_up = f"{asked.device_code[:-8]}{secrets.token_hex(4)}"
        others = [await told(device, code) for code in (made_up, secrets.token_urlsafe(48))[:GUESSES]]
    return own, others


async def honest(journey: Journey, grant: Grant, over: asyncio.Event) -> list[float]:
    """A person's desktop refreshes and writes, and in the end passes its task on; the latencies."""
    latencies = []
    while not over.is_set():
        began = time.perf_counter()
        await grant.refresh(journey.site.store)
        await journey.task(grant).append([said(f"{len(latencies)}")])
        latencies.append(time.perf_counter() - began)
        await asyncio.sleep(0.1)
    phone = await journey.hand_over(grant)
    assert phone.task_id == grant.task_id
    return latencies


async def polite(device: Device, asked: Asked) -> str:
    """What one hears that polls too early once, and then as it was told."""
    for _ in range(2):
        await told(device, asked.device_code)
    await asyncio.sleep(INTERVAL + SLOWER)
    return await told(device, asked.device_code)


def memory(deployment: Deployment) -> int:
    """Bytes of the authorization server in memory."""
    pid = deployment.processes()[0]
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


async def test_who_polls_too_fast_is_slowed_down_and_nobody_else_is(deployment: Deployment) -> None:
    async with (
        open_journey(deployment.site, deployment.person) as journey,
        asking(deployment, DEVICES + 1) as ((one, its), *crowd),
    ):
        grant = await journey.begin()
        over, places, before = asyncio.Event(), asyncio.Semaphore(AT_ONCE), memory(deployment)
        others = asyncio.ensure_future(honest(journey, grant, over))
        waiting = asyncio.ensure_future(polite(one, its))
        began = time.monotonic()
        heard = await asyncio.gather(*(flood(device, asked, places) for device, asked in crowd))
        polls = DEVICES * (POLLS + GUESSES) / (time.monotonic() - began)
        grown = memory(deployment) - before
        assert await waiting == "authorization_pending"
        over.set()
        latencies = sorted(await others)
    print(
        f"{DEVICES} devices, {polls:.0f} polls a second: nine of ten others within"
        f" {latencies[len(latencies) * 9 // 10] * 1000:.0f} ms; the server has grown by {grown} bytes"
    )
    own = Counter(error for polled, _ in heard for error in polled)
    assert own.keys() == {"authorization_pending", "slow_down"}
    assert own["slow_down"] >= DEVICES * (POLLS - 2)  # the second comes in time where the machine is slow
    assert {error for _, guessed in heard for error in guessed} == {"invalid_grant"}
    assert latencies[len(latencies) * 9 // 10] < QUICK
    assert grown < GROWN
