"""What stops an agent whose task went on elsewhere, as an exception of the SDK: a run ends with it, unwrapped."""

from collections.abc import Iterator
from contextlib import contextmanager

from agents.exceptions import AgentsException
from segue_client.device import Refused

CHANGED = 412
"""The status of a write that expected something else."""


class TaskMoved(AgentsException):
    """Another device goes on with the task: this one may read at most, and what it still writes counts no more."""


@contextmanager
def fenced() -> Iterator[None]:
    """Raises `TaskMoved` where the store refuses a device that the task has left."""
    try:
        yield
    except Refused as refused:
        if refused.error == "stale-epoch":
            raise TaskMoved(f"this device may not go on with the task: {refused.description}") from refused
        raise
