"""What stops a graph that goes on elsewhere: whatever this device still writes of it would count no more."""

from collections.abc import Iterator
from contextlib import contextmanager

from segue_client.device import Refused

CHANGED = 412
"""The status of a write that expected something else."""


class TaskMoved(Exception):
    """Another device goes on with the task."""


class ThreadMoved(TaskMoved):
    """The thread has gone on from the checkpoint behind which this one writes, or has been set back before it."""


@contextmanager
def fenced() -> Iterator[None]:
    """Raises `TaskMoved` where the store refuses a device that the task has left."""
    try:
        yield
    except Refused as refused:
        if refused.error == "stale-epoch":
            raise TaskMoved("the task goes on at another device") from refused
        raise
