"""Sessions, hand-offs and invitations: who was there, who answers the customer, who was asked to take part."""

from collections.abc import Iterator
from typing import Any

from segue_resource.domain.handoff import HandoffState
from segue_resource.domain.invitation import InvitationState
from segue_resource.stores import tables
from segue_resource.stores.invitations import digest_of
from segue_resource.stores.keys.sealing import Damaged
from segue_resource.stores.scrub.account import Told
from segue_resource.stores.scrub.fault import Fault, Harm, Remedy
from segue_resource.stores.scrub.found import Found, key_of
from segue_resource.stores.scrub.mending import Mending

_sessions = tables.sessions
_handoffs = tables.handoffs
_invitations = tables.invitations


def sessions(found: Found) -> Iterator[Fault]:
    """Each session is the one that joined by the event it names, and has ended when the log says so."""
    left = {told.body["session_id"]: told.at for told in found.account.of("session") if told.kind == "session.left"}
    joined = {told.seq: told for told in found.account.of("session") if told.kind == "session.joined"}
    there = {row.joined_seq: row for row in found.rows(_sessions)}
    for seq, row in there.items():
        told = joined.get(seq)
        if told is not None:
            expected = _joined(told)
            if row.session_id in left or found.account.sure("session", since=seq):
                expected["ended_at"] = left.get(told.body["session_id"])
            yield from found.differing(_sessions, row, expected, name=row.session_id)
        elif not found.account.may_tell(seq, "session"):
            yield _forged(found, _sessions, row, row.session_id, "the log does not tell of this session")
        yield from _opens(found, _sessions, row, row.session_id, {"name": told.body["name"] if told else ""})
    for seq in joined.keys() - there.keys():
        yield found.fault(_sessions, joined[seq].body["session_id"], Harm.MISSING, "the session is missing")


def _joined(told: Told) -> dict[str, Any]:
    actor = {"sub": told.sub, "client_id": told.client_id, "device_id": told.device_id}
    said = {name: told.body[name] for name in ("session_id", "transport", "connection_id")}
    return {**actor, **said, "started_at": told.at}


def handoffs(found: Found) -> Iterator[Fault]:
    """Each hand-off is what was offered, and where the last event about it says."""
    expected = _handoffs_told(found)
    there = {row.handoff_id: row for row in found.rows(_handoffs)}
    for handoff_id in expected.keys() - there.keys():
        yield found.fault(_handoffs, handoff_id, Harm.MISSING, "the log tells of a hand-off that is not there")
    for handoff_id, row in there.items():
        told = expected.get(handoff_id)
        if told is not None:
            last = max(seq for seq in (told["offered_seq"], told["accepted_seq"], told["ended_seq"]) if seq)
            sure = found.account.sure("handoff", since=last)
            compared = told if sure else {name: told[name] for name in ("mode", "from_role", "to_role", "to_sub")}
            readable = {name: value for name, value in compared.items() if name not in ("reason", "limit")}
            yield from found.differing(_handoffs, row, readable, name=handoff_id)
        elif not found.account.may_tell(row.offered_seq, "handoff"):
            yield _forged(found, _handoffs, row, handoff_id, "the log does not tell of this hand-off")
        said = {name: told[name] if told else None for name in ("reason", "limit")}
        yield from _opens(found, _handoffs, row, handoff_id, said | ({} if told else {"reason": ""}))


def _handoffs_told(found: Found) -> dict[str, dict[str, Any]]:
    expected: dict[str, dict[str, Any]] = {}
    for told in found.account.of("handoff"):
        handoff_id, verb = told.body["handoff_id"], told.kind.partition(".")[2]
        if verb in ("offered", "escalated"):
            said = {name: told.body[name] for name in ("mode", "from_role", "to_role", "to_sub", "reason", "limit")}
            begun = {"state": HandoffState.OFFERED.value, "offered_by": told.sub, "offered_seq": told.seq}
            expected[handoff_id] = {**said, **begun, "accepted_by": None, "accepted_seq": None, "ended_seq": None}
        elif handoff_id in expected and verb == "accepted":
            expected[handoff_id] |= {"state": verb, "accepted_by": told.sub, "accepted_seq": told.seq}
        elif handoff_id in expected:
            expected[handoff_id] |= {"state": verb, "ended_seq": told.seq}
    return expected


def invitations(found: Found) -> Iterator[Fault]:
    """Each invitation is what was created, is answered as the log says, and its code is the one of its id."""
    expected = _invitations_told(found)
    there = {row.invitation_id: row for row in found.rows(_invitations)}
    for invitation_id in expected.keys() - there.keys():
        yield found.fault(_invitations, invitation_id, Harm.MISSING, "the log tells of an invitation that is not there")
    for invitation_id, row in there.items():
        told = expected.get(invitation_id)
        if told is not None:
            if not found.account.sure("participant", since=0) or not found.account.sure("invitation", since=0):
                told = {name: told[name] for name in ("role", "expires_at", "invited_by", "created_at")}
            digest = {"code_digest": digest_of(found.master, invitation_id)}
            yield from found.differing(_invitations, row, told | digest, name=invitation_id)
        elif found.account.sure("invitation", since=0):
            yield _forged(found, _invitations, row, invitation_id, "the log does not tell of this invitation")


def _invitations_told(found: Found) -> dict[str, dict[str, Any]]:
    expected: dict[str, dict[str, Any]] = {}
    events = sorted([*found.account.of("invitation"), *found.account.of("participant")], key=lambda told: told.seq)
    for told in events:
        invitation_id = told.body.get("invitation_id")
        if told.kind == "invitation.created":
            begun = {"invited_by": told.sub, "created_at": told.at, "accepted_by": None}
            said = {name: told.body[name] for name in ("role", "expires_at")}
            expected[told.body["invitation_id"]] = said | begun | {"state": InvitationState.OPEN.value}
        elif invitation_id in expected and told.kind == "participant.joined":
            expected[invitation_id] |= {"state": InvitationState.ACCEPTED.value, "accepted_by": told.body["sub"]}
        elif invitation_id in expected:
            expected[invitation_id] |= {"state": told.kind.partition(".")[2]}
    return expected


def _opens(found: Found, table: Any, row: Any, name: str, said: dict[str, Any]) -> Iterator[Fault]:
    """What it says opens, and is what the log says; if not, that is put back."""
    try:
        opened = found.keys.unseal(row.key_no, row.sealed, table=table.name, row=name)
        if not row.sealed and not found.keys.destroyed(row.key_no):
            raise Damaged("what it says is gone")
    except Damaged as damaged:
        opened, harm, what = None, Harm.UNREADABLE, str(damaged)
    else:
        if opened is None or opened == said or not any(said.values()):
            return
        harm, what = Harm.WRONG, "what it says is not what the log says"

    def mend(mending: Mending) -> None:
        sealed = mending.seal(said, table=table.name, row=name)
        mending.change(table, key_of(table, row), {"key_no": sealed.key_no, "sealed": sealed.value})

    yield found.fault(table, name, harm, what, remedy=Remedy.REBUILT, mend=mend)


def _forged(found: Found, table: Any, row: Any, name: str, what: str) -> Fault:
    drop = Remedy.DROPPED
    return found.fault(
        table, name, Harm.FORGED, what, remedy=drop, mend=lambda mending: mending.drop(table, key_of(table, row))
    )
