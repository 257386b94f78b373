"""Objects that must not be two: a child that is forked from a process with such an object begins a new one."""

import os
import weakref
from typing import Protocol


class BeginsAnew(Protocol):
    """What must not be shared by a process and its child."""

    def begin_anew(self) -> None:
        """Called in the child, before anything else of it runs."""
        ...


_living: "weakref.WeakSet[BeginsAnew]" = weakref.WeakSet()


def watch(shared: BeginsAnew) -> None:
    """From now on, call `begin_anew` of it in each child of this process."""
    _living.add(shared)


def _in_child() -> None:
    for shared in list(_living):
        shared.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
