"""A push transfer in steps, each of which survives that a server dies before, while or after it is done."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
from journey import CALL, LEASE, Journey, Network, item, said
from segue.jose import parse
from segue_client import authorization, push_transfer
from segue_client.device import Refused
from segue_client.grant import Grant
from segue_demo.site import DESKTOP_ACTIONS, TASK_NAME

AUTHZ, RESOURCE = "authz", "resource"
RESULT = {"summary": "31 of 40 precedents"}
ITEM = item("decision", "Liability is capped at the fees of one year", status="settled")
REPEATS = 3


@dataclass(frozen=True)
class Step:
    """`server` acknowledges it; `again` asks for what was acknowledged and must give the same. It takes `span` s."""

    name: str
    server: str
    do: Callable[[], Awaitable[Any]]
    again: Callable[[], Awaitable[Any]]
    span: float = 0.03


@dataclass(frozen=True)
class Kill:
    """Which servers die at a step: once it is acknowledged, or so many seconds after it has begun.

    `unheard`: the server acknowledges the step, and the device does not hear it.
    """

    victims: tuple[str, ...]
    after_seconds: float | None = None
    unheard: bool = False


class KilledJourney:
    """The steps in their order. What a later step needs of an earlier one is kept here, as on the devices."""

    request: authorization.AuthorizationRequest
    code: Any
    grant: Grant
    call: Any
    offer: push_transfer.Offer
    claimed: push_transfer.Claim
    phone_grant: Grant
    phone_call: Any

    def __init__(self, journey: Journey, *, start_job: Callable[[str], Awaitable[None]]) -> None:
        self._journey = journey
        self._start_job = start_job
        self._desktop = journey.desktop()
        self._phone = journey.phone()

    @property
    def steps(self) -> list[Step]:
        def same(name: str, server: str, do: Callable[[], Awaitable[Any]]) -> Step:
            return Step(name, server, do, do)

        return [
            Step("the person signs in and approves", AUTHZ, self._approve, self._still_signed_in, span=0.3),
            same("the desktop gets its grant", AUTHZ, self._authorize),
            Step("the desktop refreshes", AUTHZ, self._refresh, self._refresh_again),
            same("a message is appended", RESOURCE, self._append),
            same("a decision is written down", RESOURCE, self._decide),
            same("a tool call is proposed", RESOURCE, self._propose),
            same("the desktop claims the call", RESOURCE, self._claim_call),
            same("the desktop starts the call", RESOURCE, self._start_call),
            Step("the desktop offers the task", AUTHZ, self._offer, self._still_offered),
            same("the phone claims the task", AUTHZ, self._claim),
            same("the person confirms", AUTHZ, self._confirm),
            same("the phone redeems", AUTHZ, self._redeem),
            same("the phone resumes", RESOURCE, self._resume),
            same("the phone claims the call", RESOURCE, self._take_over),
            same("the phone starts the call", RESOURCE, self._start_again),
            same("the phone completes the call", RESOURCE, self._complete),
        ]

    async def _approve(self) -> int:
        uri = self._journey.site.desktop_redirect_uri
        self.request = await authorization.begin(
            self._desktop, redirect_uri=uri, actions=sorted(DESKTOP_ACTIONS), name=TASK_NAME
        )
        self.code = await self._journey.browser.authorize(self.request.url, redirect_uri=uri, name=TASK_NAME)
        return await self._still_signed_in()

    async def _still_signed_in(self) -> int:
        return (await self._journey.pages.get(f"{self._journey.site.issuer}/")).status_code

    async def _authorize(self) -> tuple[str, str]:
        self.grant = await authorization.finish(self._desktop, self.request, self.code)
        return self.grant.task_id, self.grant.refresh_token

    async def _refresh(self) -> str:
        return _grant_id(await self.grant.token(self._journey.site.store))

    async def _refresh_again(self) -> str:
        return _grant_id(await self.grant.token(self._journey.site.issuer))

    async def _append(self) -> Any:
        return await self._task.append([said("opening")], key="opening")

    async def _decide(self) -> Any:
        return await self._task.create_item("cap", ITEM, key="cap")

    async def _propose(self) -> Any:
        self.call = await self._task.propose(CALL, key="call")
        return self.call

    async def _claim_call(self) -> Any:
        self.call = await self._task.step(self.call["call_id"], "claim", key="claim", lease=LEASE)
        return self.call

    async def _start_call(self) -> Any:
        started = await self._task.step(
            self.call["call_id"], "start", key="start", fence=self.call["fence"], lease=LEASE
        )
        await self._start_job(self.call["downstream_key"])
        return started

    async def _offer(self) -> str:
        self.offer = await push_transfer.start(self.grant, mode="move")
        return await self._still_offered()

    async def _still_offered(self) -> str:
        return str((await push_transfer.state(self.grant, self.offer))["state"])

    async def _claim(self) -> Any:
        code = push_transfer.scanned_code(self.offer.transfer_uri, issuer=self._journey.site.issuer)
        self.claimed = await push_transfer.claim(self._phone, transfer_code=code, device_name="Phone")
        return self.claimed

    async def _confirm(self) -> str:
        """The page that comes back after an approval has no form: the person sees that it is done."""
        state = await self._still_offered()
        if state != "approved":
            await self._journey.browser.confirm(self.offer.confirmation_uri, check_value=self.claimed.check_value)
            state = await self._still_offered()
        return state

    async def _redeem(self) -> tuple[int, str]:
        self.phone_grant = await push_transfer.redeem(self._phone, self.claimed)
        return self.phone_grant.epoch, self.phone_grant.refresh_token

    async def _resume(self) -> Any:
        return await self._phone_task.resume()

    async def _take_over(self) -> Any:
        self.phone_call = await self._phone_task.step(self.call["call_id"], "claim", key="take-over", lease=LEASE)
        return self.phone_call

    async def _start_again(self) -> Any:
        fence = self.phone_call["fence"]
        started = await self._phone_task.step(
            self.call["call_id"], "start", key="start-again", fence=fence, lease=LEASE
        )
        await self._start_job(self.phone_call["downstream_key"])
        return started

    async def _complete(self) -> Any:
        fence = self.phone_call["fence"]
        return await self._phone_task.step(self.call["call_id"], "complete", key="complete", fence=fence, result=RESULT)

    @property
    def _task(self) -> Any:
        return self._journey.task(self.grant)

    @property
    def _phone_task(self) -> Any:
        return self._journey.task(self.phone_grant)


async def survive(step: Step, kill: Kill, *, networks: Sequence[Network], die: Callable[[], None]) -> None:
    """Do the step while `die` kills the victims and starts them again; what was acknowledged must stay so."""
    for network in networks:
        network.loses_next = kill.unheard
    if kill.after_seconds is None and not kill.unheard:
        first = await step.do()
        die()
    else:
        attempt = asyncio.create_task(step.do())
        await asyncio.wait([attempt], timeout=kill.after_seconds)
        die()
        for network in networks:
            network.loses_next = False
        first = await _answer_of(attempt, step)
    again = await step.again()
    assert again == first, f"{step.name}: the answer has changed from {first} to {again}"


async def _answer_of(attempt: "asyncio.Task[Any]", step: Step) -> Any:
    """The first answer that arrived, with as many further attempts as a patient device would make."""
    for _ in range(REPEATS):
        try:
            return await attempt
        except (httpx2.HTTPError, Refused) as lost:
            restarted = isinstance(lost, Refused) and lost.error == "use_dpop_nonce"  # between the nonce and its use
            if isinstance(lost, Refused) and lost.status < 500 and not restarted:
                raise
            attempt = asyncio.create_task(step.do())
    return await attempt


def _grant_id(token: str) -> str:
    return str(parse(token).claims()["grant_id"])
