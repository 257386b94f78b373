"""The clock of one process of two is set five minutes forward, or back: once means once, and it does not serve wrongly.

Both processes of each server share PostgreSQL and Redis. A process that runs ahead refuses, in the standard's words,
until it was restarted with its clock right; one that is set back stands still, and goes on as long as its time is near
enough; one that starts behind refuses until its clock is right (decision 0023).
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from deployment import Deployment, running_deployment
from journey import LEASE, Journey, open_journey, said, texts
from rerouted import Rerouted
from segue_client import authorization
from segue_client.device import Device, Refused
from segue_client.grant import Grant
from segue_demo.site import DESKTOP_ACTIONS, TASK_NAME
from server_process import free_port
from stepped_clock import SteppedClock

pytestmark = [
    *(pytest.mark.anyio, pytest.mark.postgresql, pytest.mark.redis),
    pytest.mark.requirement("XD-OPS-05", "XD-RACE-05", "T9", "R15"),
]

STEP = 300
PAYMENT = {"tool": "pay", "title": "Pay the invoice", "arguments": {}, "effect": "irreversible"}


class Second(Deployment):
    """Another process of each server, on ports of its own, with a clock of its own."""

    def __init__(self, first: Deployment, folder: Path) -> None:
        super().__init__(folder, database=first.authz_database, redis=first.redis)
        self._first = first
        self.clock = SteppedClock(folder)
        self.ports = {name: free_port() for name in ("authz", "resource")}
        self.site = first.site

    def environment(self) -> dict[str, str]:
        return self._first.environment() | self.clock.environment

    def _port(self, name: str) -> int:
        return self.ports[name]


def to(second: Second) -> Rerouted:
    """The way to the other processes for who asks for the public addresses, as a proxy would choose it."""
    addresses = {"authz": second.site.issuer, "resource": second.site.store}
    return Rerouted({int(url.rpartition(":")[2]): ("127.0.0.1", second.ports[name]) for name, url in addresses.items()})


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    database = request.getfixturevalue("postgresql_server").create_database()
    redis = request.getfixturevalue("redis_url")
    with running_deployment(tmp_path_factory.mktemp("first"), database=database, redis=redis) as running:
        yield running


@pytest.fixture
def second(first: Deployment, tmp_path: Path) -> Iterator[Second]:
    beside = Second(first, tmp_path)
    beside.clock.step(-STEP)
    beside.start()
    yield beside
    beside.kill()


@asynccontextmanager
async def there(second: Second, journey: Journey, grant: Grant) -> AsyncIterator[Grant]:
    """The same device with the same grant, whose requests go to the second processes."""
    async with httpx2.AsyncClient(transport=to(second), timeout=20) as http:
        device = Device(issuer=journey.site.issuer, client_id=grant.device.client_id, http=http, key=grant.device.key)
        yield Grant(device, refresh_token=grant.refresh_token, details=grant.details)


class Used:
    """A task whose call is held, and a code: what must not be had twice."""

    def __init__(self, journey: Journey) -> None:
        self.journey = journey
        self.store = journey.site.store

    async def begin(self) -> None:
        journey, uri = self.journey, self.journey.site.desktop_redirect_uri
        self.grant = await journey.begin()
        self.url, self.token = f"{self.store}/tasks/{self.grant.task_id}", await self.grant.token(self.store)
        task = journey.task(self.grant)
        self.call = f"/tool-calls/{(await task.propose(PAYMENT))['call_id']}"
        await self.step("approve")
        self.fence = (await self.step("claim", lease=LEASE))["fence"]
        await self.step("start", fence=self.fence, lease=LEASE)
        self.other = journey.desktop()
        self.asked = await authorization.begin(
            self.other, redirect_uri=uri, actions=sorted(DESKTOP_ACTIONS), name=TASK_NAME
        )
        self.code = await journey.browser.authorize(self.asked.url, redirect_uri=uri, name=TASK_NAME)

    async def step(self, verb: str, **members: object) -> Any:
        return await self.grant.call("POST", f"{self.url}{self.call}/{verb}", audience=self.store, json=members)

    async def is_held(self, beside: Grant) -> None:
        """The second process does not think that the lease is over."""
        claim = f"{self.url}{self.call}/claim"
        answer = await beside.device.send("POST", claim, access_token=self.token, json={"lease": LEASE})
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:segue:problem:held")

    async def once(self, beside: Grant) -> None:
        """A proof and a code are good at one process, and not at the other after it."""
        await self.grant.request("GET", self.url, audience=self.store)  # for the nonce of now
        proved = self.grant.device.proved("POST", f"{self.url}/events", access_token=self.token)
        content = {"events": [said("once")]}
        clients = (self.journey.http, self.journey.http, beside.device.http)
        answers = [await http.post(f"{self.url}/events", json=content, headers=proved) for http in clients]
        assert [answer.status_code for answer in answers] == [201, 401, 401]
        spent = await authorization.finish(self.other, self.asked, self.code)
        again = Device(
            issuer=self.other.issuer, client_id=self.other.client_id, http=beside.device.http, key=self.other.key
        )
        with suppress(Refused):  # if not, its own key repeats a lost answer (decision 0009)
            assert (await authorization.finish(again, self.asked, self.code)).task_id == spent.task_id
        assert spent.task_id != self.grant.task_id

    async def is_refused(self, beside: Grant) -> None:
        """By the standard's errors, and nothing was used up: the other process gives what was refused."""
        form = {
            "client_id": self.grant.device.client_id,
            "grant_type": "refresh_token",
            "resource": self.store,
            "refresh_token": self.grant.refresh_token,
        }
        claim = f"{self.url}{self.call}/claim"
        for answer in (
            await beside.device.send("POST", claim, access_token=self.token, json={"lease": LEASE}),
            await beside.device.send("POST", f"{self.journey.site.issuer}/token", data=form),
        ):
            told = answer.headers.get("www-authenticate") or answer.json()["error"]
            assert answer.status_code in (400, 401), answer.text
            assert any(word in told for word in ("invalid_dpop_proof", "use_dpop_nonce", "invalid_token")), told
        with suppress(Refused):  # what a process that is behind remembers is void, so a nonce may be wanted once more
            await self.grant.refresh(self.store)
        await self.grant.refresh(self.store)

    async def is_as_if_nothing_had_been(self) -> Grant:
        """The holder goes on, the task moves as ever, and all of it happened once."""
        await self.step("heartbeat", fence=self.fence, lease=LEASE)
        await self.step("complete", fence=self.fence, result="paid")
        phone = await self.journey.hand_over(self.grant)
        events = await self.journey.task(phone).events()
        kinds = [event["kind"] for event in events]
        once = ("tool_call.claimed", "tool_call.started", "tool_call.succeeded", "task.moved")
        assert [kinds.count(kind) for kind in once] == [1, 1, 1, 1]
        assert texts(events) == ["once"]
        return phone

    async def is_served(self, beside: Grant) -> None:
        await beside.refresh(self.store)
        assert (await beside.request("GET", self.url, audience=self.store)).status_code == 200


@pytest.fixture
async def used(first: Deployment) -> AsyncIterator[Used]:
    async with open_journey(first.site, first.person) as journey:
        begun = Used(journey)
        await begun.begin()
        yield begun


async def test_once_means_once_while_one_clock_is_wrong(used: Used, second: Second) -> None:
    async with there(second, used.journey, used.grant) as beside:
        await used.is_refused(beside)  # it has begun behind
        second.clock.step(0)
        await used.is_held(beside)
        second.clock.step(-STEP)
        await used.is_held(beside)  # its time stands still
        await used.once(beside)
        second.clock.step(STEP)
        await used.is_refused(beside)
        phone = await used.is_as_if_nothing_had_been()
    second.clock.step(0)
    second.kill()
    second.start()
    async with there(second, used.journey, phone) as beside:
        await used.is_served(beside)
