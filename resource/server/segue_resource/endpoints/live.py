"""What is live at a task and not in its log: drafts and who is present. Read once for all who follow in this process.

A reading gathers for a moment first: a fast writer's pieces become fewer and larger deltas, for a slow reader still
fewer, as each stream is told what is new since it was told last.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from segue_storage.ephemeral import Ephemeral, MemoryUnavailable, Note, Text

from segue_resource.domain.draft import Draft
from segue_resource.domain.presence import somebody
from segue_resource.endpoints.tail import one_line
from segue_resource.stores.drafts import About, Drafts
from segue_resource.stores.keys.sealing import Damaged
from segue_resource.stores.presence import board, opened

GATHER = 0.02
"""Seconds in which what comes is gathered."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """`drafts` is None while nobody can know them, and then it is not known who is present either."""

    drafts: dict[str, Draft] | None
    present: dict[str, Note]
    _deltas: dict[tuple[str, int], bytes] = field(default_factory=dict)

    def delta(self, draft: Draft, offset: int) -> bytes:
        """What follows in the draft, as a Server-Sent Event; encoded once for all who have come as far."""
        key = (draft.draft_id, offset)
        if key not in self._deltas:
            members = {"draft_id": draft.draft_id, "role": draft.role, "actor": draft.actor, "offset": offset}
            self._deltas[key] = _sse("delta", {**members, "text": draft.text[offset:]})
        return self._deltas[key]

    def presence(self) -> dict[str, Any]:
        """Who is known to be present (specs/protocol.md section 8)."""
        known = self.drafts is not None
        present = opened(self.present)
        return {"known": known, "somebody": somebody(present) if known else None, "present": present}


@dataclass
class Told:
    """What one stream has been told."""

    lengths: dict[str, int] = field(default_factory=dict)
    presence: bytes = field(default_factory=lambda: _sse("presence", Snapshot({}, {}).presence()))

    def news(self, snapshot: Snapshot) -> tuple[bytes, bytes]:
        """What to say before, and what after the log is read: that a draft is gone comes after its event."""
        before, after = [], []
        for name, draft in (snapshot.drafts or {}).items():
            told = self.lengths.get(name)
            if told is None or len(draft.text) != told:
                offset = told if told is not None and told < len(draft.text) else 0
                before.append(snapshot.delta(draft, offset))
                self.lengths[name] = len(draft.text)
        if snapshot.drafts is not None:
            for name in self.lengths.keys() - snapshot.drafts.keys():
                del self.lengths[name]
                after.append(_sse("draft-gone", {"draft_id": name}))
        presence = _sse("presence", snapshot.presence())
        if presence != self.presence:
            self.presence = presence
            before.append(presence)
        return b"".join(before), b"".join(after)


class Live:
    """One task's, in this process."""

    def __init__(self, task_id: str, drafts: Drafts, ephemeral: Ephemeral) -> None:
        self.followers = 0
        self._task_id = task_id
        self._drafts = drafts
        self._ephemeral = ephemeral
        self._known: dict[str, tuple[int, Draft]] = {}
        self._reading = asyncio.Lock()
        self._waiting: asyncio.Task[Snapshot] | None = None

    async def read(self) -> Snapshot:
        """What is there now, by a reading that had not begun before this was asked."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._gather())
        return await asyncio.shield(self._waiting)

    async def _gather(self) -> Snapshot:
        await asyncio.sleep(GATHER)
        async with self._reading:
            self._waiting = None
            try:
                texts = await self._drafts.read(
                    self._task_id, {name: count for name, (count, _) in self._known.items()}
                )
                self._known = {name: self._grown(name, text) for name, text in texts.items()}
                if any(len(self._known[name][1].text) != text.length for name, text in texts.items()):
                    texts = await self._drafts.read(self._task_id, {})  # Redis went back to an older state
                    self._known = {name: self._grown(name, text) for name, text in texts.items()}
                notes = await self._ephemeral.notes(board(self._task_id))
            except (MemoryUnavailable, Damaged) as outage:
                _log.info("what is live cannot be read: %r", outage)
                return Snapshot(None, {})
            return Snapshot({name: draft for name, (_, draft) in self._known.items()}, notes)

    def _grown(self, name: str, text: Text) -> tuple[int, Draft]:
        about = msgspec.json.decode(text.about, type=About)
        before = self._known[name][1].text if text.first else ""
        rest = "".join(self._drafts.open(self._task_id, name, piece) for piece in text.pieces)
        draft = Draft(name, about.role, about.actor, before + rest, text.stopped)
        return text.first + len(text.pieces), draft


class Lives:
    """Of all tasks that somebody follows here."""

    def __init__(self, drafts: Drafts, ephemeral: Ephemeral) -> None:
        self._drafts = drafts
        self._ephemeral = ephemeral
        self._followed: dict[str, Live] = {}

    @contextmanager
    def of(self, task_id: str) -> Iterator[Live]:
        live = self._followed.setdefault(task_id, Live(task_id, self._drafts, self._ephemeral))
        live.followers += 1
        try:
            yield live
        finally:
            live.followers -= 1
            if not live.followers:
                del self._followed[task_id]


def _sse(event: str, content: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (event.encode(), one_line(msgspec.json.encode(content)))
