"""The task store from a device (specs/protocol.md section 8): resume, history, working set, tool calls."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx2

from segue_client.device import Refused
from segue_client.grant import Grant

Body = Mapping[str, Any]
AGAIN = 1
"""Seconds before a broken stream is opened again."""


class TaskClient:
    """The task of one grant at one store. Every method raises `Refused` when the store says no.

    With the same `key` a repeat is answered like the first: name one wherever you would try again after a lost answer.
    """

    def __init__(self, grant: Grant, *, store: str) -> None:
        self._grant = grant
        self._store = store
        self._task = f"{store}/tasks/{grant.task_id}"

    async def resume(self) -> Body:
        """One consistent view: task, paragraph, working set, unfinished tool calls, the last events, `cursor`."""
        return await self._read("/resume")

    async def join(self, *, name: str, transport: str, key: str | None = None) -> Body:
        """Register this connection as a session of the task, so that the other devices see it."""
        return await self._write("POST", "/sessions", {"name": name, "transport": transport}, key=key)

    async def leave(self, session_id: str) -> None:
        """End a session of this device."""
        url = f"{self._task}/sessions/{session_id}"
        sent = {"Idempotency-Key": str(uuid.uuid4())}
        self._grant.accepted(await self._grant.request("DELETE", url, audience=self._store, headers=sent))

    async def attend(self, session_id: str, *, state: str = "here") -> None:
        """Say that a person is in front of this session; forgotten after 30 seconds."""
        url, body = f"{self._task}/presence", {"state": state, "session_id": session_id}
        answer = await self._grant.request("PUT", url, audience=self._store, json=body)
        self._grant.accepted(answer)

    async def invite(self, role: str) -> Body:
        """A new invitation to the task: `invitation_uri` and `code` are said only now."""
        return await self._write("POST", "/invitations", {"role": role})

    async def append(self, events: Sequence[Body], *, key: str | None = None) -> Body:
        """Append to the history."""
        return await self._write("POST", "/events", {"events": list(events)}, key=key)

    async def events(self, *, after: int = 0) -> Sequence[Body]:
        """The history from one sequence number on, a page at a time."""
        found: list[Body] = []
        while True:
            page = await self._read(f"/events?after={after}&limit=500")
            found += page["events"]
            if page["next_after"] >= page["head"] or not page["events"]:
                return found
            after = page["next_after"]

    async def follow(self, *, after: int) -> AsyncIterator[Body]:
        """As `live_events`, across every break: each event once and in order, for as long as there is access."""
        while True:
            try:
                async for event in self.live_events(after=after):
                    after = event["seq"]
                    yield event
            except httpx2.TransportError:
                await asyncio.sleep(AGAIN)
            except Refused as refused:
                if refused.status < 500:
                    raise
                await asyncio.sleep(AGAIN)

    async def live_events(self, *, after: int) -> AsyncIterator[Body]:
        """The history from `after` on and then as it happens, until the token or the server ends the stream."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        url = f"{self._task}/events"
        answer = await self._grant.request("GET", url, audience=self._store, headers=headers, stream=True)
        try:
            if answer.is_error:
                await answer.aread()
                raise Refused.from_answer(answer)
            kind = "message"
            async for line in answer.aiter_lines():
                if line.startswith("event:"):
                    kind = line.removeprefix("event:").strip()
                elif line.startswith("data:") and kind == "message":
                    yield json.loads(line.removeprefix("data:"))
                elif not line:
                    kind = "message"
        finally:
            await answer.aclose()

    async def create_item(self, item_id: str, item: Body, *, key: str | None = None) -> Body:
        """Put a new item into the working set."""
        return await self._write("PUT", f"/working-set/{item_id}", item, key=key, headers={"If-None-Match": "*"})

    async def replace_item(self, item_id: str, item: Body, *, version: int, key: str | None = None) -> Body:
        """Replace the item if it still is at `version`; else `Refused` 412, and `body["current"]` is the winner."""
        return await self._write("PUT", f"/working-set/{item_id}", item, key=key, headers={"If-Match": f'"{version}"'})

    async def propose(self, call: Body, *, key: str | None = None) -> Body:
        """Propose a tool call: `tool`, `title`, `arguments`, `effect`."""
        return await self._write("POST", "/tool-calls", call, key=key)

    async def tool_call(self, call_id: str) -> Body:
        return await self._read(f"/tool-calls/{call_id}")

    async def step(self, call_id: str, verb: str, *, key: str | None = None, **members: Any) -> Body:
        """`approve`, `claim`, `start`, `heartbeat`, `complete`, `fail` or `cancel` a tool call.

        A claim that is tried again needs its `key`: without one it meets the holder that it made.
        """
        return await self._write("POST", f"/tool-calls/{call_id}/{verb}", members, key=key)

    async def hand_over(self, *, to_role: str, mode: str, reason: str, key: str | None = None) -> Body:
        """Offer to `to_role` that it answers the customer from now on; `mode` is `warm` or `cold`."""
        return await self._write("POST", "/handoffs", {"to_role": to_role, "mode": mode, "reason": reason}, key=key)

    async def hand_over_step(self, handoff_id: str, verb: str, *, key: str | None = None) -> Body:
        """`accept`, `decline`, `cancel` or `return` a hand-off."""
        return await self._write("POST", f"/handoffs/{handoff_id}/{verb}", {}, key=key)

    async def audit(self) -> Sequence[Body]:
        """All entries of the audit, a page at a time."""
        found: list[Body] = []
        while True:
            page = await self._read(f"/audit?after={len(found)}")
            found += page["entries"]
            if len(found) >= page["size"] or not page["entries"]:
                return found

    async def _read(self, path: str) -> Body:
        return await self._grant.call("GET", f"{self._task}{path}", audience=self._store)

    async def _write(
        self,
        method: str,
        path: str,
        body: Body,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Body:
        sent = {**(headers or {}), "Idempotency-Key": key or str(uuid.uuid4())}
        answer = await self._grant.request(
            method, f"{self._task}{path}", audience=self._store, headers=sent, json=dict(body)
        )
        return self._grant.accepted(answer)
