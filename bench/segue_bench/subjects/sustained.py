"""What one machine bears: both servers with all their processes, PostgreSQL and Redis, under people at work."""

import asyncio
import itertools
import json
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import process_time
from urllib.parse import urlencode

from segue.clock import now
from segue_client.device import Device
from segue_client.grant import Grant
from segue_demo.browser import Browser
from segue_demo.site import PHONE_ACTIONS

from segue_bench.ground import Servers, busy_seconds, cpu_seconds_of, create_database, postgresql, redis, servers
from segue_bench.measure import Figure, Of, Plan, Result, Say
from segue_bench.open_load import Answer, Connections, Taken, connected, load
from segue_bench.subjects.transfer import TimedClient, network, new_task

BOUND = 100.0
"""Milliseconds."""
MIX = ("append",) * 16 + ("resume",) * 2 + ("refresh",) + ("ask",)
"""Of 20 requests: turns of three events, views of a task, refreshed tokens, and devices that ask for a task."""
TURN = [
    {"kind": "message", "role": "customer", "body": {"text": "What does clause nine say of liability? " * 8}},
    {"kind": "message", "role": "agent", "body": {"text": "Clause nine limits it to the fees of a year. " * 16}},
    {"kind": "message", "role": "agent", "body": {"text": "Shall I propose another limit? " * 4}},
]
FIRST, QUICK_FIRST = 100.0, 200.0
"""Requests a second to begin with."""


class Worker:
    """A device at work on a task of its own."""

    def __init__(self, device: Device, grant: Grant, home: str, *, authz: Connections, store: Connections) -> None:
        self._key = device.key
        self._client_id = device.client_id
        self._refresh_token = grant.refresh_token
        self._access_token = ""
        self._task = f"/tasks/{grant.task_id}"
        self._network = home
        self._authz = authz
        self._store = store
        self._nonces: dict[str, str] = {}
        self._refreshing = asyncio.Lock()

    async def append(self) -> str:
        """One turn, committed when it is answered."""
        body = json.dumps({"events": TURN}).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(8)}
        return _problem(await self._ask(self._store, "POST", f"{self._task}/events", headers, body, token=True), 201)

    async def resume(self) -> str:
        """The view of the task that a device begins with."""
        return _problem(await self._ask(self._store, "GET", f"{self._task}/resume", {}, token=True), 200)

    async def refresh(self) -> str:
        """A new access token for the task store, and a new refresh token."""
        async with self._refreshing:  # the refresh token changes on use
            form = {
                "grant_type": "refresh_token",
                "refresh_token": self._refresh_token,
                "resource": self._store.address,
            }
            answer = await self._form("/token", form)
            if answer.status == 200:
                tokens = json.loads(answer.body)
                self._access_token, self._refresh_token = tokens["access_token"], tokens["refresh_token"]
            return _problem(answer, 200)

    async def ask(self) -> str:
        """A device asks for a task (RFC 8628 section 3.1), from somewhere: what one network may ask for is limited."""
        details = json.dumps([{"type": "task", "actions": sorted(PHONE_ACTIONS)}])
        form = {"device_name": "Tablet", "authorization_details": details}
        answer = await self._form("/device_authorization", form, network=network(secrets.randbelow(65_536)))
        return _problem(answer, 200)

    async def _form(self, path: str, form: dict[str, str], network: str | None = None) -> Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": network or self._network}
        body = urlencode({"client_id": self._client_id, **form}).encode()
        return await self._ask(self._authz, "POST", path, headers, body)

    async def _ask(
        self,
        server: Connections,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes = b"",
        *,
        token: bool = False,
    ) -> Answer:
        """With a proof, and once more with the nonce that the server demands (RFC 9449 sections 8 and 9)."""
        for _ in range(2):
            answer = await server.ask(method, path, self._proved(server, method, path, token=token) | headers, body)
            self._nonces[server.address] = answer.headers.get("dpop-nonce", self._nonces.get(server.address, ""))
            if answer.status not in (400, 401) or "dpop-nonce" not in answer.headers:
                break
        return answer

    def _proved(self, server: Connections, method: str, path: str, *, token: bool) -> dict[str, str]:
        used = self._access_token if token else None
        nonce = self._nonces.get(server.address) or None
        proof = self._key.proof(method, server.address + path, now=now(), nonce=nonce, access_token=used)
        proved = {"X-Forwarded-For": self._network, "DPoP": proof}
        return proved if used is None else proved | {"Authorization": f"DPoP {used}"}


