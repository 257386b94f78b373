"""Conversations of Pydantic AI that are kept in a Segue task and go along with it to the next device.

A message is an entry under its id, which is a time-ordered UUID; a record points at the newest. A save writes what is
new and the record in one request, and only over the record that its writer has read.
"""

import hashlib
from collections.abc import Sequence
from contextlib import aclosing

from pydantic import TypeAdapter
from pydantic_ai.conversation_store import (
    ConversationConflict,
    ConversationEntry,
    ConversationRecord,
    ConversationStore,
)
from pydantic_ai.messages import ModelMessagesTypeAdapter
from segue_client.device import Refused
from segue_client.task_state import Entry, TaskState

RECORDS = "pydantic-ai/records/"
ENTRIES = "pydantic-ai/entries/"
PAGE = 100
_records = TypeAdapter(ConversationRecord)


class TaskConversations(ConversationStore):
    """The conversations of one task.

    A deleted conversation no longer loads or lists; its messages stay in the log of the task, for a fork may be about
    to use them, until the task or their writer is erased. Writing raises `Refused` where the task has moved on.
    """

    def __init__(self, state: TaskState) -> None:
        self._state = state
        self._seen: dict[str, tuple[str, int]] = {}

    async def read_record(self, conversation_id: str) -> ConversationRecord | None:
        found = await self._state.get(_key(conversation_id))
        if found is None:
            self._seen.pop(conversation_id, None)
            return None
        record = _records.validate_python(found.value)
        self._seen[conversation_id] = record.revision, found.seq
        return record

    async def read_records(self, *, scope: str | None = None, limit: int | None = None) -> Sequence[ConversationRecord]:
        async with aclosing(self._state.scan(RECORDS)) as found:
            records = [_records.validate_python(entry.value) async for entry in found]
        shown = [record for record in records if scope is None or record.scope == scope]
        return sorted(shown, key=lambda record: record.updated_at, reverse=True)[:limit]

    async def write_record(
        self,
        record: ConversationRecord,
        *,
        new_entries: Sequence[ConversationEntry] = (),
        expected_revision: str | None,
    ) -> None:
        seq = await self._seq_of(record.conversation_id, expected_revision)
        if not new_entries and record.head_id is not None and not await self._state.get(ENTRIES + record.head_id):
            raise ConversationConflict(record.conversation_id)
        key = _key(record.conversation_id)
        kept: dict[str, object] = {ENTRIES + entry.id: _kept(entry) for entry in new_entries}
        kept[key] = _records.dump_python(record, mode="json")
        last = await self._write(record.conversation_id, kept, expect={key: seq})
        self._seen[record.conversation_id] = record.revision, last

    async def delete_record(self, conversation_id: str, *, expected_revision: str) -> None:
        key = _key(conversation_id)
        seq = await self._seq_of(conversation_id, expected_revision)
        await self._write(conversation_id, {}, drop=[key], expect={key: seq})

    async def read_entry(self, entry_id: str) -> ConversationEntry:
        found = await self._state.get(ENTRIES + entry_id)
        if found is None:
            raise KeyError(entry_id)
        return _entry(found)

    async def read_history(self, head_id: str | None, *, limit: int | None = None) -> list[ConversationEntry]:
        """Backwards from the newest, a page at a time; what other conversations wrote meanwhile is passed over.

        An entry whose writer's clock was behind that of the entry before it is gone to by itself.
        """
        history: list[ConversationEntry] = []
        wanted = head_id
        while wanted is not None and (limit is None or len(history) < limit):
            history.append(await self.read_entry(wanted))
            before, wanted = wanted, history[-1].parent_id
            if wanted is None or len(history) == limit:
                break
            page = PAGE if limit is None else min(PAGE, limit - len(history))
            async with aclosing(
                self._state.scan(ENTRIES, after=ENTRIES + before, newest_first=True, page=page)
            ) as found:
                async for entry in found:
                    if len(history) == limit or wanted is None or entry.key < ENTRIES + wanted:
                        break
                    if entry.key == ENTRIES + wanted:
                        history.append(_entry(entry))
                        wanted = history[-1].parent_id
        history.reverse()
        return history

    async def _seq_of(self, conversation_id: str, revision: str | None) -> int:
        """The event that kept the record of this revision, 0 for none. Raises `ConversationConflict`."""
        if self._seen.get(conversation_id, ("", 0))[0] != revision:
            await self.read_record(conversation_id)
        known, seq = self._seen.get(conversation_id, (None, 0))
        if known != revision:
            raise ConversationConflict(conversation_id)
        return seq

    async def _write(
        self, conversation_id: str, kept: dict[str, object], *, expect: dict[str, int], drop: Sequence[str] = ()
    ) -> int:
        self._seen.pop(conversation_id, None)
        try:
            return await self._state.keep(kept, drop=drop, expect=expect)
        except Refused as refused:
            if refused.status == 412:
                raise ConversationConflict(conversation_id) from refused
            raise


def _key(conversation_id: str) -> str:
    return RECORDS + hashlib.sha256(conversation_id.encode()).hexdigest()[:24]


def _kept(entry: ConversationEntry) -> dict[str, object]:
    (message,) = ModelMessagesTypeAdapter.dump_python([entry.message], mode="json")
    return {"parent_id": entry.parent_id, "message": message}


def _entry(kept: Entry) -> ConversationEntry:
    (message,) = ModelMessagesTypeAdapter.validate_python([kept.value["message"]])
    return ConversationEntry(id=kept.key.removeprefix(ENTRIES), parent_id=kept.value["parent_id"], message=message)
