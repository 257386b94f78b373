"""What the servers hold in the end, read once nothing is asked of them any more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class LoggedEvent:
    """`digest` stands for everything in it. `mark` is what its writer told it by, None of the store's own events."""

    seq: int
    kind: str
    digest: str
    mark: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskReading:
    """`items` has (version, mark) by id, `calls` (state, result) by id, both as they stand."""

    events: Sequence[LoggedEvent]
    items: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    calls: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    epoch: int = 1


@dataclass(frozen=True)
class GrantReading:
    generation: int
    revoked: bool


@dataclass(frozen=True)
class TransferReading:
    """`grants` are those that name it."""

    state: str
    mode: str
    task: str
    grants: Sequence[str] = ()


@dataclass(frozen=True)
class Reading:
    """Tasks, grants and transfers by their ids."""

    tasks: Mapping[str, TaskReading] = field(default_factory=dict)
    grants: Mapping[str, GrantReading] = field(default_factory=dict)
    transfers: Mapping[str, TransferReading] = field(default_factory=dict)
