"""What devices do all the time, at both servers, with requests that change something among them; and who follows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from journey import Journey, said
from segue_client.device import Refused
from segue_client.grant import Grant

PAUSE = 0.05
"""Seconds between two requests of one device: the machine is to do something else too."""


@dataclass
class Reader:
    """One device that follows a task: the events it saw, how often it was told that the server goes, and was not."""

    seen: list[int] = field(default_factory=list)
    told: int = 0
    broken: int = 0


@dataclass
class Traffic:
    """`wrote` counts what was acknowledged, by task; `failed` is everything that went wrong."""

    journey: Journey
    grants: list[Grant] = field(default_factory=list)
    wrote: dict[str, int] = field(default_factory=dict)
    refreshed: int = 0
    readers: list[Reader] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    async def write(self, grant: Grant, over: asyncio.Event) -> None:
        """Append, look, and get a new token every fifth time."""
        task, number = self.journey.task(grant), 0
        while not over.is_set():
            number += 1
            try:
                await task.append([said(f"{number}")])
                self.wrote[grant.task_id] += 1
                await task.resume()
                if number % 5 == 0:
                    await grant.refresh(self.journey.site.store)
                    self.refreshed += 1
            except (Refused, httpx2.TransportError) as failure:
                self.failed.append(f"{failure!r}")
            await asyncio.sleep(PAUSE)

    async def read(self, grant: Grant, reader: Reader) -> None:
        """Follow from the offset of the last event seen, across every end of a stream."""
        url = f"{self.journey.site.store}/tasks/{grant.task_id}/events"
        while True:
            last = reader.seen[-1] if reader.seen else 0
            headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
            how: dict[str, Any] = {"audience": self.journey.site.store, "headers": headers, "stream": True}
            answer = await grant.request("GET", url, **how)
            told = False
            try:
                async for line in answer.aiter_lines():
                    if line.startswith("id: "):
                        reader.seen.append(int(line.removeprefix("id: ")))
                    told = told or line == "event: going-away"
            except httpx2.TransportError:
                reader.broken += 1
            finally:
                await answer.aclose()
            reader.told += told


@asynccontextmanager
async def steady_traffic(journey: Journey, *, tasks: int) -> AsyncIterator[Traffic]:
    """Under way; when it ends, every reader has seen all that was written."""
    traffic, over = Traffic(journey), asyncio.Event()
    traffic.grants = [await journey.begin() for _ in range(tasks)]
    traffic.wrote = {grant.task_id: 0 for grant in traffic.grants}
    traffic.readers = [Reader() for _ in traffic.grants]
    writers = [asyncio.create_task(traffic.write(grant, over)) for grant in traffic.grants]
    pairs = zip(traffic.grants, traffic.readers, strict=True)
    readers = [asyncio.create_task(traffic.read(grant, reader)) for grant, reader in pairs]
    try:
        yield traffic
        over.set()
        await asyncio.gather(*writers)
        await _all_seen(traffic)
    finally:
        for each in (*writers, *readers):
            each.cancel()
        await asyncio.gather(*writers, *readers, return_exceptions=True)


async def _all_seen(traffic: Traffic) -> None:
    for grant, reader in zip(traffic.grants, traffic.readers, strict=True):
        head = (await traffic.journey.task(grant).events())[-1]["seq"]
        async with asyncio.timeout(20):
            while reader.seen[-1:] != [head]:  # noqa: ASYNC110  a stream that has told it sets no event
                await asyncio.sleep(0.02)
