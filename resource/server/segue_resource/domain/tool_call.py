"""A tool call and its states: executed by one holder at a time, and nothing is ever repeated silently.

Every function takes the call as it is and gives the `Step` that follows; it raises `Refused` when nothing follows.
A step may refuse the caller and still change the call or leave a mark in the log (specs/protocol.md section 8).
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from segue_resource.domain.refusal import (
    AnotherAttempt,
    Fenced,
    Held,
    NotApproved,
    OutcomeUnknown,
    Refused,
    TooEarly,
    WrongState,
)


class Effect(StrEnum):
    """What happens to the world if the call is executed twice."""

    PURE = "pure"
    IDEMPOTENT = "idempotent"
    RECONCILABLE = "reconcilable"
    IRREVERSIBLE = "irreversible"


class State(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    CLAIMED = "claimed"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """What is found out of a call of which nobody knew."""

    HAPPENED = "happened"
    DID_NOT_HAPPEN = "did_not_happen"
    CANNOT_TELL = "cannot_tell"


class WaitsFor(StrEnum):
    """Who has to do something next."""

    HOLDER = "holder"
    PROBE = "probe"
    PERSON = "person"


CLOCKS_DIFFER = 600
"""Seconds by which two servers' clocks may differ: five minutes fast and five minutes slow."""

REPEATABLE = frozenset({Effect.PURE, Effect.IDEMPOTENT})
HELD = frozenset({State.CLAIMED, State.RUNNING})
SPENDING = HELD | {State.UNKNOWN}
"""The states in which what a call has reserved counts: until its end is known it may still spend it."""
FINISHED = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})
UNFINISHED = frozenset(State) - FINISHED


@dataclass(frozen=True)
class Fence:
    """The number of one holding: the epoch it was taken under, then how often the call had been claimed."""

    epoch: int
    counter: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.counter}"


@dataclass(frozen=True)
class Holder:
    """`lease_until` in seconds since the epoch."""

    device_id: str
    session_id: str | None
    lease_until: int


@dataclass(frozen=True)
class Reserved:
    """What of a task's budget is set aside for a call, and has not been reported yet."""

    unit: str
    amount: int


@dataclass(frozen=True)
class ToolCall:
    """`fence` and `holder` outlive the end of the call, so that its holder may repeat its last word.

    A call that was lost or cancelled keeps no fence; one of which nobody knows has a fence while somebody probes, and
    `unsettled` says who has to find out. What is `reserved` counts while the call is held or nobody knows of it.
    `reference` is what whoever proposed it calls it.
    Times in seconds since the epoch.
    """

    task_id: str
    call_id: str
    tool: str
    title: str
    arguments: dict[str, Any]
    effect: Effect
    state: State
    attempt: int
    fence: Fence | None
    holder: Holder | None
    result: Any
    error: Any
    proposed_seq: int
    started_at: int | None
    finished_at: int | None
    unsettled: WaitsFor | None = None
    reserved: Reserved | None = None
    reference: str | None = None

    @property
    def waits_for(self) -> WaitsFor | None:
        """None once it is finished."""
        match self.state:
            case State.PROPOSED:
                return WaitsFor.PERSON
            case State.UNKNOWN:
                return self.unsettled
            case State.APPROVED | State.CLAIMED | State.RUNNING:
                return WaitsFor.HOLDER
            case _:
                return None

    @property
    def quiet_from(self) -> int | None:
        """When its lost holder cannot be at it any more, by any clock; None unless nobody knows and nobody probes."""
        if self.state is not State.UNKNOWN or self.fence is not None or self.holder is None:
            return None
        return self.holder.lease_until + CLOCKS_DIFFER

    @property
    def downstream_key(self) -> str:
        """The idempotency key for the system the tool talks to: the same at every attempt."""
        return f"{self.task_id}/{self.call_id}"


@dataclass(frozen=True)
class Step:
    """The call afterwards, the kind of event that says so (or None), and the refusal the caller gets (or None).

    `about` is what the event says besides the call.
    """

    call: ToolCall
    logs: str | None = None
    refusal: Refused | None = None
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Grip:
    """What a caller shows to act as holder: its device and the fence it was given."""

    device_id: str
    fence: str


def first_state(effect: Effect) -> State:
    """A call that may be repeated needs nobody's approval."""
    return State.APPROVED if effect in REPEATABLE else State.PROPOSED


