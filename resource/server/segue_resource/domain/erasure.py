"""An erasure: what somebody wrote in a task, or everything in it, made unreadable for good (T18)."""

from dataclasses import dataclass
from enum import StrEnum


class What(StrEnum):
    """What a customer may erase: what they and their devices' agents wrote, or all that anybody wrote."""

    OWN = "own"
    TASK = "task"


class ErasureState(StrEnum):
    """`UNREADABLE`: the data keys are destroyed. `CLEARED`: what they had sealed is gone too."""

    UNREADABLE = "unreadable"
    CLEARED = "cleared"


@dataclass(frozen=True)
class Erasure:
    """`sub` is whose words, None for everybody's; `keys` how many data keys were destroyed; `seq` its event.

    `backups_at` is when the master key that older backups need was destroyed; None while it is not.
    """

    erasure_id: str
    task_id: str
    sub: str | None
    state: ErasureState
    asked_by: str
    keys: int
    seq: int
    unreadable_at: int
    cleared_at: int | None
    backups_at: int | None
