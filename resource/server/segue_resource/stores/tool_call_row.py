"""How a tool call lies in its row: proposal and outcome are sealed apart, each under the key of who wrote it."""

from typing import Any

import sqlalchemy as sa

from segue_resource.domain.tool_call import Effect, Fence, Holder, Reserved, State, ToolCall, WaitsFor
from segue_resource.stores.keys.task_keys import TaskKeys

CHANGING = (
    *("state", "attempt", "fence_epoch", "fence_counter", "holder_device_id", "holder_session_id"),
    *("lease_until", "unsettled", "started_at", "finished_at", "size", "outcome_key_no", "outcome_sealed"),
    *("reserved_unit", "reserved"),
)
"""The columns that a step may change."""

_TABLE = "tool_calls"


def new_row(call: ToolCall, keys: TaskKeys, *, sub: str) -> dict[str, Any]:
    """The row of a call that was just proposed by this person."""
    proposal = {"title": call.title, "arguments": call.arguments}
    sealed = keys.seal(proposal, sub=sub, table=_TABLE, row=f"{call.call_id}/proposal")
    return {
        "task_id": call.task_id,
        "call_id": call.call_id,
        "tool": call.tool,
        "effect": call.effect,
        "state": call.state,
        "attempt": call.attempt,
        "proposed_seq": call.proposed_seq,
        "reference": call.reference,
        "size": sealed.size,
        "proposal_key_no": sealed.key_no,
        "proposal_sealed": sealed.value,
    }


def changed(row: sa.Row[Any], call: ToolCall, keys: TaskKeys, *, sub: str) -> dict[str, Any]:
    """The values of the `CHANGING` columns once the call of this row is as given."""
    fence, holder = call.fence, call.holder
    return {
        "state": call.state,
        "attempt": call.attempt,
        "fence_epoch": fence and fence.epoch,
        "fence_counter": fence and fence.counter,
        "holder_device_id": holder and holder.device_id,
        "holder_session_id": holder and holder.session_id,
        "lease_until": holder and holder.lease_until,
        "unsettled": call.unsettled,
        "started_at": call.started_at,
        "finished_at": call.finished_at,
        "reserved_unit": call.reserved and call.reserved.unit,
        "reserved": call.reserved and call.reserved.amount,
        **_outcome(row, call, keys, sub=sub),
    }


def _outcome(row: sa.Row[Any], call: ToolCall, keys: TaskKeys, *, sub: str) -> dict[str, Any]:
    """Sealed once, when the call ends with one: a result, an error, or why it was denied."""
    kept = {"size": row.size, "outcome_key_no": row.outcome_key_no, "outcome_sealed": row.outcome_sealed}
    ended_with_one = call.state in (State.SUCCEEDED, State.FAILED) or call.error is not None
    if row.outcome_sealed is not None or not ended_with_one:
        return kept
    content = {"result": call.result, "error": call.error}
    sealed = keys.seal(content, sub=sub, table=_TABLE, row=f"{call.call_id}/outcome")
    return {"size": row.size + sealed.size, "outcome_key_no": sealed.key_no, "outcome_sealed": sealed.value}


def from_row(row: sa.Row[Any], keys: TaskKeys) -> ToolCall:
    """The call as it was stored. What was written under a key that has been destroyed is empty."""
    sealed = keys.unseal(row.proposal_key_no, row.proposal_sealed, table=_TABLE, row=f"{row.call_id}/proposal")
    proposal = sealed or {"title": "", "arguments": {}}
    outcome: dict[str, Any] = {"result": None, "error": None}
    if row.outcome_sealed is not None:
        opened = keys.unseal(row.outcome_key_no, row.outcome_sealed, table=_TABLE, row=f"{row.call_id}/outcome")
        outcome = opened or outcome
    return ToolCall(
        task_id=row.task_id,
        call_id=row.call_id,
        tool=row.tool,
        title=proposal["title"],
        arguments=proposal["arguments"],
        effect=Effect(row.effect),
        state=State(row.state),
        attempt=row.attempt,
        fence=None if row.fence_epoch is None else Fence(row.fence_epoch, row.fence_counter),
        holder=_holder(row),
        result=outcome["result"],
        error=outcome["error"],
        proposed_seq=row.proposed_seq,
        started_at=row.started_at,
        finished_at=row.finished_at,
        unsettled=None if row.unsettled is None else WaitsFor(row.unsettled),
        reserved=None if row.reserved_unit is None else Reserved(row.reserved_unit, row.reserved),
        reference=row.reference,
    )


def _holder(row: sa.Row[Any]) -> Holder | None:
    if row.holder_device_id is None:
        return None
    return Holder(row.holder_device_id, row.holder_session_id, row.lease_until)
