"""Files that hold keys: whole or not there, readable by their owner alone, and on disk before anything needs them."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def create_durably(path: Path, text: str, *, draft: str) -> None:
    """Make the file unless another process was first, whose text then counts. `draft` names what is not whole yet."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    drafted = path.with_name(f"{path.name}.{draft}")
    _write(drafted, text.splitlines())
    with contextlib.suppress(FileExistsError):
        os.link(drafted, path)
    drafted.unlink()
    sync_folder(path.parent)


def replace_durably(path: Path, text: str, *, draft: str) -> None:
    """Put the text in the place of the file's. What was there is overwritten first, as far as the disk obeys."""
    replace_lines_durably(path, text.splitlines(), draft=draft)


def replace_lines_durably(path: Path, lines: Iterable[str], *, draft: str) -> int:
    """As `replace_durably`, with lines that come one by one; how many. If they fail, the file stays as it was."""
    path = path.resolve()
    drafted, former = (path.with_name(f"{path.name}.{draft}{end}") for end in ("", ".former"))
    try:
        count = _write(drafted, lines)
        with contextlib.suppress(OSError):  # there is none yet, or the file system has no links
            os.link(path, former)
        drafted.replace(path)
    finally:
        drafted.unlink(missing_ok=True)
    sync_folder(path.parent)
    if former.exists():
        _overwrite(former)
        former.unlink()
    return count


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, lines: Iterable[str]) -> int:
    count = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        for line in lines:
            file.write(line + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\0" * path.stat().st_size)
        file.flush()
        os.fsync(file.fileno())
