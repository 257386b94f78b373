"""A tool call as one caller may see it: the fence and the downstream key are for its holder's eyes alone."""

from typing import Any, NotRequired, TypedDict

import msgspec

from segue_resource.domain.actor import Caller
from segue_resource.domain.tool_call import HELD, SPENDING, Effect, Holder, Reserved, State, ToolCall, WaitsFor


class ShownCall(TypedDict):
    """The members of a tool call. Times in seconds since the epoch."""

    call_id: str
    tool: str
    title: str
    arguments: dict[str, Any]
    effect: Effect
    state: State
    attempt: int
    holder: Holder | None
    result: Any
    error: Any
    proposed_seq: int
    started_at: int | None
    finished_at: int | None
    waits_for: WaitsFor | None
    reserved: Reserved | None
    reference: str | None
    fence: NotRequired[str]
    downstream_key: NotRequired[str]


def view(call: ToolCall, caller: Caller) -> dict[str, Any]:
    """The members of a tool call (specs/protocol.md section 8)."""
    shown: dict[str, Any] = msgspec.to_builtins(call)
    shown |= {"waits_for": call.waits_for, "quiet_from": call.quiet_from}
    if call.state not in SPENDING:
        shown["reserved"] = None
    del shown["task_id"], shown["unsettled"], shown["fence"]
    if _holds(caller, call):
        shown |= {"fence": str(call.fence), "downstream_key": call.downstream_key}
    return shown


def _holds(caller: Caller, call: ToolCall) -> bool:
    held = call.state in HELD or (call.state is State.UNKNOWN and call.fence is not None)
    return held and call.holder is not None and call.holder.device_id == caller.device_id
