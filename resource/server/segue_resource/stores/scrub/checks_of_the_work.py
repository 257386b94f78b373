"""The working set and the tool calls: every version and every call is there, opens, and is what the log says."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from segue_resource.domain.tool_call import FINISHED, Effect, State, ToolCall, WaitsFor
from segue_resource.stores import tables
from segue_resource.stores.keys.sealing import Damaged
from segue_resource.stores.scrub.account import REVERTED, Told
from segue_resource.stores.scrub.fault import Fault, Harm, Remedy
from segue_resource.stores.scrub.found import Found, key_of
from segue_resource.stores.scrub.mending import Mending
from segue_resource.stores.tool_call_row import from_row
from segue_resource.stores.working_set import BROUGHT_BACK, SHOWN, TEXTS, texts_of

_items = tables.working_set_items
_versions = tables.working_set_versions
_calls = tables.tool_calls
_SHOWN = (
    sa.select(*SHOWN)
    .select_from(_versions.outerjoin(TEXTS, BROUGHT_BACK))
    .where(_versions.c.task_id == sa.bindparam("the_task"))
    .order_by(_versions.c.item_id, _versions.c.version)
)
_HELD = sa.select(_versions.c.version).where(
    _versions.c.task_id == sa.bindparam("the_holder"),
    _versions.c.item_id == sa.bindparam("the_item"),
    _versions.c.version == sa.bindparam("the_version"),
)


def versions(found: Found) -> Iterator[Fault]:
    """Each version is told by the event it names, and each such event has its version."""
    told = {event.seq: event for event in found.account.of("working_set")}
    there = found.rows(_versions)
    for row in there:
        name = f"{row.item_id}/{row.version}"
        event = told.get(row.seq)
        if event is not None:
            own = {"text_task_id": None, "text_version": None}
            yield from found.differing(_versions, row, _as_told(event) | own, name=name)
        elif not _brought_back(found, row) and not found.account.may_tell(row.seq, "working_set"):
            what = "the log does not tell of this version"
            yield found.fault(_versions, name, Harm.FORGED, what, remedy=Remedy.DROPPED, mend=_drop(_versions, row))
    for seq in told.keys() - {row.seq for row in there}:
        name = f"{told[seq].body['item_id']}/{told[seq].body['version']}"
        yield found.fault(_versions, name, Harm.MISSING, f"the version that event {seq} tells of is missing")


def items(found: Found) -> Iterator[Fault]:
    """An item's head is its newest version; where that cannot be read, its last good one is brought back."""
    history: dict[str, list[Any]] = defaultdict(list)
    for row in found.connection.execute(_SHOWN, {"the_task": found.task_id}):
        history[row.item_id].append(row)
    heads = {row.item_id: row for row in found.rows(_items)}
    for item_id in sorted(history.keys() | heads.keys()):
        yield from _item(found, item_id, heads.get(item_id), history[item_id])


def _item(found: Found, item_id: str, head: Any, history: list[Any]) -> Iterator[Fault]:
    if head is not None and head.held_by is not None and not history:
        yield from _shared(found, head)
        return
    opened = [(row, _size(found, row, newest=row is history[-1])) for row in history]
    for row, size in opened:
        if size is None:
            newest = row is history[-1]
            remedy = Remedy.EARLIER if newest else Remedy.LOST
            mend = _bring_back(opened) if newest else _blank(row)
            name = f"{item_id}/{row.version}"
            yield found.fault(_versions, name, Harm.UNREADABLE, "its text does not open", remedy=remedy, mend=mend)
        elif row.size not in (None, size) and row.sealed:
            yield from found.differing(_versions, row, {"size": size}, name=f"{item_id}/{row.version}")
    if not history or (opened[-1][1] is None and head is not None):
        if head is not None and not history:
            what = "an item without any version"
            yield found.fault(_items, item_id, Harm.FORGED, what, remedy=Remedy.DROPPED, mend=_drop(_items, head))
        return
    last, size = opened[-1]
    if last.sealed is None:
        if head is not None:
            what = "the item was deleted"
            yield found.fault(_items, item_id, Harm.FORGED, what, remedy=Remedy.DROPPED, mend=_drop(_items, head))
        return
    expected = {"version": last.version, "type": last.type, "status": last.status, "held_by": None}
    expected |= {} if size is None else {"size": size}
    if head is not None:
        yield from found.differing(_items, head, expected, name=item_id)
        return
    row = {"task_id": found.task_id, "item_id": item_id, "size": 0, **expected}
    what = "the head of the item is missing"
    yield found.fault(
        _items, item_id, Harm.MISSING, what, remedy=Remedy.REBUILT, mend=lambda mending: mending.add(_items, row)
    )


