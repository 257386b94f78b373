"""`/tasks/{task_id}/tool-calls`: propose, approve, hold under a lease and a fence, finish (T9)."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from msgspec import Meta
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain import tool_call as domain
from segue_resource.domain.presence import require_attended
from segue_resource.domain.refusal import (
    BudgetExhausted,
    Fenced,
    HandedOver,
    Held,
    NobodyPresent,
    NotActive,
    NotApproved,
    NotYourSession,
    OutcomeUnknown,
    ReferenceTaken,
    StaleEpoch,
    TooEarly,
    TooMuch,
    WrongState,
)
from segue_resource.domain.task import Budget
from segue_resource.domain.tool_call import FINISHED, Effect, Grip, Holder, Outcome, Reserved, Step, ToolCall
from segue_resource.domain.usage import LARGEST_AMOUNT, require_left, require_startable
from segue_resource.endpoints.body import Nothing, Shape, read_body
from segue_resource.endpoints.header import Number, path_id
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import FenceText, Identifier, Lease, Title, Word
from segue_resource.endpoints.task_request import answer, caller_of, mutate, refusal_answer, show
from segue_resource.endpoints.tool_call_view import ShownCall, view
from segue_resource.stores import handoffs, sessions, tasks, tool_calls
from segue_resource.stores.billing import usage
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.keys.master_key import Random
from segue_resource.stores.presence import Presence
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.tool_calls import LostRace
from segue_resource.stores.unit import Writing

LEASE = 60
NEWEST = 10**15 - 1
BEFORE = Number("before", default=NEWEST, least=1, most=NEWEST)


class NewCall(Shape, frozen=True):
    tool: Word
    title: Title
    arguments: dict[str, Any]
    effect: Effect
    reference: Annotated[str, Meta(pattern=r"^[!-~]{1,200}\Z")] | None = None


class Claim(Shape, frozen=True):
    lease: Lease = LEASE
    session_id: Identifier | None = None


class SpendingClaim(Claim, frozen=True):
    """`reserves` sets aside so much of what the budget limits, until the call has ended."""

    reserves: Annotated[int, Meta(ge=1, le=LARGEST_AMOUNT)] | None = None


class Renewal(Shape, frozen=True):
    fence: FenceText
    lease: Lease = LEASE


class Success(Shape, frozen=True):
    fence: FenceText
    result: Any


class Failure(Shape, frozen=True):
    fence: FenceText
    error: Any


class Denial(Shape, frozen=True):
    reason: Annotated[str, Meta(max_length=500)] | None = None


class Finding(Shape, frozen=True):
    fence: FenceText
    outcome: Outcome
    result: Any = None


class Settlement(Shape, frozen=True):
    outcome: Literal["happened", "did_not_happen"]
    attempt: Annotated[int, Meta(ge=1)]
    result: Any = None


class Cancellation(Shape, frozen=True):
    fence: FenceText | None = None


Decide = Callable[[Writing, ToolCall], Step]


class ToolCallEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore, presence: Presence, *, random: Random) -> None:
        self._store = store
        self._presence = presence
        self._random = random

    def routes(self) -> list[Route]:
        one = "/tasks/{task_id}/tool-calls/{call_id}"
        return [
            route("/tasks/{task_id}/tool-calls", GET=self.list_calls, POST=self.propose),
            route(one, GET=self.show_call),
            route(f"{one}/approve", POST=self.approve),
            route(f"{one}/deny", POST=self.deny),
            route(f"{one}/claim", POST=self.claim),
            route(f"{one}/start", POST=self.start),
            route(f"{one}/heartbeat", POST=self.heartbeat),
            route(f"{one}/complete", POST=self.complete),
            route(f"{one}/fail", POST=self.fail),
            route(f"{one}/cancel", POST=self.cancel),
            route(f"{one}/probe", POST=self.probe),
            route(f"{one}/reconcile", POST=self.reconcile),
            route(f"{one}/settle", POST=self.settle),
        ]

    @operation("The tool calls, newest first", query=[BEFORE], answers={200: {"tool_calls": list[ShownCall]}})
    @requires("tool_calls:read", task="task_id")
    async def list_calls(self, request: Request) -> Response:
        """The newest first, in pages: `before` is the `proposed_seq` of the last one seen."""
        caller = caller_of(request)
        before = BEFORE.of(request)
        calls, head = await self._store.read(caller, lambda reading: tool_calls.page(reading, before=before))
        return show({"tool_calls": [view(call, caller) for call in calls]}, head=head)

    @operation("A tool call", answers={200: ShownCall})
    @requires("tool_calls:read", task="task_id")
    async def show_call(self, request: Request) -> Response:
        caller, call_id = caller_of(request), path_id(request, "call_id")
        call, head = await self._store.read(caller, lambda reading: tool_calls.find(reading, call_id))
        return show(view(call, caller), head=head)

    @operation(
        "Propose a tool call",
        body=NewCall,
        answers={200: ShownCall, 201: ShownCall},
        refuses=[NotActive, TooMuch, HandedOver, ReferenceTaken],
    )
    @requires("tool_calls:propose", task="task_id")
    async def propose(self, request: Request) -> Response:
        """200 with the call that was proposed under this `reference` before, by whichever device."""
        body, content = await read_body(request, NewCall)
        call_id = f"call_{self._random(12).hex()}"

        def work(writing: Writing) -> Answer:
            asked: dict[str, Any] = {"tool": body.tool, "arguments": body.arguments, "effect": body.effect}
            known = body.reference and tool_calls.known_as(writing, body.reference, **asked)
            if known:
                return answer(200, view(known, writing.caller))
            handoffs.require_not_handed_over(writing, handoffs.working_role(writing.role))
            call = tool_calls.propose(writing, call_id=call_id, title=body.title, reference=body.reference, **asked)
            return answer(201, view(call, writing.caller))

        return await mutate(self._store, request, content, work)

    @operation("Approve", body=Nothing, answers={200: ShownCall}, refuses=[WrongState])
    @requires("tool_calls:approve", task="task_id")
    async def approve(self, request: Request) -> Response:
        _, content = await read_body(request, Nothing)
        return await self._step(request, content, lambda _, call: domain.approve(call))

    @operation("Deny", body=Denial, answers={200: ShownCall}, refuses=[WrongState])
    @requires("tool_calls:approve", task="task_id")
    async def deny(self, request: Request) -> Response:
        body, content = await read_body(request, Denial)
        return await self._step(
            request, content, lambda writing, call: domain.deny(call, reason=body.reason, now=writing.now)
        )

    @operation(
        "Hold the call under a lease",
        body=SpendingClaim,
        answers={200: ShownCall},
        refuses=[
            NotActive,
            NobodyPresent,
            BudgetExhausted,
            HandedOver,
            NotYourSession,
            NotApproved,
            Held,
            OutcomeUnknown,
            WrongState,
            LostRace,
        ],
    )
    @requires("tool_calls:claim", task="task_id")
    async def claim(self, request: Request) -> Response:
        body, content = await read_body(request, SpendingClaim)
        attended = await self._presence.somebody(caller_of(request).task_id)

        def decide(writing: Writing, call: ToolCall) -> Step:
            writing.require_working()
            budget = tasks.budget(writing)
            require_attended(budget, attended=attended)
            handoffs.require_not_handed_over(writing, handoffs.working_role(writing.role))
            reserved = _reserved(writing, call, budget, body.reserves)
            holder = _holder(writing, body)
            return domain.claim(call, holder, epoch=writing.epoch, now=writing.now, reserved=reserved)

        return await self._step(request, content, decide)

    @operation(
        "Hold the call to find out what happened",
        body=Claim,
        answers={200: ShownCall},
        refuses=[NotYourSession, Held, TooEarly, OutcomeUnknown, WrongState, LostRace],
    )
    @requires("tool_calls:claim", task="task_id")
    async def probe(self, request: Request) -> Response:
        body, content = await read_body(request, Claim)

        def decide(writing: Writing, call: ToolCall) -> Step:
            return domain.probe(call, _holder(writing, body), epoch=writing.epoch, now=writing.now)

        return await self._step(request, content, decide)

    @operation("Say what was found out", body=Finding, answers={200: ShownCall}, refuses=[Fenced, WrongState])
    @requires("tool_calls:claim", task="task_id")
    async def reconcile(self, request: Request) -> Response:
        body, content = await read_body(request, Finding)

        def decide(writing: Writing, call: ToolCall) -> Step:
            grip = _grip(writing, body.fence)
            return domain.reconcile(call, grip, body.outcome, result=body.result, now=writing.now)

        return await self._marked(request, self._step(request, content, decide))

    @operation(
        "The person says what happened",
        body=Settlement,
        answers={200: ShownCall},
        refuses=[WrongState, Held, TooEarly, OutcomeUnknown],
    )
    @requires("tool_calls:approve", task="task_id")
    async def settle(self, request: Request) -> Response:
        body, content = await read_body(request, Settlement)

        def decide(writing: Writing, call: ToolCall) -> Step:
            outcome = Outcome(body.outcome)
            return domain.settle(call, outcome, attempt=body.attempt, result=body.result, now=writing.now)

        return await self._step(request, content, decide)

    @operation(
        "Begin to run",
        body=Renewal,
        answers={200: ShownCall},
        refuses=[NotActive, NobodyPresent, BudgetExhausted, Fenced, WrongState],
    )
    @requires("tool_calls:claim", task="task_id")
    async def start(self, request: Request) -> Response:
        body, content = await read_body(request, Renewal)
        attended = await self._presence.somebody(caller_of(request).task_id)

        def decide(writing: Writing, call: ToolCall) -> Step:
            writing.require_working()
            budget = tasks.budget(writing)
            require_attended(budget, attended=attended)
            if budget is not None:
                require_startable(budget, usage.spent(writing, budget.unit, besides=call.call_id), own=call.reserved)
            until = writing.now + body.lease
            return domain.start(call, _grip(writing, body.fence), lease_until=until, now=writing.now)

        return await self._marked(request, self._step(request, content, decide))

    @operation("Still alive", body=Renewal, answers={200: ShownCall}, refuses=[Fenced, WrongState])
    @requires("tool_calls:claim", task="task_id")
    async def heartbeat(self, request: Request) -> Response:
        body, content = await read_body(request, Renewal)

        def decide(writing: Writing, call: ToolCall) -> Step:
            return domain.heartbeat(call, _grip(writing, body.fence), lease_until=writing.now + body.lease)

        return await self._step(request, content, decide, expected=0)

    @operation("It succeeded", body=Success, answers={200: ShownCall}, refuses=[Fenced, WrongState])
    @requires("tool_calls:claim", task="task_id")
    async def complete(self, request: Request) -> Response:
        body, content = await read_body(request, Success)

        def decide(writing: Writing, call: ToolCall) -> Step:
            return domain.complete(call, _grip(writing, body.fence), result=body.result, now=writing.now)

        return await self._marked(request, self._step(request, content, decide))

    @operation("It failed", body=Failure, answers={200: ShownCall}, refuses=[Fenced, WrongState])
    @requires("tool_calls:claim", task="task_id")
    async def fail(self, request: Request) -> Response:
        body, content = await read_body(request, Failure)

        def decide(writing: Writing, call: ToolCall) -> Step:
            return domain.fail(call, _grip(writing, body.fence), error=body.error, now=writing.now)

        return await self._marked(request, self._step(request, content, decide))

    @operation("Cancel", body=Cancellation, answers={200: ShownCall}, refuses=[Fenced, WrongState])
    @requires("tool_calls:claim", task="task_id")
    async def cancel(self, request: Request) -> Response:
        body, content = await read_body(request, Cancellation)

        def decide(writing: Writing, call: ToolCall) -> Step:
            grip = None if body.fence is None else _grip(writing, body.fence)
            return domain.cancel(call, grip, now=writing.now)

        return await self._step(request, content, decide)

    async def _step(self, request: Request, content: bytes, decide: Decide, *, expected: int = 1) -> Response:
        """Do one step. A refusal that the log tells of is committed with it."""
        call_id = path_id(request, "call_id")

        def work(writing: Writing) -> Answer:
            step = tool_calls.step(writing, call_id, lambda call: decide(writing, call))
            if step.refusal is not None:
                return refusal_answer(step.refusal)
            return answer(200, view(step.call, writing.caller))

        return await mutate(self._store, request, content, work, expected=expected)

    async def _marked(self, request: Request, step: Awaitable[Response]) -> Response:
        """The log tells of a holder that comes too late even where its whole token is too old to write."""
        try:
            return await step
        except StaleEpoch:
            call_id = path_id(request, "call_id")

            def work(writing: Writing) -> Answer:
                tool_calls.note_refusal(writing, call_id)
                return answer(409)

            await self._store.write(caller_of(request), work, stale_too=True)
            raise


def _holder(writing: Writing, claim: Claim) -> Holder:
    """Whoever claims. Raises `NotYourSession`."""
    if claim.session_id is not None:
        sessions.touch(writing, claim.session_id)
    return Holder(writing.caller.device_id, claim.session_id, writing.now + claim.lease)


def _reserved(writing: Writing, call: ToolCall, budget: Budget | None, asks: int | None) -> Reserved | None:
    """What is set aside of the budget, if there is one. Raises `BudgetExhausted`; a call that has ended needs none."""
    if budget is None or call.state in FINISHED:
        return None
    require_left(budget, usage.spent(writing, budget.unit, besides=call.call_id), asks=asks or 1)
    return None if asks is None else Reserved(budget.unit, asks)


def _grip(writing: Writing, fence: str) -> Grip:
    return Grip(writing.caller.device_id, fence)
