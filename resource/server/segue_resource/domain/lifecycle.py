"""Where a task stands in its life, and what may come next (T6).

```
 open --> active <--> paused        paused --> resumed --> active --> closed --> archived
```

Whoever may write the task itself (`task:write`) may make each of these changes. Beside them there is `erased`, which
only an erasure of the whole task makes of any status.
"""

from collections.abc import Sequence
from enum import StrEnum

from segue_resource.domain.refusal import IllegalTransition, NotActive, Unsettled
from segue_resource.domain.tool_call import REPEATABLE, State, ToolCall


class Status(StrEnum):
    """`RESUMED`: somebody is back and reads where it stood; what nobody knows the outcome of is settled first.

    `ERASED`: nothing is left to be read, and nothing more is written; an erasure makes it so from any other.
    """

    OPEN = "open"
    ACTIVE = "active"
    PAUSED = "paused"
    RESUMED = "resumed"
    CLOSED = "closed"
    ARCHIVED = "archived"
    ERASED = "erased"


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.OPEN: frozenset({Status.ACTIVE, Status.PAUSED, Status.CLOSED}),
    Status.ACTIVE: frozenset({Status.PAUSED, Status.CLOSED}),
    Status.PAUSED: frozenset({Status.ACTIVE, Status.RESUMED, Status.CLOSED}),
    Status.RESUMED: frozenset({Status.ACTIVE, Status.PAUSED, Status.CLOSED}),
    Status.CLOSED: frozenset({Status.ARCHIVED}),
    Status.ARCHIVED: frozenset(),
    Status.ERASED: frozenset(),
}
"""Every legal change. A task that was closed stays as it was: who wants to go on begins another."""

WORKING = frozenset({Status.OPEN, Status.ACTIVE, Status.RESUMED})
"""Something new may begin."""
ENDED = frozenset({Status.CLOSED, Status.ARCHIVED, Status.ERASED})
PLAIN = frozenset({Status.OPEN, Status.ACTIVE})
"""Nothing that a person has to be told."""


def require_legal(status: Status, to: Status) -> None:
    """Raises `IllegalTransition`."""
    if to not in TRANSITIONS[status]:
        raise IllegalTransition(status, allowed=sorted(TRANSITIONS[status]))


def require_settled(to: Status, unfinished: Sequence[ToolCall], *, epoch: int, now: int) -> None:
    """Work goes on when nobody is in doubt about what was done, and ends when everything is. Raises `Unsettled`."""
    match to:
        case Status.ACTIVE:
            left = [call for call in unfinished if _in_doubt(call, epoch=epoch, now=now)]
        case Status.CLOSED:
            left = list(unfinished)
        case _:
            left = []
    if left:
        raise Unsettled([{"call_id": call.call_id, "title": call.title, "state": call.state} for call in left])


def require_working(status: Status) -> None:
    """Raises `NotActive` unless something new may begin."""
    if status not in WORKING:
        raise NotActive(status)


def require_not_ended(status: Status) -> None:
    """Raises `NotActive` if the task is closed: its record stays as it was."""
    if status in ENDED:
        raise NotActive(status)


def _in_doubt(call: ToolCall, *, epoch: int, now: int) -> bool:
    """Nobody knows its outcome, or would if somebody asked: it ran, its holder is lost, and it cannot be repeated."""
    if call.state is not State.RUNNING or call.effect in REPEATABLE:
        return call.state is State.UNKNOWN
    return call.holder is None or call.holder.lease_until <= now or call.fence is None or call.fence.epoch < epoch