def _shared(found: Found, head: Any) -> Iterator[Fault]:
    """An item of a fork that nobody has changed since: the version lies with the task that wrote it."""
    asked = {"the_holder": head.held_by, "the_item": head.item_id, "the_version": head.version}
    if found.connection.execute(_HELD, asked).one_or_none() is None:
        yield found.fault(_items, head.item_id, Harm.MISSING, "the version is not with the task that should hold it")


def _size(found: Found, row: Any, *, newest: bool) -> int | None:
    """Bytes of title and body; None where they do not open, 0 where there are none any more."""
    if row.sealed is None:
        return None if _has_text(found, row) else 0
    if found.keys.of(row.text_task_id or row.task_id).destroyed(row.key_no):
        return row.size or 0
    if not row.sealed:
        return None if newest or not found.account.expired(row.seq) else 0
    try:
        texts = texts_of(row, found.keys)
    except Damaged:
        return None
    told = found.account.by_seq.get(row.seq)
    if told is not None and texts["title"] != told.body.get("title", texts["title"]) and texts["title"]:
        return None
    return len(texts["title"].encode()) + len(texts["body"].encode())


def _brought_back(found: Found, row: Any) -> dict[str, Any] | None:
    """What a rollback says of the version, if it is one that a rollback made."""
    told = found.account.by_seq.get(row.seq)
    if told is None or told.kind != REVERTED:
        return None
    its = (row.item_id, row.version)
    return next((said for said in told.body["working_set"] if (said["item_id"], said["version"]) == its), None)


def _has_text(found: Found, row: Any) -> bool:
    """Whether the log says that this version is no deletion."""
    told, back = found.account.by_seq.get(row.seq), _brought_back(found, row)
    return told is not None and (told.kind == "working_set.changed" or (back is not None and not back["deleted"]))


def _as_told(event: Told) -> dict[str, Any]:
    body = event.body
    told = {"item_id": body["item_id"], "version": body["version"], "updated_at": event.at}
    told |= {"sub": event.sub, "client_id": event.client_id, "device_id": event.device_id}
    return told | {name: body[name] for name in ("type", "status", "source_seq") if name in body}


def _bring_back(opened: list[tuple[Any, int | None]]) -> Any:
    """A new version with the text of the last good one, and one that says nothing in the place of what is lost."""
    good = [(row, size) for row, size in opened if size is not None and row.sealed is not None]
    lost = opened[-1][0]

    def mend(mending: Mending) -> None:
        _blank(lost)(mending)
        if good:
            row, size = good[-1]
            content = {**texts_of(row, mending.keys), "type": row.type, "status": row.status}
            mending.new_version(lost.item_id, lost.version + 1, content, size=size or 0)

    return mend


def _blank(row: Any) -> Any:
    def mend(mending: Mending) -> None:
        empty = mending.seal({"title": "", "body": ""}, table=_versions.name, row=f"{row.item_id}/{row.version}")
        said = {"key_no": empty.key_no, "sealed": empty.value, "size": 0}
        mending.change(_versions, key_of(_versions, row), said)

    return mend


def calls(found: Found) -> Iterator[Fault]:
    """Each call is where the last event about it says; what nobody can read of it does not run any more."""
    told: dict[str, list[Told]] = defaultdict(list)
    for event in found.account.of("tool_call"):
        told[event.body["call_id"]].append(event)
    there = {row.call_id: row for row in found.rows(_calls)}
    for call_id in told.keys() - there.keys():
        yield found.fault(_calls, call_id, Harm.MISSING, "the log tells of a tool call that is not there")
    for call_id, row in there.items():
        if call_id in told:
            yield from _call(found, row, told[call_id])
        elif not found.account.may_tell(row.proposed_seq, "tool_call"):
            what = "the log does not tell of this tool call"
            yield found.fault(_calls, call_id, Harm.FORGED, what, remedy=Remedy.DROPPED, mend=_drop(_calls, row))
        yield from _opens(found, row, told.get(call_id, []))


