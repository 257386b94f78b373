"""The states of a crew's flows in a task, one after the other: each as what has changed since the one before it.

A state is kept whole again once the changes since the last whole one are as large as it. So a turn costs what it
changed, on average, and reading a flow costs twice its state at most.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from segue_client.device import Refused
from segue_client.task_state import TaskState

from segue_adapters.crewai.difference import State, applied, difference

FEW = 10
"""Entries read at once where the newest state is probably known already."""


@dataclass(frozen=True)
class Kept:
    """The newest state of a flow. `completed` says how often each of its methods has been."""

    number: int = 0
    state: State | None = None
    completed: Mapping[str, int] = field(default_factory=dict)
    changed: int = 0
    """Characters of change since the last whole state."""


class FlowStates:
    """Every flow of one task. Methods raise `Refused` when the store says no, as it does after a transfer."""

    def __init__(self, state: TaskState) -> None:
        self._state = state
        self._known: dict[str, Kept] = {}

    async def save(self, flow_id: str, method: str, state: State, *, pending: Mapping[str, Any] | None = None) -> None:
        """Keep the state after the method, and with it what a person was asked, if the flow waits for them."""
        known = self._known.get(flow_id) or await self.load(flow_id)
        while True:
            entry, kept = _following(known, method, state)
            key = _key(flow_id, kept.number)
            entries = {key: entry}
            if pending is not None:
                entries[_pending(flow_id)] = {"context": dict(pending), "number": kept.number}
            try:
                await self._state.keep(entries, expect={key: 0})
            except Refused as refused:
                if refused.status != 412:
                    raise
                known = await self.load(flow_id)  # another device kept one meanwhile
                continue
            self._known[flow_id] = kept
            return

    async def load(self, flow_id: str) -> Kept:
        """The newest state; one without a number if there is none."""
        kept = self._known[flow_id] = await self._read(flow_id)
        return kept

    async def pending(self, flow_id: str) -> tuple[State, Mapping[str, Any]] | None:
        """What a person was asked, and the state of that moment."""
        entry = await self._state.get(_pending(flow_id))
        if entry is None:
            return None
        kept = await self._read(flow_id, until=entry.value["number"])
        return kept.state or {}, entry.value["context"]

    async def clear_pending(self, flow_id: str) -> None:
        await self._state.keep({}, drop=[_pending(flow_id)])

    async def completed(self, flow_id: str, method: str) -> int:
        """How often the method has been, as far as this device has read."""
        known = self._known.get(flow_id) or await self.load(flow_id)
        return known.completed.get(method, 0)

    async def _read(self, flow_id: str, *, until: int | None = None) -> Kept:
        known = self._known.get(flow_id, Kept())
        after = "" if until is None else _key(flow_id, until + 1)
        newer: list[Mapping[str, Any]] = []
        base = Kept()
        page = FEW if known.number else 100
        async for entry in self._state.scan(_states(flow_id), after=after, newest_first=True, page=page):
            number = int(entry.key.rpartition("/")[2])
            if number == known.number:
                base = known
                break
            newer.append({**entry.value, "number": number})
            if "whole" in entry.value:
                break
        for value in reversed(newer):
            base = _after(base, value)
        return base


def _following(known: Kept, method: str, state: State) -> tuple[dict[str, Any], Kept]:
    """The next entry of a flow, and what is kept once it is written."""
    completed = {**known.completed, method: known.completed.get(method, 0) + 1}
    change = difference(known.state or {}, state)
    changed = known.changed + len(json.dumps(change))
    entry: dict[str, Any] = {"method": method, "completed": completed, "change": change, "changed": changed}
    if known.state is None or changed >= len(json.dumps(state)):
        entry = {"method": method, "completed": completed, "whole": state}
    return entry, _after(known, {**entry, "number": known.number + 1})


def _after(kept: Kept, entry: Mapping[str, Any]) -> Kept:
    state = entry["whole"] if "whole" in entry else applied(kept.state or {}, entry["change"])
    return Kept(entry["number"], state, entry["completed"], entry.get("changed", 0))


def _flow(flow_id: str) -> str:
    """A flow's id may be a name that people gave, and keys are readable in the database."""
    return f"crewai/{hashlib.sha256(flow_id.encode()).hexdigest()[:32]}"


def _states(flow_id: str) -> str:
    return f"{_flow(flow_id)}/state/"


def _key(flow_id: str, number: int) -> str:
    return f"{_states(flow_id)}{number:010}"


def _pending(flow_id: str) -> str:
    return f"{_flow(flow_id)}/pending"
