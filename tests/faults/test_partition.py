"""The network between authorization server and task store is cut: what is known goes on for so long, and no longer.

Decision 0006: a resource server that has not heard for 30 seconds what was withdrawn honours no token. In its bounded
form the test has a task store that waits 6 seconds.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from apart import Apart, Network, apart
from hurried_server import HURRIED_STALE
from journey import open_journey, said, texts
from rerouted import Rerouted
from rounds import FULL
from segue.withdrawals import STALE
from segue_client.device import Device
from segue_client.grant import Grant

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A15", "T8", "XD-OPS-06")]

HONOURED = STALE if FULL else HURRIED_STALE
"""Seconds for which tokens are honoured by what was heard before."""
HEALED = 20
"""Seconds in which it is heard again, once it can be: an attempt that is under way gives up first."""


@pytest.fixture
def cut_apart(tmp_path: Path) -> Iterator[tuple[Apart, Network]]:
    with apart(tmp_path) as made:
        yield made


class AtStore:
    """A device of the grant on the cable of devices, with a token that it has already."""

    def __init__(self, grant: Grant, http: httpx2.AsyncClient, *, store: str, token: str) -> None:
        self._device = Device(
            issuer=grant.device.issuer, client_id=grant.device.client_id, http=http, key=grant.device.key
        )
        self._events = f"{store}/tasks/{grant.task_id}/events"
        self._token = token

    async def say(self, text: str) -> httpx2.Response:
        content, key = {"events": [said(text)]}, {"Idempotency-Key": text}
        return await self._device.send("POST", self._events, access_token=self._token, json=content, headers=key)

    async def follow(self) -> httpx2.Response:
        headers = {"Accept": "text/event-stream"}
        return await self._device.send("GET", self._events, access_token=self._token, headers=headers, stream=True)


async def until(status: int, device: AtStore, text: str, *, within: float) -> httpx2.Response:
    """Says it again until it is answered so; anything but a clear word before that fails."""
    async with asyncio.timeout(within):
        while (answer := await device.say(text)).status_code != status:
            assert answer.status_code in (201, 503), answer.text
            await asyncio.sleep(0.2)
    return answer


async def test_a_task_store_that_is_cut_off_goes_on_for_so_long_and_hears_what_it_missed(
    cut_apart: tuple[Apart, Network],
) -> None:
    deployment, network = cut_apart
    store = deployment.site.store
    there = Rerouted({deployment.store_port: (network.devices, deployment.store_port)})
    async with (
        open_journey(deployment.site, deployment.person) as journey,
        httpx2.AsyncClient(transport=there, timeout=20) as http,
    ):
        grant = await journey.begin()
        shared = await journey.hand_over(grant, mode="share")
        desktop, phone = [AtStore(one, http, store=store, token=await one.token(store)) for one in (grant, shared)]
        assert (await desktop.say("before")).status_code == (await phone.say("before-too")).status_code == 201
        stream = await desktop.follow()
        assert stream.status_code == 200

        cut = time.monotonic()
        network.cut()
        await shared.end()
        assert (await desktop.say("known")).status_code == 201
        assert (await phone.say("not-known-to-be-withdrawn")).status_code == 201
        assert time.monotonic() - cut < HONOURED
        refused = await until(503, desktop, "after-a-while", within=HONOURED + 10)
        assert refused.json()["type"] == "urn:segue:problem:cannot-verify"
        assert int(refused.headers["retry-after"]) > 0
        assert time.monotonic() - cut <= HONOURED + 5
        assert (await phone.say("not-known")).status_code == 503
        async with asyncio.timeout(HONOURED):
            await stream.aread()  # it has come to its end

        network.mend()
        assert (await until(201, desktop, "healed", within=HEALED)).status_code == 201
        withdrawn = await phone.say("withdrawn")
        assert (withdrawn.status_code, "invalid_token" in withdrawn.headers["www-authenticate"]) == (401, True)
        heard = texts(await journey.task(grant).events())
        assert [text for text in heard if text != "after-a-while"] == [
            *("before", "before-too", "known", "not-known-to-be-withdrawn", "healed")
        ]
        assert heard.count("after-a-while") <= 1
