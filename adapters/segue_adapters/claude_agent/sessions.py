"""Sessions of the Claude Agent SDK that are kept in a Segue task and go along with it to the next device.

What Claude Code writes together is an entry under the next number of its transcript; the newest has the session's
summary, so an append reads nothing. It is accepted right behind what its writer has read last.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from claude_agent_sdk import (
    ClaudeSDKError,
    SessionKey,
    SessionListSubkeysKey,
    SessionStore,
    SessionStoreEntry,
    SessionStoreListEntry,
    SessionSummaryEntry,
    fold_session_summary,
)
from segue.clock import Clock, now
from segue_client.device import Refused
from segue_client.task_state import Entry, TaskState

from segue_adapters.claude_agent.transcript import Unanswered, call_of, calls_in, put_off, unanswered

SESSIONS = "claude-agent/sessions/"
SUBAGENTS = "claude-agent/subagents/"
LINES = "claude-agent/lines/"
WRITTEN = 10
"""Seconds within which a tool call has to be kept to be run."""


class Moved(ClaudeSDKError):
    """The task goes on on another device; what this one still says of it is not kept."""

    def __init__(self) -> None:
        super().__init__("the task goes on on another device")


@dataclass(frozen=True)
class _End:
    """The newest entry of a transcript: its number, and the summary of the session up to there."""

    number: int = 0
    at: int = 0
    summary: dict[str, Any] | None = None


class TaskSessions(SessionStore):
    """The sessions of one task, each in the project (the directory) that the SDK says, or all in the one that is named.

    Name a `project` if the directories of the devices have different paths.
    """

    def __init__(self, state: TaskState, *, project: str | None = None, clock: Clock = now) -> None:
        self.moved = False
        """Whether a write was refused because the task has moved on."""
        self._state = state
        self._project = project
        self._clock = clock
        self._ends: dict[str, _End] = {}
        self._appending = asyncio.Lock()
        self._kept: set[str] = set()
        self._news = asyncio.Condition()
        self._unanswered = Unanswered()
        self._again: tuple[str, ...] = ()

    def runs_again(self, tools: Sequence[str]) -> None:
        """Say how the names of those tools begin that run once, however often they are called."""
        self._again = tuple(tools)

    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        """Raises `Moved` and `Refused`."""
        if not entries:
            return
        try:
            async with self._appending:
                while not await self._appended(key, entries):
                    self._ends.pop(self._lines(key), None)
        except Refused as refused:
            if refused.error in ("stale-epoch", "fenced"):
                self.moved = True
                async with self._news:
                    self._news.notify_all()
                raise Moved from refused
            raise
        self._kept.update(calls_in(entries))
        async with self._news:
            self._news.notify_all()

    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        """The transcript; if it ends in a tool call that runs once, it says that Claude Code is to take that up."""
        lines: list[SessionStoreEntry] = []
        seen: set[str] = set()
        async with aclosing(self._state.scan(self._lines(key))) as found:
            async for entry in found:
                for line in entry.value["lines"]:
                    if (written := line.get("uuid")) not in seen:
                        lines.append(line)
                    if written is not None:
                        seen.add(written)
        if not lines:
            return None
        self._kept.update(calls_in(lines))
        if key.get("subpath"):
            return lines
        self._unanswered = unanswered(lines)
        return put_off(lines, self._unanswered, tools=self._again) if self._again else lines

    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        summaries = await self.list_session_summaries(project_key)
        return [{"session_id": each["session_id"], "mtime": each["mtime"]} for each in summaries]

    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        async with aclosing(self._state.scan(f"{SESSIONS}{_digest(self._project or project_key)}/")) as found:
            keys: list[SessionKey] = [
                {"project_key": project_key, "session_id": entry.value["session_id"]} async for entry in found
            ]
        ends = await asyncio.gather(*(self._end(self._lines(key)) for key in keys))
        return [
            {"session_id": key["session_id"], "mtime": end.at, "data": end.summary or {}}
            for key, end in zip(keys, ends, strict=True)
        ]

    async def delete(self, key: SessionKey) -> None:
        session = self._session(key["project_key"], key["session_id"])
        if subpath := key.get("subpath"):
            prefixes, dropped = [self._lines(key)], [f"{SUBAGENTS}{session}/{_digest(subpath)}"]
        else:
            prefixes, dropped = [f"{LINES}{session}/", f"{SUBAGENTS}{session}/"], [SESSIONS + session]
        for prefix in prefixes:
            async with aclosing(self._state.scan(prefix, page=500)) as found:
                dropped += [entry.key async for entry in found]
        self._ends = {lines: end for lines, end in self._ends.items() if not lines.startswith(prefixes[0])}
        await self._state.keep({}, drop=dropped)

    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        session = self._session(key["project_key"], key["session_id"])
        async with aclosing(self._state.scan(f"{SUBAGENTS}{session}/")) as found:
            return [entry.value["subpath"] async for entry in found]

    async def kept(self, call_id: str) -> bool:
        """Wait until the line that makes a tool call is kept. Raises `Moved`."""

        def told() -> bool:
            return self.moved or call_id in self._kept

        try:
            async with asyncio.timeout(WRITTEN), self._news:
                await self._news.wait_for(told)
        except TimeoutError:
            return False
        if self.moved:
            raise Moved
        return True

    def reference(self, call_id: str, tool: str, arguments: Any) -> str:
        """Under which reference a call runs: its id, or that of an interrupted one which asked for the same."""
        if (open_call := self._unanswered.open.pop(call_id, None)) is not None:
            self._unanswered.references[call_of(tool, arguments)].remove(open_call[0])
            return open_call[0]
        return self._unanswered.asked(call_id, call_of(tool, arguments))

    async def _appended(self, key: SessionKey, entries: list[SessionStoreEntry]) -> bool:
        """Whether the lines are behind the end that is known, now or since an answer that was lost."""
        lines = self._lines(key)
        end = self._ends.get(lines) or await self._end(lines)
        at, number = max(self._clock() * 1000, end.at + 1), end.number + 1
        summary = None if key.get("subpath") else self._folded(key, end, entries)
        value = {"lines": entries, "at": at, **({"summary": summary} if summary else {})}
        named, name = self._named(key)
        kept = {**({named: name} if end.number == 0 else {}), f"{lines}{number:010}": value}
        try:
            await self._state.keep(kept, expect={f"{lines}{number:010}": 0})
        except Refused as refused:
            if refused.status != 412:
                raise
            there = await self._state.get(f"{lines}{number:010}")
            if there is None or there.value["lines"] != entries:
                return False
        self._ends[lines] = _End(number, at, summary)
        return True

    def _folded(self, key: SessionKey, end: _End, entries: list[SessionStoreEntry]) -> dict[str, Any]:
        before: SessionSummaryEntry | None = None
        if end.summary is not None:
            before = {"session_id": key["session_id"], "mtime": end.at, "data": end.summary}
        return fold_session_summary(before, key, entries)["data"]

    async def _end(self, lines: str) -> _End:
        async with aclosing(self._state.scan(lines, newest_first=True, page=1)) as found:
            async for newest in found:
                return _end_of(newest)
        return _End()

    def _named(self, key: SessionKey) -> tuple[str, dict[str, str]]:
        """The entry by which a transcript is found when all of them are listed."""
        session = self._session(key["project_key"], key["session_id"])
        if subpath := key.get("subpath"):
            return f"{SUBAGENTS}{session}/{_digest(subpath)}", {"subpath": subpath}
        return SESSIONS + session, {"session_id": key["session_id"]}

    def _lines(self, key: SessionKey) -> str:
        session = self._session(key["project_key"], key["session_id"])
        subpath = key.get("subpath")
        return f"{LINES}{session}/{_digest(subpath) if subpath else 'main'}/"

    def _session(self, project_key: str, session_id: str) -> str:
        return f"{_digest(self._project or project_key)}/{_digest(session_id)}"


def _end_of(newest: Entry) -> _End:
    return _End(int(newest.key.rpartition("/")[2]), newest.value["at"], newest.value.get("summary"))


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:24]
