"""Where an ADK session is in a task's state: keys of digests and numbers, for its names may be words."""

import hashlib
import json
from dataclasses import dataclass

from segue_client.task_state import Entry

SESSIONS = "google-adk/sessions"
"""Entries with the names of a session, the time at which it began, and its `run`."""


def digest(*names: str) -> str:
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()[:24]


def sessions_of(app_name: str, user_id: str | None = None) -> str:
    """What the keys of the sessions of an app, or of a user of it, begin with."""
    return f"{SESSIONS}/{digest(app_name)}/" + (f"{digest(user_id)}/" if user_id is not None else "")


def session_key(app_name: str, user_id: str, session_id: str) -> str:
    return sessions_of(app_name, user_id) + digest(session_id)


def app_state(app_name: str) -> str:
    return f"google-adk/app/{digest(app_name)}/"


def user_state(app_name: str, user_id: str) -> str:
    return f"google-adk/user/{digest(app_name, user_id)}/"


def session_state(run: str) -> str:
    return f"google-adk/state/{run}/"


def events_of(run: str) -> str:
    return f"google-adk/events/{run}/"


def event_key(run: str, number: int) -> str:
    return f"{events_of(run)}{number:012}"


@dataclass(frozen=True)
class Head:
    """The end of a session as somebody has read it; what they append comes right behind it, or is stale.

    `run` is new for each session that is created: what was left of a deleted one of the same name is never met again.
    `created` is the event that created it, `seq` that of its last ADK event, whose number among them is `number`.
    """

    run: str
    created: int
    number: int = 0
    seq: int = 0

    @classmethod
    def after(cls, session: Entry, newest: Entry | None) -> "Head":
        run, created = session.value["run"], session.seq
        return cls(run, created) if newest is None else cls(run, created, int(newest.key[-12:]), newest.seq)

    @classmethod
    def from_marker(cls, marker: str) -> "Head":
        run, *numbers = marker.split(".")
        return cls(run, *map(int, numbers))

    @property
    def marker(self) -> str:
        return f"{self.run}.{self.created}.{self.number}.{self.seq}"

    @property
    def next_key(self) -> str:
        return event_key(self.run, self.number + 1)

    def expected(self, key: str) -> dict[str, int]:
        """That the session under this key, and its last event, are still these, and no other came behind it."""
        last = {event_key(self.run, self.number): self.seq} if self.number else {}
        return {key: self.created, self.next_key: 0, **last}