def approve(call: ToolCall) -> Step:
    match call.state:
        case State.PROPOSED:
            return Step(replace(call, state=State.APPROVED), "tool_call.approved")
        case State.APPROVED:
            return Step(call)
        case _:
            raise WrongState(call.state)


def deny(call: ToolCall, *, reason: str | None, now: int) -> Step:
    """The person does not want it. What was denied stays denied."""
    if call.state is not State.PROPOSED:
        raise WrongState(call.state)
    denied = replace(call, state=State.CANCELLED, error={"denied": reason}, finished_at=now)
    return Step(denied, "tool_call.denied")


def claim(call: ToolCall, holder: Holder, *, epoch: int, now: int, reserved: Reserved | None = None) -> Step:
    """Take the call, or take it over from a holder whose lease or epoch is gone. A finished call is given as it is.

    What the claim has `reserved` takes the place of what the holder before had.
    """
    if call.state in FINISHED:
        return Step(call)
    if call.state is State.PROPOSED:
        raise NotApproved
    if call.state is State.UNKNOWN:
        raise OutcomeUnknown(call.unsettled or WaitsFor.PERSON)
    if call.state in HELD and call.holder is not None and not _lost(call, call.holder, epoch=epoch, now=now):
        raise Held(device_id=call.holder.device_id, lease_until=call.holder.lease_until)
    if call.state is State.RUNNING and call.effect not in REPEATABLE:
        finder = WaitsFor.PROBE if call.effect is Effect.RECONCILABLE else WaitsFor.PERSON
        unknown = replace(call, state=State.UNKNOWN, fence=None, unsettled=finder)
        return Step(unknown, "tool_call.unknown", OutcomeUnknown(finder))
    attempt = call.attempt + 1
    taken = replace(call, state=State.CLAIMED, attempt=attempt, fence=Fence(epoch, attempt), holder=holder)
    return Step(replace(taken, reserved=reserved), "tool_call.claimed")


def probe(call: ToolCall, holder: Holder, *, epoch: int, now: int) -> Step:
    """Take the call to ask the system downstream, by `downstream_key`, whether it took effect. Executes nothing.

    Not before the last holder's lease has ended by every clock: until then it may still be at it.
    """
    if call.state is not State.UNKNOWN:
        raise WrongState(call.state)
    if call.unsettled is not WaitsFor.PROBE:
        raise OutcomeUnknown(WaitsFor.PERSON)
    if call.fence is not None and call.holder is not None and not _lost(call, call.holder, epoch=epoch, now=now):
        raise Held(device_id=call.holder.device_id, lease_until=call.holder.lease_until)
    _require_quiet(call, now=now)
    attempt = call.attempt + 1
    return Step(replace(call, attempt=attempt, fence=Fence(epoch, attempt), holder=holder), "tool_call.probing")


def reconcile(call: ToolCall, grip: Grip, outcome: Outcome, *, result: Any, now: int) -> Step:
    """What the probe found. Where it cannot tell, the person is asked."""
    if not _grips(call, grip):
        return _fenced(call)
    if call.state is not State.UNKNOWN:
        raise WrongState(call.state)
    return _settled(call, outcome, result=result, now=now)


def settle(call: ToolCall, outcome: Outcome, *, attempt: int, result: Any, now: int) -> Step:
    """The person's word on the `attempt` they looked at. It may run again once no earlier holder can be at it."""
    if call.state is not State.UNKNOWN:
        raise WrongState(call.state)
    if call.attempt != attempt:
        raise AnotherAttempt(call.attempt)
    if outcome is Outcome.DID_NOT_HAPPEN:
        _require_quiet(call, now=now)
    return _settled(call, outcome, result=result, now=now)


def start(call: ToolCall, grip: Grip, *, lease_until: int, now: int) -> Step:
    """Recorded before the effect, and once: a second start could be a second execution."""
    if not _grips(call, grip):
        return _fenced(call)
    if call.state is not State.CLAIMED:
        raise WrongState(call.state)
    return Step(replace(_extended(call, lease_until), state=State.RUNNING, started_at=now), "tool_call.started")


def heartbeat(call: ToolCall, grip: Grip, *, lease_until: int) -> Step:
    if not _grips(call, grip):
        return _fenced(call)
    if call.state not in HELD | {State.UNKNOWN}:
        raise WrongState(call.state)
    return Step(_extended(call, lease_until))


