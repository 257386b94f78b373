"""What is told of one request, to the log and to telemetry: ids, our own words, numbers. Nothing as it came.

Whoever serves the request tells it on the way: `seen_in(scope)["route"] = …`.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

SEEN = "segue.seen"
"""Where a request's scope has the members that it turns out to have."""

TOKEN_CHECKED = "token_checked_at"  # noqa: S105
"""Among the members, for traces alone: when, by `time.perf_counter()`, token and proof had been checked."""

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})
_OURS = ("task_id", "session_id", "device_id", "client_id")
_EXEMPLAR = 128
"""Characters that the labels of an exemplar may have together (OpenMetrics 1.0, Exemplars)."""


@dataclass(slots=True)
class Seen:
    """`members`: `route`, `problem` (what is answered), `refused` (why a proof is not taken), and ids.

    `status` is 0 while nothing is answered.
    """

    method: str
    members: dict[str, Any] = field(default_factory=dict)
    status: int = 0
    streams: bool = False

    @property
    def route(self) -> str:
        """One of ours; empty where nothing of ours was asked."""
        return str(self.members.get("route") or "")

    @property
    def problem(self) -> str | None:
        return self.members.get("problem")

    def ids(self) -> dict[str, str]:
        """Those that are known, by the names of `_OURS`."""
        return {name: self.members[name] for name in _OURS if self.members.get(name)}

    def exemplar(self) -> dict[str, str] | None:
        """The task and, where it fits, the session of one request that a number stands for."""
        named: dict[str, str] = {}
        for name in ("task_id", "session_id"):
            value = self.members.get(name)
            if value and sum(len(part) for pair in named.items() for part in pair) + len(name + value) <= _EXEMPLAR:
                named[name] = value
        return named or None


def seen_in(scope: Mapping[str, Any]) -> MutableMapping[str, Any]:
    """The members of the request; where nobody wants to know, some that are forgotten."""
    found: MutableMapping[str, Any] = scope.get(SEEN, {})
    return found


def method_of(scope: Mapping[str, Any]) -> str:
    """A method that HTTP knows; a client may make up others without end."""
    method: str = scope["method"]
    return method if method in _METHODS else "_OTHER"
