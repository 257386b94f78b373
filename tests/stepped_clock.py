"""A process whose clock is wrong by as many seconds as a test says, from one moment to the next: Debian's libfaketime.

The wall clock alone: what measures durations goes on as it did, as it does when a machine's clock is set.
"""

import os
import time
from pathlib import Path

import pytest

LOOKED_AT = 1
"""Whole seconds between two looks at what the test says."""
_LIBRARY = "usr/lib/*/faketime/libfaketimeMT.so.1"


class SteppedClock:
    """The clock of every process that is started with `environment`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._say(0)
        self.environment = {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": str(LOOKED_AT),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: int) -> None:
        """So far from the machine's, whatever it was before, once this returns."""
        self._say(seconds)
        time.sleep(LOOKED_AT + 1.5)  # it counts in whole seconds of a clock that it reads in whole seconds

    def _say(self, seconds: int) -> None:
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
