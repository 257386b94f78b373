"""What each refusal of the domain becomes on the wire; the only place that chooses their status."""

from typing import Any

import msgspec
from segue.problem import Problem

from segue_resource.domain import refusal
from segue_resource.domain.refusal import Refused
from segue_resource.stores.tool_calls import LostRace

_WORDS: dict[type[Refused], tuple[int, str, str, str]] = {
    refusal.TaskNotFound: (404, "not-found", "There is no such task", "the task does not exist or is not yours"),
    refusal.NotFound: (404, "not-found", "There is no such thing", "the task has nothing of that id"),
    refusal.StaleEpoch: (409, "stale-epoch", "The task has moved on", "another device has it; this one may read it"),
    refusal.TaskExists: (409, "task-exists", "The task id is taken", "there is another task of that id"),
    refusal.KeyReused: (422, "idempotency-key-reused", "The key was used before", "it belongs to another request"),
    refusal.Conflict: (412, "conflict", "Somebody changed it first", "the member current is what is there now"),
    refusal.CursorAhead: (409, "cursor-ahead", "The log ends before this", "its log was restored: read the task anew"),
    refusal.Overlaps: (409, "overlaps", "A part is told already", "the members from_seq and to_seq say which"),
    refusal.NotCorrectable: (422, "not-correctable", "That cannot be corrected", "the store wrote it, of what it did"),
    refusal.AtWork: (409, "at-work", "Tool calls are at work", "end or settle those in the member tool_calls first"),
    refusal.NothingToCompact: (409, "nothing-to-compact", "There is nothing to tell", "nobody wrote anything there"),
    refusal.NotYourRole: (403, "not-your-role", "Your part in the task is another", "the member role says which"),
    refusal.AlreadyTakesPart: (409, "already-takes-part", "You take part already", "the member role says as what"),
    refusal.CustomerStays: (409, "customer-stays", "The customer stays", "the task is theirs"),
    refusal.NotInvited: (404, "not-found", "There is no such invitation", "it was used, ended, or never was"),
    refusal.NotYours: (403, "not-yours", "It is not meant for you", "another participant may do this"),
    refusal.WrongHandoffState: (409, "wrong-state", "The hand-off is not in that state", "the member state says where"),
    refusal.HandoffOpen: (409, "handoff-open", "A hand-off is offered already", "the member handoff_id says which"),
    refusal.AlreadyLeads: (409, "already-leads", "That role has the task", "the member lead says who answers"),
    refusal.HandedOver: (409, "handed-over", "The task is handed over", "the member lead says who answers now"),
    refusal.NotYourSession: (403, "not-your-session", "Not your session", "it is another device's, or has ended"),
    refusal.NoConnection: (422, "no-connection", "The session has no connection_id", "open it with one, to switch"),
    refusal.TooMuch: (422, "too-much", "The task has as much of this as it may", "end or delete something first"),
    refusal.IllegalTransition: (409, "illegal-transition", "Not from here", "the member allowed says what may follow"),
    refusal.Unsettled: (409, "unsettled", "Tool calls are not settled", "the member tool_calls says which"),
    refusal.NotActive: (
        423,
        "not-active",
        "The task is not worked on now",
        "the member task_status says where it is",
    ),
    refusal.NobodyPresent: (
        409,
        "nobody-present",
        "No person is there",
        "the budget of the task is spent only while one is; the member known says whether that could be found out",
    ),
    refusal.BudgetExhausted: (
        409,
        "budget-exhausted",
        "The budget of the task is used up",
        "of the unit, used and reserved leave less than is needed; a higher limit lets it go on",
    ),
    refusal.ReferenceTaken: (
        409,
        "reference-taken",
        "The reference is another tool call's",
        "the member call_id says which",
    ),
    refusal.NotApproved: (409, "not-approved", "The tool call is not approved", "it waits for the person"),
    refusal.WrongUploadOffset: (
        409,
        "mismatching-upload-offset",
        "The upload goes on elsewhere",
        "the member expected_offset says where",
    ),
    refusal.ContentErased: (410, "erased", "The content is gone", "its writer was erased, or it is kept no longer"),
    refusal.DigestMismatch: (422, "digest-mismatch", "The content is another one", "its SHA-256 is not what was said"),
    refusal.WrongOffset: (409, "wrong-offset", "The draft ends elsewhere", "the member length says where"),
    refusal.DraftInterrupted: (
        409,
        "interrupted",
        "The draft was interrupted",
        "it may be finished as what it was then: with interrupted true, and no longer than the member length",
    ),
    refusal.Held: (409, "held", "Another holder has the tool call", "it may be claimed when the lease ends"),
    refusal.OutcomeUnknown: (
        409,
        "outcome-unknown",
        "Nobody knows whether it took effect",
        "the member waits_for says who finds out",
    ),
    refusal.AnotherAttempt: (409, "another-attempt", "The tool call was taken again", "look at it again, then settle"),
    refusal.TooEarly: (
        409,
        "too-early",
        "Its former holder may still be at it",
        "the member retry_after is in seconds",
    ),
    refusal.Fenced: (409, "fenced", "The tool call has another holder", "the fence is not the current one"),
    refusal.UnknownClass: (422, "unknown-class", "There is no such class", "the member classes says which there are"),
    refusal.OnHold: (409, "on-hold", "The task is kept as it is", "nothing of it can be deleted for now"),
    refusal.WrongState: (409, "wrong-state", "The tool call is not in that state", "the member state says where it is"),
    LostRace: (409, "lost-race", "Somebody was faster", "read it again"),
}