def complete(call: ToolCall, grip: Grip, *, result: Any, now: int) -> Step:
    """The result. Said again with the same result it is answered like the first time."""
    if not _grips(call, grip):
        return _fenced(call, said=State.SUCCEEDED)
    if call.state is State.SUCCEEDED and call.result == result:
        return Step(call)
    if call.state is not State.RUNNING:
        raise WrongState(call.state)
    return Step(replace(call, state=State.SUCCEEDED, result=result, finished_at=now), "tool_call.succeeded")


def fail(call: ToolCall, grip: Grip, *, error: Any, now: int) -> Step:
    if not _grips(call, grip):
        return _fenced(call, said=State.FAILED)
    if call.state is State.FAILED and call.error == error:
        return Step(call)
    if call.state is not State.RUNNING:
        raise WrongState(call.state)
    return Step(replace(call, state=State.FAILED, error=error, finished_at=now), "tool_call.failed")


def cancel(call: ToolCall, grip: Grip | None, *, now: int) -> Step:
    """End an unfinished call: by its holder under the fence, or by the person without one. Its fence is void then."""
    if call.state is State.CANCELLED:
        return Step(call)
    if grip is not None and not _grips(call, grip):
        return _fenced(call)
    if call.state in FINISHED:
        raise WrongState(call.state)
    cancelled = replace(call, state=State.CANCELLED, fence=None, unsettled=None, finished_at=now)
    return Step(cancelled, "tool_call.cancelled")


def restored(call: ToolCall, *, now: int) -> Step:
    """What follows when the database was put back: since the backup was made the call may have been approved and run.

    One that may be repeated may run. Of every other nobody knows: one more attempt, whose holder is not known. Who had
    not approved it when the backup was made is asked, whatever could be probed (decision 0057).
    """
    if call.state in FINISHED or call.effect in REPEATABLE:
        return Step(call)
    probes = call.effect is Effect.RECONCILABLE and call.state is not State.PROPOSED
    finder = call.unsettled or (WaitsFor.PROBE if probes else WaitsFor.PERSON)
    quiet = call.holder and replace(call.holder, lease_until=max(call.holder.lease_until, now))
    unknown = replace(call, state=State.UNKNOWN, fence=None, unsettled=finder, holder=quiet)
    if call.state is State.UNKNOWN:
        return Step(unknown)
    return Step(replace(unknown, attempt=call.attempt + 1), "tool_call.unknown", about={"waits_for": finder})


def _grips(call: ToolCall, grip: Grip) -> bool:
    """The fence alone can be guessed, so the device it was given to counts too."""
    if call.holder is None or call.fence is None:
        return False
    return (call.holder.device_id, str(call.fence)) == (grip.device_id, grip.fence)


def _fenced(call: ToolCall, *, said: State | None = None) -> Step:
    """Whoever has to settle the call may read in the log what its former holder says of it."""
    return Step(call, "tool_call.refused", Fenced(), {} if said is None else {"said": said})


def _settled(call: ToolCall, outcome: Outcome, *, result: Any, now: int) -> Step:
    free = replace(call, fence=None, unsettled=None)
    match outcome:
        case Outcome.HAPPENED:
            after = replace(free, state=State.SUCCEEDED, result=result, finished_at=now)
        case Outcome.DID_NOT_HAPPEN:
            after = replace(free, state=State.APPROVED, holder=None)
        case Outcome.CANNOT_TELL:
            after = replace(free, holder=None, unsettled=WaitsFor.PERSON)
    return Step(after, "tool_call.settled", about={"outcome": outcome})


def _require_quiet(call: ToolCall, *, now: int) -> None:
    """Raises `TooEarly` while a holder that was lost may still be at it, by a clock that differs from ours."""
    if call.quiet_from is not None and now < call.quiet_from:
        raise TooEarly(retry_after=call.quiet_from - now)


def _lost(call: ToolCall, holder: Holder, *, epoch: int, now: int) -> bool:
    return holder.lease_until <= now or call.fence is None or call.fence.epoch < epoch


def _extended(call: ToolCall, lease_until: int) -> ToolCall:
    return replace(call, holder=replace(call.holder, lease_until=lease_until)) if call.holder else call
