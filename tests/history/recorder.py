"""Writes the history down while it happens."""

import itertools
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from history.operation import Operation, read_history


class Recorder:
    """Writes to one file, behind what is there. A number is what `begin` gave, and belongs to one request."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._numbers = itertools.count(len(self.history()) if file.exists() else 0)
        self._lines = file.open("a", buffering=1)

    def begin(self, process: str, name: str, **sent: Any) -> int:
        number = next(self._numbers)
        self._write(op=number, process=process, name=name, sent=sent)
        return number

    def told(self, number: int, **answer: Any) -> None:
        self._write(op=number, told=answer)

    def refused(self, number: int, *, status: int, error: str, retry_after: str | None = None) -> None:
        self._write(op=number, refused={"status": status, "error": error, "retry_after": retry_after})

    def lost(self, number: int, because: str) -> None:
        self._write(op=number, lost=because)

    def history(self) -> list[Operation]:
        with self._file.open() as lines:
            return read_history(lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()

    def _write(self, **note: Mapping[str, Any] | Any) -> None:
        self._lines.write(json.dumps({"at": time.monotonic_ns(), **note}, default=str) + "\n")
