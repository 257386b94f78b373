"""The push as a rehearsal: a desktop, a phone, a stranger and a person, and a job that is executed once."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
from segue_client import authorization, push_transfer
from segue_client.device import Device
from segue_client.grant import Grant
from segue_client.push_transfer import Claim, Offer
from segue_client.task_client import TaskClient

from segue_demo.browser import Browser
from segue_demo.expectation import CheckFailed, Steps, expect, refused
from segue_demo.site import DESKTOP_ACTIONS, TASK_NAME, Site

LEASE = 30
PATIENCE = 60
"""Seconds the job may take in all."""


class PushRehearsal:
    """One transfer of one new task. The methods are the steps, in the order of `steps`."""

    grant: Grant
    task: TaskClient
    call: dict[str, Any]
    offer: Offer
    claim: Claim
    phone_grant: Grant
    phone_task: TaskClient

    def __init__(self, site: Site, *, ledger: Path, http: httpx2.AsyncClient, browser: Browser) -> None:
        self._site = site
        self._ledger = ledger
        self._browser = browser

        def device(client_id: str) -> Device:
            return Device(issuer=site.issuer, client_id=client_id, http=http)

        self.desktop = device(site.desktop_client_id)
        self.phone = device(site.phone_client_id)
        self.stranger = device(site.phone_client_id)

    @property
    def steps(self) -> Steps:
        """Up to where the phone has the task and its slow tool call still runs."""
        return [
            ("the desktop signs in and opens a new task", self._sign_in),
            ("the agent's opening turn is written down", self._open),
            ("a slow tool call runs, held by the desktop", self._run),
            ("the desktop offers the task", self._offer),
            ("the phone does not follow a code of another issuer", self._refuse_issuer),
            ("the phone claims the task and shows a number", self._claim),
            ("a stranger with the same code is refused, and the desktop is warned", self._contest),
            ("nothing is released before the person confirms", self._wait),
            ("the person types the number and confirms", self._confirm),
            ("the phone gets its tokens; the task has moved", self._redeem),
            ("the phone resumes: working set, history, running tool call", self._resume),
            ("the desktop's next write and its late result are refused", self._fence),
        ]

    @property
    def last_steps(self) -> Steps:
        return [
            ("the phone takes the tool call over and finishes it", self._finish),
            ("the job was executed once", self._count),
        ]

    async def _sign_in(self) -> None:
        uri = self._site.desktop_redirect_uri
        request = await authorization.begin(
            self.desktop, redirect_uri=uri, actions=sorted(DESKTOP_ACTIONS), name=TASK_NAME
        )
        answer = await self._browser.authorize(request.url, redirect_uri=uri, task="new", name=TASK_NAME)
        self.grant = await authorization.finish(self.desktop, request, answer)
        expect(self.grant.details["name"] == TASK_NAME, "the token answer names another task")
        self.task = TaskClient(self.grant, store=self._site.store)
        await self.task.join(name="Desktop", transport="http")

    async def _open(self) -> None:
        turn = await self._ask(self.grant, "POST", "/turns", {"task_name": TASK_NAME})
        said = {"kind": "message", "role": "agent", "body": {"text": turn["message"]}}
        await self.task.append([said], key="opening")
        for item in turn["working_set"]:
            content = {name: value for name, value in item.items() if name != "item_id"}
            await self.task.create_item(item["item_id"], content)
        self.call = dict(await self.task.propose(turn["tool_call"]))

    async def _run(self) -> None:
        self.call = dict(await self.task.step(self.call["call_id"], "claim", lease=LEASE))
        await self.task.step(self.call["call_id"], "start", fence=self.call["fence"], lease=LEASE)
        job = await self._job(self.grant)
        expect(job["state"] == "running", "the job does not run")

    async def _offer(self) -> None:
        self.offer = await push_transfer.start(self.grant, mode="move")

    async def _refuse_issuer(self) -> None:
        forged = self.offer.transfer_uri.replace("iss=", "iss=https%3A%2F%2Fevil.example%2F", 1)
        try:
            push_transfer.scanned_code(forged, issuer=self._site.issuer)
        except ValueError:
            return
        raise CheckFailed("the phone accepted a foreign issuer")

    async def _claim(self) -> None:
        code = push_transfer.scanned_code(self.offer.transfer_uri, issuer=self._site.issuer)
        self.claim = await push_transfer.claim(self.phone, transfer_code=code, device_name="Phone")
        state = await push_transfer.state(self.grant, self.offer)
        expect(state["claim"]["device_name"] == "Phone", "the desktop does not see who claims")
        expect(self.claim.check_value not in json.dumps(state), "the desktop is told the number")

    async def _contest(self) -> None:
        code = self.offer.transfer_code
        await refused(push_transfer.claim(self.stranger, transfer_code=code, device_name="Phone"), "invalid_grant")
        await refused(push_transfer.redeem(self.stranger, self.claim), "invalid_grant")
        state = await push_transfer.state(self.grant, self.offer)
        expect(state["contested"] is True, "the desktop is not warned")

    async def _wait(self) -> None:
        await refused(push_transfer.redeem(self.phone, self.claim), "authorization_pending")

    async def _confirm(self) -> None:
        await self._browser.confirm(self.offer.confirmation_uri, check_value=self.claim.check_value)
        state = await push_transfer.state(self.grant, self.offer)
        expect(state["state"] == "approved", f"the transfer is {state['state']}")

    async def _redeem(self) -> None:
        self.phone_grant = await push_transfer.wait(self.phone, self.claim)
        expect(self.phone_grant.task_id == self.grant.task_id, "another task came")
        expect(self.phone_grant.epoch > self.grant.epoch, "the task has not moved")
        self.phone_task = TaskClient(self.phone_grant, store=self._site.store)

    async def _resume(self) -> None:
        view = await self.phone_task.resume()
        await self.phone_task.join(name="Phone", transport="http")
        kinds = sorted(item["type"] for item in view["working_set"])
        expect(kinds == ["decision", "decision", "document", "question", "question"], f"the working set is {kinds}")
        expect(any(event["kind"] == "message" for event in view["events"]), "the history is not there")
        running = [call["state"] for call in view["tool_calls"]]
        expect(running == ["running"], f"the tool calls are {running}")
        expect(TASK_NAME in view["greeting"], "the greeting names another task")

    async def _fence(self) -> None:
        said = {"kind": "message", "role": "customer", "body": {"text": "still here?"}}
        await refused(self.task.append([said]), "stale-epoch")
        late = {"fence": self.call["fence"], "result": {"summary": "late"}}
        await refused(self.task.step(self.call["call_id"], "complete", **late), "stale-epoch")
        view = await self.task.resume()
        expect(view["task"]["access"] == "read", "the desktop is not told that it may only read")

    async def _finish(self) -> None:
        held = await self.phone_task.step(self.call["call_id"], "claim", lease=LEASE)
        expect(held["downstream_key"] == self.call["downstream_key"], "the job has another key now")
        await self.phone_task.step(self.call["call_id"], "start", fence=held["fence"], lease=LEASE)
        async with asyncio.timeout(PATIENCE):
            while (job := await self._job(self.phone_grant))["state"] == "running":
                await self.phone_task.step(self.call["call_id"], "heartbeat", fence=held["fence"], lease=LEASE)
                await asyncio.sleep(0.5)
        done = await self.phone_task.step(self.call["call_id"], "complete", fence=held["fence"], result=job["result"])
        expect(done["state"] == "succeeded", f"the tool call is {done['state']}")

    async def _count(self) -> None:
        lines = [json.loads(line) for line in self._ledger.read_text().splitlines()]
        own = [line for line in lines if line["key"] == self.call["downstream_key"]]
        expect(len(own) == 1, f"the ledger has {len(own)} executions")
        finished = [event for event in await self.phone_task.events() if event["kind"] == "tool_call.succeeded"]
        expect(len(finished) == 1, f"the log has {len(finished)} results")

    async def _job(self, grant: Grant) -> dict[str, Any]:
        body = {"tool": self.call["tool"], "arguments": self.call["arguments"]}
        return await self._ask(grant, "PUT", f"/jobs/{self.call['downstream_key']}", body)

    async def _ask(self, grant: Grant, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(await grant.call(method, self._site.agent + path, audience=self._site.agent, json=body))
