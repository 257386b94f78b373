"""Kept answers, data keys and the audit: what is kept beside the task for its sake."""

from collections.abc import Iterator
from typing import Any

import msgspec

from segue_resource.domain.audit import AUDITED, about_event
from segue_resource.stores import audit_verification, tables
from segue_resource.stores.keys.sealing import Damaged
from segue_resource.stores.scrub.fault import Fault, Harm, Remedy
from segue_resource.stores.scrub.found import Found, key_of

_answers = tables.idempotency_keys
_keys = tables.data_keys
_audit = tables.audit


def answers(found: Found) -> Iterator[Fault]:
    """Each answer that is kept for a repeat opens; without one a repeat is done as if it were the first."""
    for row in found.rows(_answers):
        name = f"{row.device_id}/{row.idempotency_key}"
        try:
            found.keys.unseal(row.key_no, row.sealed, table=_answers.name, row=name)
            if not row.sealed and not found.keys.destroyed(row.key_no):
                raise Damaged("the answer is gone")
        except Damaged as damaged:
            key = key_of(_answers, row)
            yield found.fault(
                _answers,
                name,
                Harm.UNREADABLE,
                str(damaged),
                remedy=Remedy.DROPPED,
                mend=lambda mending, key=key: mending.drop(_answers, key),  # type: ignore[misc]
            )


def keys(found: Found) -> Iterator[Fault]:
    """Each data key that was not destroyed opens under the master key, at its number and for its person."""
    for key_no, damaged in found.keys.damaged().items():
        yield found.fault(_keys, key_no, Harm.UNREADABLE, f"the data key cannot be had: {damaged}")
    for row in found.rows(_keys):
        if (row.wrapped is None) != (row.destroyed_at is not None):
            what = "it is destroyed and there, or neither"
            yield found.fault(_keys, row.key_no, Harm.WRONG, what)


def chain(found: Found) -> Iterator[Fault]:
    """Every link of the audit, and every entry that tells of an event against the event."""
    verified = audit_verification.verify(found.connection, master=found.master, task_id=found.task_id)
    for fault in verified.faults:
        yield found.fault(_audit, fault.n, Harm.WRONG, f"the entry {fault.what}")


def _repeats(text: str, about: dict[str, Any]) -> bool:
    try:
        said = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return isinstance(said, dict) and all(said.get(name) == value for name, value in about.items())


def entries(found: Found) -> Iterator[Fault]:
    """What the log says and what the audit says of it are the same."""
    told = {}
    for row in found.rows(_audit):
        if row.seq > found.last:
            yield found.fault(_audit, row.n, Harm.WRONG, f"the entry names event {row.seq}, which is not there")
        if row.kind in AUDITED:
            told[row.seq, row.kind] = row
    for event in found.account.by_seq.values():
        about = about_event(event.kind, event.body)
        if about is None:
            continue
        entry = told.pop((event.seq, event.kind), None)
        if entry is None:
            yield found.fault(_audit, f"of event {event.seq}", Harm.MISSING, "the audit does not tell of the event")
        elif not _repeats(entry.about, about):
            yield found.fault(_audit, entry.n, Harm.WRONG, f"the entry does not say what event {event.seq} says")
    for (seq, kind), entry in told.items():
        if not found.account.may_tell(seq, kind.partition(".")[0]):
            yield found.fault(_audit, entry.n, Harm.WRONG, f"the log has no such event {seq}")
