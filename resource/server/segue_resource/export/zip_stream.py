"""A ZIP archive that is given away while it is made: never whole in memory, never on disk, of any size (ZIP64)."""

import io
import zipfile
from types import TracebackType
from typing import IO

_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
"""No entry says when it was made: the same record gives the same archive."""


class _Outgoing(io.RawIOBase):
    """What has been written and not been taken yet. It cannot be sought, so sizes come after each content."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        piece = bytes(content)  # type: ignore[call-overload]
        self._pieces.append(piece)
        return len(piece)

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


class ZipStream:
    """`begin` a file, `write` to it, `take` what can be sent; in the end `finish`."""

    def __init__(self) -> None:
        self._outgoing = _Outgoing()
        self._zip = zipfile.ZipFile(self._outgoing, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "ZipStream":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.finish()

    def begin(self, name: str) -> None:
        """End the file before; what is written from now on is this one's."""
        self._end()
        entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o600 << 16
        self._file = self._zip.open(entry, "w", force_zip64=True)

    def write(self, content: bytes) -> None:
        if self._file is None:
            raise ValueError("no file was begun")
        self._file.write(content)

    def take(self) -> bytes:
        return self._outgoing.take()

    def finish(self) -> None:
        """Write the directory. May be called again."""
        self._end()
        self._zip.close()

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
