"""A process whose clock is wrong by as many seconds as a test says, from one moment to the next: Debian's libfaketime.

The wall clock alone: what measures durations goes on as it did, as it does when a machine's clock is set.
"""

import os
from pathlib import Path

import pytest

_LIBRARY = "usr/lib/*/faketime/libfaketimeMT.so.1"


class SteppedClock:
    """The clock of every process that is started with `environment`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.step(0)
        self.environment = {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: int) -> None:
        """So far from the machine's from now on, whatever it was before."""
        told = self._file.with_suffix(".new")
        told.write_text(f"{seconds:+d}\n")
        told.replace(self._file)


def _library() -> Path:
    """Skip the test without it, or fail if nothing may be skipped."""
    found = next(iter(sorted(Path("/").glob(_LIBRARY))), None)
    if found is not None:
        return found
    if os.environ.get("SEGUE_TEST_EVERYTHING"):
        pytest.fail("libfaketime is not installed, and SEGUE_TEST_EVERYTHING is set")
    pytest.skip("libfaketime is not installed")
