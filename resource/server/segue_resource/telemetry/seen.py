"""What telemetry may say of one request: ids, our own names, numbers. No path, no query, no header as it came."""

from dataclasses import dataclass, field
from typing import Any

from starlette.types import Scope

from segue_resource.endpoints.request_log import ROUTE

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})
_OURS = ("task_id", "session_id", "device_id", "client_id")
_EXEMPLAR = 128
"""Characters that the labels of an exemplar may have together (OpenMetrics 1.0, Exemplars)."""


@dataclass
class Seen:
    """`members` is filled on the way: by whoever knows the token, the route, the problem that is answered."""

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


def method_of(scope: Scope) -> str:
    """A method that HTTP knows; a client may make up others without end."""
    return scope["method"] if scope["method"] in _METHODS else "_OTHER"


def note_route(scope: Scope, seen: Seen) -> None:
    """Addresses without a task token say their route in the scope that they share with us."""
    if "route" not in seen.members and scope.get(ROUTE):
        seen.members["route"] = scope[ROUTE]