def run(plan: Plan, say: Say) -> Result:
    """Raise the load until it is too much. Raises `Missing`."""
    with (
        postgresql(max_connections="200") as cluster,
        redis() as memory,
        servers(create_database(cluster), memory, workers=os.cpu_count() or 1) as on,
    ):
        return asyncio.run(_raised(on, plan, say))


async def _raised(on: Servers, plan: Plan, say: Say) -> Result:
    seconds = float(plan.often(20, quick=1))
    step = 1.5 if plan.quick else 1.15
    people = 9 if plan.quick else 63
    async with connected(on.site.issuer) as authz, connected(on.site.store) as store:
        say(f"{people} devices begin a task each")
        workers = await _begun(on, people, authz=authz, store=store)
        for worker in workers:
            await worker.refresh()
        requests = _requests(workers)
        await load(FIRST, 2, requests)  # connections are opened and statements prepared
        borne, cores, rate = None, dict[str, float](), QUICK_FIRST if plan.quick else FIRST
        while True:
            say(f"{rate:.0f} requests a second for {seconds:.0f} s")
            taken, used = await _measured(on, load(rate, seconds, requests))
            if not taken.sustained(BOUND):
                break
            borne, cores, rate = taken, used, rate * step
    return _result(borne, taken, cores, people)


async def _measured(on: Servers, loading: Awaitable[Taken]) -> tuple[Taken, dict[str, float]]:
    """The load, and how many cores everybody kept busy meanwhile."""
    before, began = _used(on), time.monotonic()
    taken = await loading
    lasted = time.monotonic() - began
    return taken, {who: (used - before[who]) / lasted for who, used in _used(on).items()}


def _used(on: Servers) -> dict[str, float]:
    """Seconds of processor time so far."""
    servers = {"authz": on.authz.cpu_seconds(), "the task store": on.resource.cpu_seconds()}
    known = servers | {"PostgreSQL": cpu_seconds_of("postgres"), "Redis": cpu_seconds_of("redis-server")}
    known |= {"who asks": process_time()}
    return known | {"whatever else runs": busy_seconds() - sum(known.values())}


async def _begun(on: Servers, count: int, *, authz: Connections, store: Connections) -> list[Worker]:
    """Devices on each of which one person has just begun a task."""
    async with TimedClient() as desktops, TimedClient() as pages:
        person = Browser(pages, username=on.people[0].username, password=on.people[0].password)
        begun = [await new_task(on, desktops, person) for _ in range(count)]
    return [
        Worker(device, grant, network(number), authz=authz, store=store) for number, (device, grant) in enumerate(begun)
    ]


def _requests(workers: Sequence[Worker]) -> Iterator[Callable[[], Awaitable[str]]]:
    """The mix without end, device after device."""
    for worker, kind in zip(itertools.cycle(workers), itertools.cycle(MIX), strict=True):
        yield getattr(worker, kind)


def _result(borne: Taken | None, broken: Taken, cores: dict[str, float], people: int) -> Result:
    figures = [] if borne is None else [Figure.rates("sustained", [borne.rate], of=Of.SEGUE)]
    if borne is not None:
        figures.append(Figure.times("from due to answered", [borne.milliseconds], of=Of.SEGUE, unit="ms", group="time"))
    limit = ", ".join(sorted(cores, key=lambda who: -cores[who])[:2])
    why = broken.refused[0] if broken.refused else f"99 of 100 took up to {broken.p99:.0f} ms"
    mix = (
        "Of 20 requests 16 append a turn of three events, 2 resume, 1 refreshes a token, 1 asks for a task with a code."
    )
    return Result(
        figures=figures,
        conditions={f"cores kept busy by {who}": f"{busy:.2f}" for who, busy in cores.items()},
        notes=[
            f"{people} devices, each on a task of its own. {mix}",
            f"{broken.rate:.0f} requests a second were too much: {why}.",
            f"What limits it is processor time, most of it of {limit or 'others'}; who asks runs on the same cores.",
        ],
    )


def _problem(answer: Answer, wanted: int) -> str:
    """What was wrong with an answer; nothing if it is as it should be."""
    return "" if answer.status == wanted else f"{answer.status}: {answer.body[:200].decode(errors='replace')}"