def status_and_slug(kind: type[Refused]) -> tuple[int, str]:
    """How a refusal is answered."""
    return _WORDS[kind][:2]


def refused(refusal: Refused) -> Problem:
    """The problem that tells a caller of a refusal, with what the refusal knows."""
    status, slug, title, detail = _WORDS[type(refusal)]
    headers = {} if refusal.head is None else {"Task-Head": str(refusal.head)}
    return Problem(status, slug, title, detail, headers=headers, **_members(refusal))


def _members(refused: Refused) -> dict[str, Any]:
    match refused:
        case refusal.Conflict(current=current):
            return {"current": msgspec.to_builtins(current)}
        case refusal.Held(device_id=device_id, lease_until=lease_until):
            return {"holder": {"device_id": device_id, "lease_until": lease_until}}
        case refusal.Overlaps(from_seq=from_seq, to_seq=to_seq):
            return {"from_seq": from_seq, "to_seq": to_seq}
        case refusal.NotYourRole(role=role) | refusal.AlreadyTakesPart(role=role):
            return {"role": role}
        case refusal.UnknownClass(classes=classes):
            return {"classes": classes}
        case refusal.TooMuch(limits=limits) if limits:
            return {"limits": limits}
        case refusal.IllegalTransition(status=status, allowed=allowed):
            return {"task_status": status, "allowed": allowed}
        case refusal.Unsettled(calls=calls) | refusal.AtWork(calls=calls):
            return {"tool_calls": calls}
        case refusal.ReferenceTaken(call_id=call_id):
            return {"call_id": call_id}
        case refusal.NotActive(status=status):
            return {"task_status": status}
        case refusal.NobodyPresent(known=known):
            return {"known": known}
        case refusal.BudgetExhausted(unit=unit, limit=limit, used=used, reserved=reserved):
            return {"unit": unit, "limit": limit, "used": used, "reserved": reserved}
        case refusal.OutcomeUnknown(waits_for=waits_for):
            return {"waits_for": waits_for}
        case refusal.AnotherAttempt(attempt=attempt):
            return {"attempt": attempt}
        case refusal.TooEarly(retry_after=retry_after):
            return {"retry_after": retry_after}
        case refusal.HandoffOpen(handoff_id=handoff_id):
            return {"handoff_id": handoff_id}
        case refusal.AlreadyLeads(lead=lead) | refusal.HandedOver(lead=lead):
            return {"lead": lead}
        case refusal.WrongState(state=state) | refusal.WrongHandoffState(state=state):
            return {"state": state}
        case refusal.WrongOffset(length=length) | refusal.DraftInterrupted(length=length):
            return {"length": length}
        case refusal.WrongUploadOffset(size=size):
            return {"expected_offset": size}
        case refusal.CursorAhead(head=head):
            return {"head": head}
        case _:
            return {}
