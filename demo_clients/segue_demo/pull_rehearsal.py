"""The pull as a rehearsal: a tablet asks, the person types its code, chooses the task and types what it shows."""

import httpx2
from segue_client import pull_transfer
from segue_client.device import Device
from segue_client.device_code import Waiting
from segue_client.grant import Grant
from segue_client.pull_transfer import Asked
from segue_client.task_client import TaskClient

from segue_demo.browser import Browser
from segue_demo.expectation import Steps, expect, refused
from segue_demo.push_rehearsal import PushRehearsal
from segue_demo.site import PHONE_ACTIONS, TASK_NAME, Site

DEVICE_NAME = "Tablet"


class PullRehearsal:
    """The task that the push has brought to the phone moves on to a tablet that asks for it."""

    asked: Asked
    page: httpx2.Response
    wait: Waiting
    check_value: str
    grant: Grant

    def __init__(self, site: Site, push: PushRehearsal, *, http: httpx2.AsyncClient, browser: Browser) -> None:
        self._site = site
        self._push = push
        self._http = http
        self._browser = browser

    @property
    def refusals(self) -> Steps:
        return [
            ("another device asks for a task, and the person declines", self._decline),
            ("a value that no device shows is typed twice, and that ends it", self._type_wrong_values),
        ]

    @property
    def steps(self) -> Steps:
        return [
            ("a tablet asks for a task and shows a code", self._ask),
            ("the person types the code; only then the tablet learns its number", self._enter),
            ("another key with the same device code is refused", self._steal),
            ("the person chooses the task, types the number and moves it", self._approve),
            ("the tablet gets its tokens; the task has moved again", self._redeem),
            ("the tablet writes; the phone's next write is refused", self._fence),
        ]

    async def _decline(self) -> None:
        tablet = self._device()
        asked = await self._asked_by(tablet)
        await self._browser.decline(await self._entered(asked))
        await refused(pull_transfer.waiting(tablet, asked).grant(), "access_denied")

    async def _type_wrong_values(self) -> None:
        tablet = self._device()
        asked = await self._asked_by(tablet)
        page = await self._entered(asked)
        wait = pull_transfer.waiting(tablet, asked)
        wrong = f"{(int(await wait.check_value()) + 1) % 10_000:04d}"
        task_id = self._push.grant.task_id
        again = await self._browser.approve(page, task=task_id, check_value=wrong)
        await self._browser.approve(again, task=task_id, check_value=wrong)
        await refused(wait.grant(), "access_denied")

    async def _ask(self) -> None:
        self.tablet = self._device()
        self.asked = await self._asked_by(self.tablet)
        address = f"{self.asked.verification_uri}#{self.asked.user_code}"
        expect(self.asked.verification_uri_complete == address, "the code is not in the fragment")

    async def _enter(self) -> None:
        self.page = await self._entered(self.asked)
        expect(DEVICE_NAME in self.page.text, "the page does not say who asks")
        expect(TASK_NAME in self.page.text, "the page does not offer the task")
        self.wait = pull_transfer.waiting(self.tablet, self.asked)
        self.check_value = await self.wait.check_value()
        expect(self.check_value not in self.page.text, "the page tells the number that is to be typed")

    async def _steal(self) -> None:
        await refused(pull_transfer.waiting(self._device(), self.asked).grant(), "invalid_grant")

    async def _approve(self) -> None:
        answer = await self._browser.approve(
            self.page, task=self._push.grant.task_id, mode="move", check_value=self.check_value
        )
        expect('data-value="approved"' in answer.text, "the page does not say that it is approved")

    async def _redeem(self) -> None:
        self.grant = await self.wait.grant()
        expect(self.grant.task_id == self._push.grant.task_id, "another task came")
        expect(self.grant.epoch > self._push.phone_grant.epoch, "the task has not moved")

    async def _fence(self) -> None:
        said = {"kind": "message", "role": "customer", "body": {"text": "On the tablet now."}}
        await TaskClient(self.grant, store=self._site.store).append([said])
        await refused(self._push.phone_task.append([said]), "stale-epoch")

    def _device(self) -> Device:
        """With a key of its own."""
        return Device(issuer=self._site.issuer, client_id=self._site.phone_client_id, http=self._http)

    async def _asked_by(self, device: Device) -> Asked:
        return await pull_transfer.ask(device, actions=sorted(PHONE_ACTIONS), device_name=DEVICE_NAME)

    async def _entered(self, asked: Asked) -> httpx2.Response:
        return await self._browser.enter_code(asked.verification_uri, user_code=asked.user_code)