def _call(found: Found, row: Any, told: list[Told]) -> Iterator[Fault]:
    expected: dict[str, Any] = {"effect": told[0].body["effect"]}
    if told[0].kind == "tool_call.proposed":
        expected |= {"proposed_seq": told[0].seq, "reference": told[0].body.get("reference")}
    if found.account.sure("tool_call", since=told[-1].seq):
        expected |= {"state": told[-1].body["state"], "attempt": told[-1].body["attempt"]}
    if found.account.sure("tool_call", since=told[0].seq):
        expected |= _course(row, told)
    yield from found.differing(_calls, row, expected, name=row.call_id)


def _course(row: Any, told: list[Told]) -> dict[str, Any]:
    """When it started and ended, who held it under which fence, and who has to find out."""
    course: dict[str, Any] = {"started_at": None, "finished_at": None, "unsettled": None}
    course |= {} if row.started_seq is None else {"started_seq": None}  # absent where a former release wrote it
    device = fence = None
    for event in told:
        match event.kind, event.body["state"]:
            case "tool_call.claimed" | "tool_call.probing", _:
                device, fence = event.device_id, (event.epoch, event.body["attempt"])
            case "tool_call.started", _:
                course["started_at"] = event.at
                course |= {} if row.started_seq is None else {"started_seq": event.seq}
            case "tool_call.unknown", _:
                probes = event.body["effect"] == Effect.RECONCILABLE
                finder = (WaitsFor.PROBE if probes else WaitsFor.PERSON).value
                course["unsettled"] = event.body.get("waits_for", finder)  # said where a backup was put back
            case "tool_call.refused", _:
                pass
            case _, state if state in FINISHED:
                course |= {"finished_at": event.at, "unsettled": None}
            case "tool_call.settled", state:
                course["unsettled"] = WaitsFor.PERSON.value if state == State.UNKNOWN else None
    if row.holder_device_id is not None:  # a holder that was let go of is not in the log
        course["holder_device_id"] = device
    if row.fence_epoch is not None or row.fence_counter is not None:
        course["fence_epoch"], course["fence_counter"] = fence or (None, None)
    return course


def _opens(found: Found, row: Any, told: list[Told]) -> Iterator[Fault]:
    try:
        call = from_row(row, found.keys)
        gone = not row.proposal_sealed and not found.keys.destroyed(row.proposal_key_no)
        if gone and not found.account.expired(row.proposed_seq):
            raise Damaged("the proposal is gone, and the log does not say that it was dropped")
        yield from _whole(found, row, call)
        return
    except (Damaged, ValueError) as damaged:
        what = str(damaged)
    title = told[-1].body["title"] if told else ""

    def mend(mending: Mending) -> None:
        proposal = mending.seal({"title": title, "arguments": {}}, table=_calls.name, row=f"{row.call_id}/proposal")
        outcome = mending.seal(
            {"result": None, "error": {"damaged": True}}, table=_calls.name, row=f"{row.call_id}/outcome"
        )
        mending.change(
            _calls,
            key_of(_calls, row),
            {
                "proposal_key_no": proposal.key_no,
                "proposal_sealed": proposal.value,
                "outcome_key_no": outcome.key_no,
                "outcome_sealed": outcome.value,
                "size": proposal.size + outcome.size,
            },
        )
        if row.state not in FINISHED:
            mending.cancel_call(row.call_id)

    yield found.fault(_calls, row.call_id, Harm.UNREADABLE, what, remedy=Remedy.LOST, mend=mend)


def _whole(found: Found, row: Any, call: ToolCall) -> Iterator[Fault]:
    """An outcome is there when the call ended with one, and all of it is as long as it was."""
    ended_with_one = row.state in (State.SUCCEEDED, State.FAILED) and row.proposal_sealed
    if (row.outcome_sealed is None) != (row.outcome_key_no is None) or (ended_with_one and row.outcome_sealed is None):
        yield found.fault(_calls, row.call_id, Harm.MISSING, "the outcome of the tool call is missing")
    proposal = {"title": call.title, "arguments": call.arguments}
    size = len(msgspec.json.encode(proposal))
    if row.outcome_sealed is not None:
        size += len(msgspec.json.encode({"result": call.result, "error": call.error}))
    if call.title:  # otherwise its text may have been erased
        yield from found.differing(_calls, row, {"size": size}, name=row.call_id)


def _drop(table: Any, row: Any) -> Any:
    return lambda mending: mending.drop(table, key_of(table, row))
