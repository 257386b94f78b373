"""The whole record of a task as one archive that a person can read (R44): page by page, each in a read of its own.

All pages end at the event that was the last when it began. What is read of the present (tool calls) may be newer.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import msgspec

from segue_resource.domain.event import Event
from segue_resource.domain.tool_call import ToolCall
from segue_resource.export import page
from segue_resource.export.files import Files
from segue_resource.export.zip_stream import ZipStream
from segue_resource.stores import audit, events, handoffs, participants, sessions, tasks, tool_calls, working_set
from segue_resource.stores import working_set_history as history
from segue_resource.stores.log import opened
from segue_resource.stores.unit import Reading

Read = Callable[[Callable[[Reading], Any]], Awaitable[Any]]
"""`await read(work)` does the work in one state of the task."""

PAGE = 500
LARGEST = 10**15
LAST_VERSION = 10**9

README = """\
This archive is the record of one task.

index.html           to read: open it in any browser, or print it
task.json            the task: name, status, budget, times
participants.json    who took part, as what, from when to when
handoffs.json        who handed over to whom, and why
sessions.json        which devices were connected
events.ndjson        everything that happened, one event a line, in order; "hidden_by" says which event replaced it
working_set.json     the working set as it stands: decisions, facts, questions, results
working_set/         every version of each of its items, newest first
tool_calls.json      what tools were asked to do, whether it was approved, and what came of it; newest first
audit.ndjson         who did what that decides over the task, and who was shown it; each line proves those before it
artifacts/           the files of the task as they stand, if there are any

Times are seconds since 1970-01-01 in UTC. Files that end in .ndjson hold one JSON object a line (UTF-8).
What was erased is empty here too; that it was there, and when it was erased, the audit says.
"""


class Archive:
    """`only` leaves in what that person said and noted, for a task of somebody else's."""

    def __init__(self, read: Read, *, made_at: int, files: Files | None = None, only: str | None = None) -> None:
        self._read = read
        self._made_at = made_at
        self._files = files
        self._only = only

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes of the archive, as they come to be. The first are given once the task could be read."""
        found = await self._read(_standing)
        with ZipStream() as zipped:
            zipped.begin("README.txt")
            zipped.write(README.encode())
            async for name, content in self._contents(found):
                if name is not None:
                    zipped.begin(name)
                await asyncio.to_thread(zipped.write, content)
                if piece := zipped.take():
                    yield piece
            zipped.finish()
            yield zipped.take()

    async def _contents(self, found: dict[str, Any]) -> AsyncIterator[tuple[str | None, bytes]]:
        """Name and first bytes of each file, then None and further bytes."""
        async for piece in self._page(found):
            yield piece
        for part in ("task", "participants"):
            yield f"{part}.json", _json(found[part])
        if self._only is None:
            yield "handoffs.json", _json(await self._all_handoffs())
            yield "sessions.json", _json(await self._all_sessions())
            yield "working_set.json", _json(found["items"])
        yield "events.ndjson", b""
        async for event, hidden_by in self._events(found["head"]):
            yield None, _line(msgspec.to_builtins(event) | ({} if hidden_by is None else {"hidden_by": hidden_by}))
        for item_id in await self._read(history.item_ids):
            versions = await self._versions(item_id)
            if versions:
                yield f"working_set/{item_id}.json", _json(versions)
        if self._only is None:
            async for piece in self._whole_of_the_task():
                yield piece
        if self._files is not None:
            async for piece in self._files.contents(self._read, only=self._only):
                yield piece

    async def _whole_of_the_task(self) -> AsyncIterator[tuple[str | None, bytes]]:
        yield "tool_calls.json", b"[\n"
        first = True
        async for call in self._calls():
            yield None, (b"" if first else b",\n") + msgspec.json.encode(call)
            first = False
        yield None, b"\n]\n"
        yield "audit.ndjson", b""
        async for entry in self._audit():
            yield None, _line(msgspec.to_builtins(entry))

    async def _page(self, found: dict[str, Any]) -> AsyncIterator[tuple[str | None, bytes]]:
        yield "index.html", page.beginning(found["task"], found["participants"], made_at=self._made_at).encode()
        if self._only is None:
            yield None, page.working_set(found["items"]).encode()
            yield None, page.heading("What tools did").encode()
            async for call in self._calls():
                yield None, page.tool_call(call).encode()
        yield None, page.heading("What happened").encode()
        async for event, hidden_by in self._events(found["head"]):
            yield None, page.event(event, hidden=hidden_by is not None).encode()
        yield None, page.end().encode()

    async def _events(self, head: int) -> AsyncIterator[tuple[Event, int | None]]:
        after = 0
        while after < head:
            some = await self._read(partial(events.page, after=after, most=PAGE, full=True))
            for event in some.events:
                if event.seq <= head and self._only in (None, event.actor.sub):
                    yield opened(event), some.hidden.get(event.seq)
            if some.next_after <= after:
                return
            after = some.next_after

    async def _calls(self) -> AsyncIterator[ToolCall]:
        before = LARGEST
        while some := await self._read(partial(tool_calls.page, before=before)):
            for call in some:
                yield call
            before = some[-1].proposed_seq

    async def _audit(self) -> AsyncIterator[Any]:
        after = 0
        while True:
            some = await self._read(partial(_audit_page, after=after))
            for entry in some.entries:
                yield entry
            if some.next_after >= some.size:
                return
            after = some.next_after

    async def _versions(self, item_id: str) -> list[Any]:
        found: list[Any] = []
        before: int | None = LAST_VERSION
        while before is not None:
            some, before = await self._read(partial(history.versions, item_id=item_id, before=before))
            found += [version for version in some if self._only in (None, version.updated_by.sub)]
        return found

    async def _all_handoffs(self) -> list[Any]:
        found: list[Any] = []
        before: int | None = LARGEST
        while before is not None:
            some, before = await self._read(partial(handoffs.page, before=before))
            found += some
        return found

    async def _all_sessions(self) -> list[Any]:
        found: list[Any] = []
        before: int | None = LARGEST
        while before is not None:
            some, before = await self._read(
                partial(sessions.page, before=before, since=0, until=LARGEST, device_id=None)
            )
            found += some
        return found


def _standing(reading: Reading) -> dict[str, Any]:
    return {
        "task": tasks.task(reading),
        "participants": participants.everybody(reading),
        "items": working_set.items(reading),
        "head": reading.head,
    }


def _audit_page(reading: Reading, *, after: int) -> audit.Page:
    return audit.page(reading.connection, reading.caller.task_id, after=after)


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _line(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"
