"""One process at a time: state that lives in a file and in a process's own memory cannot be shared by two."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class AlreadyHeld(Exception):
    """Another process, or another server in this one, holds the state."""


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock file for the length of the context; the system lets go of it when the process dies.

    `path` is a file for this purpose alone, never the database: to close that would drop SQLite's own locks. It stays
    afterwards, because two processes could each hold one that was deleted in between. Raises `AlreadyHeld`, OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            _try_lock(file)
        except OSError as held:
            raise AlreadyHeld(
                f"another process holds {path}: with SQLite, or without Redis, one process serves alone;"
                " to run several, point the server's settings _DATABASE to postgresql:// and _REDIS to redis://"
            ) from held
        yield
    finally:
        os.close(file)
