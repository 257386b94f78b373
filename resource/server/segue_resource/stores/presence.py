"""Who said that they are there: notes that are forgotten unless they are renewed, in memory and in no database."""

import msgspec
from segue_storage.ephemeral import Ephemeral, MemoryUnavailable, Note

from segue_resource.domain import presence
from segue_resource.domain.presence import Present
from segue_resource.stores.drafts import live_topic

LIFETIME = 30
"""Seconds after which who has not said so again is no longer there."""
MOST = 200
"""Sessions of one task that are remembered as present."""


def board(task_id: str) -> str:
    """Where the notes of a task are."""
    return f"presence:{task_id}"


def opened(notes: dict[str, Note]) -> list[Present]:
    """What the notes say, by session."""
    return [msgspec.json.decode(note.value, type=Present) for _, note in sorted(notes.items())]


class Presence:
    """Of all tasks."""

    def __init__(self, ephemeral: Ephemeral) -> None:
        self._ephemeral = ephemeral

    async def put(self, task_id: str, entry: Present) -> None:
        """Say that a session is there; whoever follows hears of a change. Raises `MemoryUnavailable`."""
        value = msgspec.json.encode(entry)
        if await self._ephemeral.put_note(board(task_id), entry["session_id"], value, most=MOST, lifetime=LIFETIME):
            await self._ephemeral.wake(live_topic(task_id))

    async def somebody(self, task_id: str) -> bool | None:
        """Whether a person is there; None while nobody can know."""
        try:
            notes = await self._ephemeral.notes(board(task_id))
        except MemoryUnavailable:
            return None
        return presence.somebody(opened(notes))
