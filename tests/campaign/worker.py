"""One person with a desktop and phones: works on a task, passes it on, and asks again after an outage, as clients do.

What is asked again has the same idempotency key, the same code or the same refresh token. A refusal ends the step.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import httpx2
from history.recorder import Recorder
from journey import Journey
from segue_client import authorization, push_transfer
from segue_client.device import Refused
from segue_client.grant import Grant
from segue_client.task_client import TaskClient
from segue_demo.enrolled import Person
from segue_demo.site import DESKTOP_ACTIONS

from campaign.cluster import Cluster
from campaign.persistence import PAUSE, persist
from campaign.recording import Recording, digest, event_digest
from campaign.tool_user import ToolUser

ANSWER = 40.0
"""Seconds that an answer may take: longer than a server waits for its database, so that what is given up is over."""


class Worker:
    """`work` is one round; any number may follow. `recover` ends what was left in flight."""

    def __init__(self, journey: Journey, recorder: Recorder, *, name: str) -> None:
        self._journey = journey
        self._recorder = recorder
        self._name = name
        self._marks = itertools.count(1)
        self._desktop = journey.desktop()
        self._following: asyncio.Task[None] | None = None
        self.tools = ToolUser(recorder, task_of=self._task, mark=self._mark)
        self.grant: Grant
        """Of the desktop, at the epoch that stands."""

    async def begin(self) -> None:
        """A new task."""
        self.grant = await self._authorize("new")
        self._following = asyncio.create_task(self._follow(self.grant))

    async def work(self) -> None:
        """A phone joins in; both write, and run tool calls; the task moves to another phone, and comes back."""
        phone = await self._hand_over("share")
        await asyncio.gather(
            self._write(self.grant),
            self._write(phone),
            self.tools.race([self.grant, phone]),
            self.tools.leave_behind(phone, self.grant),
            persist(lambda: self.grant.refresh(self._journey.site.store)),
        )
        moved = await self._hand_over("move")
        await persist(self._task(moved).resume)
        await asyncio.gather(self._append(self.grant), self._append(phone), self._append(moved))
        await self._reuse(phone)
        if self._following is not None:
            self._following.cancel()
        self.grant = await self._authorize(moved.task_id)
        self._following = asyncio.create_task(self._follow(self.grant))

    async def recover(self) -> None:
        """Whatever call is still open is taken over, and the family of the desktop is used once more."""
        await self.tools.recover(self.grant)
        await persist(lambda: self.grant.refresh(self._journey.site.store))
        await self._append(self.grant)

    async def log(self) -> Sequence[Any]:
        return await persist(self._task(self.grant).events)

    async def item(self) -> Any:
        """The item that all change, as it stands, or None."""
        view = await persist(self._task(self.grant).resume)
        return next((item for item in view["working_set"] if item["item_id"] == "plan"), None)

    async def call(self, call_id: str) -> Any:
        return await persist(lambda: self._task(self.grant).tool_call(call_id))

    async def aclose(self) -> None:
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following

    async def _authorize(self, task: str) -> Grant:
        uri = self._journey.site.desktop_redirect_uri
        request = await persist(
            lambda: authorization.begin(
                self._desktop, redirect_uri=uri, actions=sorted(DESKTOP_ACTIONS), name=self._name
            )
        )

        async def decide() -> Mapping[str, str]:
            answer = await self._journey.browser.authorize(request.url, redirect_uri=uri, task=task, name=self._name)
            if "state" not in answer:
                raise httpx2.ProtocolError("the page could not be had")
            return answer

        answer = await persist(decide)
        return await persist(lambda: authorization.finish(self._desktop, request, answer))

    async def _hand_over(self, mode: str) -> Grant:
        """To a new phone, which asks for its grant twice at once."""
        phone = self._journey.phone()
        offer = await persist(lambda: push_transfer.start(self.grant, mode=mode))
        code = push_transfer.scanned_code(offer.transfer_uri, issuer=self._journey.site.issuer)
        claimed = await persist(lambda: push_transfer.claim(phone, transfer_code=code, device_name="Phone"))
        await persist(lambda: self._confirm(offer, claimed))
        redeemed = (persist(lambda: push_transfer.redeem(phone, claimed)) for _ in range(2))
        return (await asyncio.gather(*redeemed))[0]

    async def _confirm(self, offer: push_transfer.Offer, claimed: push_transfer.Claim) -> None:
        """The page that comes back after an approval has no form: the person sees that it is done."""
        if (await push_transfer.state(self.grant, offer))["state"] != "approved":
            await self._journey.browser.confirm(offer.confirmation_uri, check_value=claimed.check_value)
        if (await push_transfer.state(self.grant, offer))["state"] != "approved":
            raise httpx2.ProtocolError("the page could not be had")

    async def _write(self, grant: Grant) -> None:
        for leaves in (False, True):
            await self._append(grant, leaves=leaves)
            await self._change(grant)
        await persist(lambda: self._task(grant).events())

    async def _append(self, grant: Grant, *, leaves: bool = False) -> None:
        """Two events at once. Who `leaves` does not ask again once told that nothing was done."""
        marks = [self._mark(), self._mark()]
        events = [{"kind": "message", "role": "agent", "body": {"text": mark}} for mark in marks]

        async def append() -> None:
            try:
                await self._task(grant).append(events, key=marks[0])
            except Refused as refused:
                if refused.error != "unavailable" or not leaves:
                    raise

        with suppress(Refused):
            await persist(append)

    async def _change(self, grant: Grant) -> None:
        """Write the item on the version that is there; who loses has seen the winner's, and writes on that."""
        version = 0
        for _ in range(3):
            item = {"type": "document", "title": "Plan", "body": self._mark(), "status": "open"}
            task, key = self._task(grant), item["body"]
            try:
                if version:
                    await persist(lambda: task.replace_item("plan", item, version=version, key=key))  # noqa: B023
                else:
                    await persist(lambda: task.create_item("plan", item, key=key))  # noqa: B023
            except Refused as refused:
                if refused.status != 412 or not refused.body.get("current"):
                    return
                version = int(refused.body["current"]["version"])
            else:
                return

    async def _reuse(self, grant: Grant) -> None:
        """Use a token twice at once, then its successor, then the first one again; and see what is left."""
        endpoint = (await persist(grant.device.metadata))["token_endpoint"]

        async def refresh(token: str) -> str:
            form = {"grant_type": "refresh_token", "refresh_token": token, "resource": self._journey.site.store}
            return str((await persist(lambda: grant.device.post_form(endpoint, **form)))["refresh_token"])

        first = grant.refresh_token
        with suppress(Refused):
            second, _ = await asyncio.gather(refresh(first), refresh(first))
            third = await refresh(second)
            for token in (first, third):
                with suppress(Refused):
                    await refresh(token)

    async def _follow(self, grant: Grant) -> None:
        """Read the log live, across every break, and write down what each stream showed."""
        after = 0
        while True:
            number = self._recorder.begin(self._name, "read", task=grant.task_id, after=after)
            seen: list[list[Any]] = []
            try:
                async for event in self._task(grant).live_events(after=after):
                    seen.append([event["seq"], event_digest(event)])
                    after = event["seq"]
            except httpx2.HTTPError:
                pass
            except Refused as refused:
                if refused.status < 500:
                    return
            finally:
                self._recorder.told(number, events=seen)
            await asyncio.sleep(PAUSE)

    def _task(self, grant: Grant) -> TaskClient:
        return self._journey.task(grant)

    def _mark(self) -> str:
        return f"{self._name}-{next(self._marks)}"


@asynccontextmanager
async def open_worker(
    cluster: Cluster, person: Person, recorder: Recorder, *, number: int, dice: Random
) -> AsyncIterator[Worker]:
    """As `person`, from networks of their own: servers count tries per network."""
    networks = [httpx2.AsyncHTTPTransport() for _ in range(2)]
    places = [f"10.{which}.{number >> 8}.{number & 255}" for which in (1, 2)]
    devices, browser = (
        Recording(recorder, network, person=person.username, place=place, dice=dice)
        for network, place in zip(networks, places, strict=True)
    )
    async with (
        httpx2.AsyncClient(transport=devices, timeout=ANSWER) as http,
        httpx2.AsyncClient(transport=browser, timeout=ANSWER) as pages,
    ):
        journey = Journey(cluster.site, person, http=http, pages=pages, networks=())
        worker = Worker(journey, recorder, name=f"{person.username}-{digest(number)[:4]}")
        try:
            yield worker
        finally:
            await worker.aclose()
