"""A disk that can be full, under the state of a running deployment: a real one of few megabytes, or a limit on files.

The kernel enforces the limit as it enforces a quota; anybody may set one. Where nothing may be skipped, a refused mount
fails the test.
"""

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

SIZE = 24
"""Megabytes: both databases as they are made, and little else."""
LEFT = 8_192
"""Bytes that a file may have under the limit: what every database exceeds."""


class Disk(Protocol):
    def fill(self) -> None:
        """From now on nothing more can be written."""

    def free(self) -> None: ...


class Mounted:
    """Fails with ENOSPC."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            for size in (65_536, 4_096, 1):
                self._write_all(file.fileno(), bytes(size))

    def free(self) -> None:
        self._ballast.unlink()

    def _write_all(self, file: int, block: bytes) -> None:
        try:
            while os.write(file, block):
                continue
        except OSError as full:
            if full.errno != errno.ENOSPC:
                raise


class Limited:
    """Fails with EFBIG: a limit on the size of the files of these processes."""

    def __init__(self, processes: list[int]) -> None:
        self._before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in processes}

    def fill(self) -> None:
        for pid, (_, hard) in self._before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (LEFT, hard))

    def free(self) -> None:
        for pid, limits in self._before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@contextmanager
def mounted(folder: Path) -> Iterator[Mounted]:
    """The folder on a disk of its own."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "segue-test", str(folder)]
    asked = subprocess.run(mount, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        if os.environ.get("SEGUE_TEST_EVERYTHING"):
            pytest.fail(f"a small disk cannot be mounted, and SEGUE_TEST_EVERYTHING is set: {asked.stderr}")
        pytest.skip(f"a small disk cannot be mounted: {asked.stderr}")
    try:
        yield Mounted(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
