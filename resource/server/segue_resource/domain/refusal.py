"""The outcomes that end a request without what it asked for. Endpoints choose the HTTP status of each."""

from typing import Any


class Refused(Exception):
    """The task store says no. `head` is the task's last sequence number, where it was read."""

    head: int | None = None


class TaskNotFound(Refused):
    """No such task, or not one of this person; nobody learns which."""


class NotFound(Refused):
    """The task has nothing of that id."""


class StaleEpoch(Refused):
    """The task has moved on to another device; this token may only read."""


class TaskExists(Refused):
    """The task id is taken by another task."""


class KeyReused(Refused):
    """The idempotency key was used with another request."""


class Conflict(Refused):
    """Somebody changed it first. `current` is what is there now, or None."""

    def __init__(self, current: Any) -> None:
        super().__init__("somebody changed it first")
        self.current = current


class CursorAhead(Refused):
    """The reader is further than the log: it has read a log that was lost and restored."""


class Overlaps(Refused):
    """Another compaction tells a part of that range already."""

    def __init__(self, *, from_seq: int, to_seq: int) -> None:
        super().__init__()
        self.from_seq = from_seq
        self.to_seq = to_seq


class NotCorrectable(Refused):
    """The store itself wrote the event: it says what became of the task, and stays as it is."""


class AtWork(Refused):
    """Tool calls are held, or nobody knows what became of them, so nothing is taken back; `calls` says which."""

    def __init__(self, calls: list[dict[str, str]]) -> None:
        super().__init__()
        self.calls = calls


class NothingToCompact(Refused):
    """Nobody has written anything in that range that a summary could tell."""


class NotYourRole(Refused):
    """The person takes part, in a role that does not do this."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self.role = role


class AlreadyTakesPart(Refused):
    """The person takes part in the task already, in this role."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self.role = role


class CustomerStays(Refused):
    """The task is the customer's: nobody can remove them, and they cannot leave it behind."""


class NotInvited(Refused):
    """No invitation has this code, or it has been answered, withdrawn, or has expired; nobody learns which."""


class NotYours(Refused):
    """It is meant for another participant."""


class WrongHandoffState(Refused):
    """The hand-off is not in a state that allows this."""

    def __init__(self, state: str) -> None:
        super().__init__(f"the hand-off is {state}")
        self.state = state


class HandoffOpen(Refused):
    """One hand-off is offered already; it has to be answered or cancelled first."""

    def __init__(self, handoff_id: str) -> None:
        super().__init__()
        self.handoff_id = handoff_id


class ReferenceTaken(Refused):
    """Another tool call was proposed under that reference."""

    def __init__(self, call_id: str) -> None:
        super().__init__()
        self.call_id = call_id


class AlreadyLeads(Refused):
    """That role answers the customer already."""

    def __init__(self, lead: str) -> None:
        super().__init__()
        self.lead = lead


class HandedOver(Refused):
    """The role has handed the task over cold: it begins nothing until the task is handed back."""

    def __init__(self, lead: str) -> None:
        super().__init__()
        self.lead = lead


class NotYourSession(Refused):
    """The session belongs to another device, or has ended."""


class NoConnection(Refused):
    """The session was not opened for a connection that serves several tasks, so it cannot turn to another."""


class TooMuch(Refused):
    """The task has as much of this as it may have. `limits` says how much that is, by name."""

    def __init__(self, **limits: int) -> None:
        super().__init__()
        self.limits = limits


class IllegalTransition(Refused):
    """The task's status cannot follow on the one it has. `allowed` are those that can."""

    def __init__(self, status: str, *, allowed: list[str]) -> None:
        super().__init__(f"the task is {status}")
        self.status = status
        self.allowed = allowed


class Unsettled(Refused):
    """Tool calls have to be settled first; `calls` says which."""

    def __init__(self, calls: list[dict[str, str]]) -> None:
        super().__init__()
        self.calls = calls


class NotActive(Refused):
    """The task rests or has ended, so nothing new begins."""

    def __init__(self, status: str) -> None:
        super().__init__(f"the task is {status}")
        self.status = status


class NobodyPresent(Refused):
    """The budget lets nothing be spent while no person is there, or while it is not `known` whether one is."""

    def __init__(self, *, known: bool) -> None:
        super().__init__()
        self.known = known


class BudgetExhausted(Refused):
    """Of what the budget limits, `used` and what is `reserved` for tool calls leave less than the caller needs."""

    def __init__(self, *, unit: str, limit: int, used: int, reserved: int) -> None:
        super().__init__()
        self.unit = unit
        self.limit = limit
        self.used = used
        self.reserved = reserved


class NotApproved(Refused):
    """The tool call waits for the person."""


class WrongOffset(Refused):
    """The draft ends at another place."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length


class DraftInterrupted(Refused):
    """Somebody interrupted the draft when it had this length."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length


class Held(Refused):
    """Another holder has the tool call under a lease that lives."""

    def __init__(self, *, device_id: str, lease_until: int) -> None:
        super().__init__("another holder has it")
        self.device_id = device_id
        self.lease_until = lease_until


class OutcomeUnknown(Refused):
    """Its holder was lost while it ran, and it cannot be repeated. `waits_for` finds out: a probe, or the person."""

    def __init__(self, waits_for: str) -> None:
        super().__init__("nobody knows whether it took effect")
        self.waits_for = waits_for


class AnotherAttempt(Refused):
    """Since the person looked, the call has been taken again: what they saw is not what they would settle."""

    def __init__(self, attempt: int) -> None:
        super().__init__(f"it is attempt {attempt} by now")
        self.attempt = attempt


class TooEarly(Refused):
    """The holder that was lost may still be at it; ask again in `retry_after` seconds."""

    def __init__(self, *, retry_after: int) -> None:
        super().__init__("the former holder may still be at it")
        self.retry_after = retry_after


class Fenced(Refused):
    """The fence is not the tool call's current one."""


class WrongState(Refused):
    """The tool call is not in a state that allows this."""

    def __init__(self, state: str) -> None:
        super().__init__(f"the tool call is {state}")
        self.state = state


class UnknownClass(Refused):
    """The retention policy has no class of that name; it has these."""

    def __init__(self, classes: list[str]) -> None:
        super().__init__()
        self.classes = classes


class OnHold(Refused):
    """An operator keeps the task as it is, for an incident or by law: nothing of it may be deleted."""


class WrongUploadOffset(Refused):
    """The upload has another number of bytes by now."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size


class ContentErased(Refused):
    """The file was there; who wrote it has been erased, and its content with them."""


class DigestMismatch(Refused):
    """What came is not what its sender says it is. Nothing was kept."""
