"""Sessions of Google ADK that are kept in a Segue task and go along with it to the next device.

An event is an entry under the next number of its session, and so are the names of the state that it changes: one
request, whose cost is that of the event. It is accepted right behind the event that its writer has read last.
"""

import asyncio
import hashlib
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from google.adk.errors._stale_session_error import StaleSessionError
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.events.event import Event
from google.adk.platform import time as platform_time
from google.adk.platform import uuid as platform_uuid
from google.adk.sessions.base_session_service import BaseSessionService, GetSessionConfig, ListSessionsResponse
from google.adk.sessions.session import Session
from segue_client.device import Refused
from segue_client.task_state import Entry, TaskState
from segue_client.tool_runs import Lost

from segue_adapters.google_adk import place
from segue_adapters.google_adk.place import Head
from segue_adapters.google_adk.scoped_state import changes, merged, whole

PAGE = 500
"""Events of one request, where all are wanted."""
CHANGED = 412


class TaskSessionService(BaseSessionService):
    """Every method that writes raises `Lost` once another device goes on with the task."""

    def __init__(self, state: TaskState) -> None:
        self._state = state
        self._appending = asyncio.Lock()

    async def create_session(
        self, *, app_name: str, user_id: str, state: dict[str, Any] | None = None, session_id: str | None = None
    ) -> Session:
        """Raises `AlreadyExistsError`."""
        names = {"app_name": app_name, "user_id": user_id, "id": session_id or platform_uuid.new_uuid()}
        key, run = place.session_key(app_name, user_id, names["id"]), uuid.uuid4().hex
        value = {**names, "run": run, "at": platform_time.get_time()}
        entries = {**changes(state or {}, app_name=app_name, user_id=user_id, run=run), key: value}
        try:
            created = await self._keep(entries, expect={key: 0})
        except Refused as refused:
            if refused.status == CHANGED:
                raise AlreadyExistsError(f"There is a session {names['id']} already.") from refused
            raise
        return await self._opened(Entry(key, created, value), [])

    async def get_session(
        self, *, app_name: str, user_id: str, session_id: str, config: GetSessionConfig | None = None
    ) -> Session | None:
        """Reads no more events than were asked for, and the last one."""
        session = await self._state.get(place.session_key(app_name, user_id, session_id))
        if session is None:
            return None
        config = config or GetSessionConfig()
        newest = await self._newest(session, most=config.num_recent_events, since=config.after_timestamp or 0)
        return await self._opened(session, newest, most=config.num_recent_events, since=config.after_timestamp or 0)

    async def list_sessions(self, *, app_name: str, user_id: str | None = None) -> ListSessionsResponse:
        """Those of an app or a user of it, without their events, the one that was used last at the end."""
        entries = [entry async for entry in self._state.scan(place.sessions_of(app_name, user_id), page=PAGE)]
        sessions = [await self._opened(entry, await self._newest(entry, most=0), most=0) for entry in entries]
        return ListSessionsResponse(
            sessions=sorted(sessions, key=lambda session: (session.last_update_time, session.user_id, session.id))
        )

    async def delete_session(self, *, app_name: str, user_id: str, session_id: str) -> None:
        """The session, its events and its state; what belongs to the user or the app stays."""
        session = await self._state.get(place.session_key(app_name, user_id, session_id))
        if session is None:
            return
        try:
            await self._keep({}, drop=[session.key], expect={session.key: session.seq})
        except Refused as refused:
            if refused.status != CHANGED:
                raise
        for prefix in (place.events_of(session.value["run"]), place.session_state(session.value["run"])):
            await self._keep({}, drop=[entry.key async for entry in self._state.scan(prefix, page=PAGE)])

    async def get_user_state(self, *, app_name: str, user_id: str) -> dict[str, Any]:
        return await whole(self._state, place.user_state(app_name, user_id))

    async def append_event(self, session: Session, event: Event) -> Event:
        """Raises `SessionNotFoundError`, and `StaleSessionError` if the session has moved on since it was read."""
        if event.partial:
            return event
        self._apply_temp_state(session, event)
        event = self._trim_temp_delta_state(event)
        async with self._appending:
            head = await self._append(session, event, behind=await self._head(session))
            session._storage_update_marker = head.marker
            session.last_update_time = event.timestamp
            return self._commit_event_to_session(session, event)

    async def _append(self, session: Session, event: Event, *, behind: Head) -> Head:
        names = {"app_name": session.app_name, "user_id": session.user_id}
        key = place.session_key(**names, session_id=session.id)
        entries = changes(event.actions.state_delta, **names, run=behind.run)
        entries[behind.next_key] = event.model_dump(exclude_none=True, mode="json")
        again = hashlib.sha256(f"{behind.marker} {event.id}".encode()).hexdigest()
        try:
            seq = await self._keep(entries, expect=behind.expected(key), key=again)
        except Refused as refused:
            if refused.status != CHANGED:
                raise
            if refused.body["current"].get(key) == 0:
                raise SessionNotFoundError(f"There is no session {session.id}.") from refused
            raise StaleSessionError("The session has moved on since it was read: read it anew.") from refused
        return Head(behind.run, behind.created, behind.number + 1, seq)

    async def _head(self, session: Session) -> Head:
        """Where the session ended when it was read. One that did not come from here ends with its last event."""
        if session._storage_update_marker is not None:
            return Head.from_marker(session._storage_update_marker)
        found = await self._state.get(place.session_key(session.app_name, session.user_id, session.id))
        if found is None:
            raise SessionNotFoundError(f"There is no session {session.id}.")
        newest = await self._newest(found, most=0)
        if [entry.value["id"] for entry in newest] != [event.id for event in session.events[-1:]]:
            raise StaleSessionError("The session does not end with the last event of the one that is kept.")
        return Head.after(found, newest[0] if newest else None)

    async def _newest(self, session: Entry, *, most: int | None = None, since: float = 0) -> list[Entry]:
        """The last events, newest first, back to the first that is older than `since`; the very last in any case."""
        found: list[Entry] = []
        enough = None if most is None else max(most, 1)
        events = place.events_of(session.value["run"])
        async for entry in self._state.scan(events, newest_first=True, page=min(enough or PAGE, PAGE)):
            found.append(entry)
            if len(found) == enough or (entry.value and entry.value["timestamp"] < since):
                break
        return found

    async def _opened(
        self, session: Entry, newest: list[Entry], *, most: int | None = None, since: float = 0
    ) -> Session:
        """The session with these events, of which the last may be there only to say where the session ends.

        The state is read after the events: if it is newer than they are, what its reader appends is refused as stale.
        """
        names = {name: session.value[name] for name in ("app_name", "user_id")}
        app, user, own = await asyncio.gather(
            whole(self._state, place.app_state(names["app_name"])),
            whole(self._state, place.user_state(**names)),
            whole(self._state, place.session_state(session.value["run"])),
        )
        events = [Event.model_validate(entry.value) for entry in reversed(newest[:most]) if entry.value]
        opened = Session(
            **names,
            id=session.value["id"],
            state=merged(app, user, own),
            events=[event for event in events if event.timestamp >= since],
            last_update_time=newest[0].value["timestamp"] if newest else session.value["at"],
        )
        opened._storage_update_marker = Head.after(session, newest[0] if newest else None).marker
        return opened

    async def _keep(
        self,
        entries: Mapping[str, Any],
        *,
        drop: Collection[str] = (),
        expect: Mapping[str, int] | None = None,
        key: str | None = None,
    ) -> int:
        try:
            return await self._state.keep(entries, drop=drop, expect=expect, key=key)
        except Refused as refused:
            if refused.error == "stale-epoch":
                raise Lost("another device goes on with the task") from refused
            raise
