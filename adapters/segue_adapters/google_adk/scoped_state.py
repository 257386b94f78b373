"""State of ADK as entries: what changes is written, not what there is, and the newer change of a name holds."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from google.adk.events.event_actions import EventActions
from google.adk.sessions.state import State
from segue_client.task_state import Entry, TaskState

from segue_adapters.google_adk.place import app_state, digest, session_state, user_state

FEW = 25
"""Names up to which each gets an entry of its own: what changes together has to fit into one request."""
SMALL = 40_000
"""Characters of JSON up to which it does."""


def changes(delta: Mapping[str, Any], *, app_name: str, user_id: str, run: str) -> dict[str, Any]:
    """The entries for a delta of all scopes; what is `temp:` leaves none."""
    # as ADK itself writes it: what JSON does not know becomes text, and it says so
    plain = EventActions(state_delta=dict(delta)).model_dump(mode="json")["state_delta"]
    app, user, session = dict[str, Any](), dict[str, Any](), dict[str, Any]()
    for name, value in plain.items():
        if name.startswith(State.APP_PREFIX):
            app[name.removeprefix(State.APP_PREFIX)] = value
        elif name.startswith(State.USER_PREFIX):
            user[name.removeprefix(State.USER_PREFIX)] = value
        elif not name.startswith(State.TEMP_PREFIX):
            session[name] = value
    return {
        **_entries(app_state(app_name), app),
        **_entries(user_state(app_name, user_id), user),
        **_entries(session_state(run), session),
    }


async def whole(state: TaskState, prefix: str) -> dict[str, Any]:
    """What all changes under a prefix have made."""
    return _folded([entry async for entry in state.scan(prefix, page=500)])


def merged(app: Mapping[str, Any], user: Mapping[str, Any], session: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a session as an agent sees it."""
    return {
        **session,
        **{State.APP_PREFIX + name: value for name, value in app.items()},
        **{State.USER_PREFIX + name: value for name, value in user.items()},
    }


def _entries(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    if len(values) > FEW or len(json.dumps(values)) > SMALL:
        return {prefix + digest(*sorted(values)): dict(values)}
    return {prefix + digest(name): {name: value} for name, value in values.items()}


def _folded(entries: Iterable[Entry]) -> dict[str, Any]:
    folded: dict[str, Any] = {}
    for entry in sorted(entries, key=lambda entry: entry.seq):
        folded |= entry.value or {}  # None where nobody can read any more what it held
    return folded
