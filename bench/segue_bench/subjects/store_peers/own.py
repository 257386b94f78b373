"""Segue's task store: as a Python library, and over HTTP with a token and a proof for each turn."""

import asyncio
import json
import secrets
import time
from collections.abc import Sequence
from functools import partial

from segue.clock import now
from segue_client.device import Device
from segue_client.grant import Grant
from segue_demo.browser import Browser

from segue_bench.ground import Servers
from segue_bench.open_load import Answer, Connections
from segue_bench.opened_store import opened_store
from segue_bench.peers import Refused
from segue_bench.subjects.store_peers.turns import Turn
from segue_bench.subjects.transfer import TimedClient, new_task
from segue_bench.timing import each_awaited

CHUNK = 50
"""Turns put in at once: a request takes a hundred events."""


class Store:
    """The task store as a library, as its endpoint for events uses it."""

    def __init__(self, database: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._opened = opened_store(database)
        self._store = self._loop.run_until_complete(self._opened.__aenter__())

    def begin(self, task_id: str, said: Sequence[Turn]) -> None:
        """A task in which this was said."""
        self._loop.run_until_complete(self._begin(task_id, said))

    def go_on(self, task_id: str, said: Sequence[Turn]) -> list[float]:
        """Add turns, one by one; microseconds until each is committed."""
        return self._loop.run_until_complete(each_awaited(partial(self._append, task_id), [[turn] for turn in said]))

    def close(self) -> None:
        self._loop.run_until_complete(self._opened.__aexit__(None, None, None))
        self._loop.close()

    async def _begin(self, task_id: str, said: Sequence[Turn]) -> None:
        await self._store.begin(task_id)
        for number in range(0, len(said), CHUNK):
            await self._append(task_id, said[number : number + CHUNK])

    async def _append(self, task_id: str, said: Sequence[Turn]) -> None:
        await self._store.append(task_id, [{"text": text} for turn in said for text in turn])


class Http:
    """A device at a task that its person has begun, at the server that runs."""

    def __init__(self, on: Servers) -> None:
        self._loop = asyncio.new_event_loop()
        self._http = TimedClient()
        self._store = Connections(on.site.store)
        self._device, self._grant = self._loop.run_until_complete(self._begun(on))
        self._nonce: str | None = None

    def begin(self, said: Sequence[Turn]) -> None:
        """Let this be said in the task."""
        chunks = [said[number : number + CHUNK] for number in range(0, len(said), CHUNK)]
        self._loop.run_until_complete(self._send(chunks))

    def go_on(self, said: Sequence[Turn]) -> list[float]:
        """Add turns, one by one; microseconds from the request to the end of its answer. Proofs are made before."""
        return self._loop.run_until_complete(self._send([[turn] for turn in said]))

    def close(self) -> None:
        async def end() -> None:
            await self._store.aclose()
            await self._http.aclose()

        self._loop.run_until_complete(end())
        self._loop.close()

    async def _begun(self, on: Servers) -> tuple[Device, Grant]:
        async with TimedClient() as pages:
            person = on.people[0]
            return await new_task(on, self._http, Browser(pages, username=person.username, password=person.password))

    async def _send(self, requests: Sequence[Sequence[Turn]]) -> list[float]:
        await self._ask("GET", await self._headers("GET"), b"")  # for a connection, and for the nonce of the minute
        prepared = [(await self._headers("POST"), _body(said)) for said in requests]
        times = []
        for headers, body in prepared:
            began = time.perf_counter_ns()
            answer = await self._ask("POST", headers, body)
            times.append((time.perf_counter_ns() - began) / 1000)
            if answer.status != 201:
                raise Refused(f"the task store answered {answer.status}: {answer.body.decode()}")
        return times

    async def _ask(self, method: str, headers: dict[str, str], body: bytes) -> Answer:
        answer = await self._store.ask(method, self._path, headers, body)
        self._nonce = answer.headers.get("dpop-nonce", self._nonce)
        return answer

    @property
    def _path(self) -> str:
        return f"/tasks/{self._grant.task_id}/events"

    async def _headers(self, method: str) -> dict[str, str]:
        """With the token, a new one every few minutes, and a proof for one request."""
        token = await self._grant.token(self._store.address)
        uri = self._store.address + self._path
        proof = self._device.key.proof(method, uri, now=now(), nonce=self._nonce, access_token=token)
        proved = {"Authorization": f"DPoP {token}", "DPoP": proof, "Idempotency-Key": secrets.token_hex(8)}
        return {**proved, "Content-Type": "application/json"}


def _body(said: Sequence[Turn]) -> bytes:
    spoken = [event for turn in said for event in zip(("customer", "agent"), turn, strict=True)]
    return json.dumps(
        {"events": [{"kind": "message", "role": role, "body": {"text": text}} for role, text in spoken]}
    ).encode()
