"""What servers log: of an instance in this process, or from the files that a configuration names."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LONGEST = 10_000_000
"""Bytes that are read of each file, from its end."""
OWN = ("httpx2", "httpcore")
"""What the suite itself logs where it shares a process with the servers."""


class Logged(logging.Handler):
    """Keeps what the servers' own formatters make of their records, each in the form that an operator may choose."""

    def __init__(self, *formatters: logging.Formatter) -> None:
        super().__init__(logging.INFO)
        self._formatters = formatters
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(OWN):
            self.lines += [formatter.format(record) for formatter in self._formatters]

    def text(self) -> str:
        return "\n".join(self.lines)


@contextmanager
def listening(*formatters: logging.Formatter) -> Iterator[Logged]:
    """Hear what this process logs, at the level at which servers log."""
    handler, root = Logged(*formatters), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


def of_files(files: Sequence[Path]) -> str:
    """What stands at the end of these files. Raises `OSError`."""
    told = []
    for file in files:
        with file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - LONGEST))
            told.append(opened.read().decode("utf-8", "replace"))
    return "\n".join(told)
