"""What a client says to PostgreSQL: the statements in the bytes of its side of a connection.

PostgreSQL documentation, chapter "Frontend/Backend Protocol": after the startup message each message has a byte of
its type and four bytes of its length, which counts itself. A statement comes as a query (Q), or is parsed (P) under
a name and bound (B) by that name.
"""

import re
from collections.abc import Iterator

READY = re.compile(rb"Z\x00\x00\x00\x05[ITE]\Z")
"""The end of what the server says once it has done what it was asked."""

_WRITES = re.compile(r"\b(INSERT INTO|(?<!FOR )(?<!KEY )UPDATE|DELETE FROM)\s+(\w+)")


class Statements:
    """One connection's. It begins with its startup message: the client must not ask for encryption."""

    def __init__(self) -> None:
        self._pending = b""
        self._started = False
        self._named: dict[bytes, str] = {}

    def feed(self, data: bytes) -> Iterator[str]:
        """The statements that these bytes finish asking for."""
        self._pending += data
        while (length := self._length()) is not None and len(self._pending) >= length:
            message, self._pending = self._pending[:length], self._pending[length:]
            if not self._started:
                self._started = True
            elif (statement := self._statement(message[:1], message[5:])) is not None:
                yield statement

    def _length(self) -> int | None:
        begin = 1 if self._started else 0
        if len(self._pending) < begin + 4:
            return None
        return begin + int.from_bytes(self._pending[begin : begin + 4], "big")

    def _statement(self, kind: bytes, content: bytes) -> str | None:
        if kind == b"Q":
            return content[:-1].decode("utf-8", "replace")
        if kind == b"P":
            name, _, rest = content.partition(b"\0")
            self._named[name] = rest.partition(b"\0")[0].decode("utf-8", "replace")
        if kind == b"B":
            return self._named.get(content.split(b"\0", 2)[1])
        return None


class WritePoints:
    """The points of one connection at which a server that dies may leave something half done, by their names.

    A statement that writes is one, such as `UPDATE grants`, and so is the commit of what was written, such as
    `COMMIT of UPDATE grants`, named after the first.
    """

    def __init__(self) -> None:
        self._statements = Statements()
        self._written: str | None = None

    def feed(self, data: bytes) -> Iterator[str]:
        for statement in self._statements.feed(data):
            word = statement.lstrip()[:8].upper()
            if word.startswith(("BEGIN", "ROLLBACK")) and "TO SAVEPOINT" not in statement.upper():
                self._written = None
            elif word.startswith("COMMIT"):
                if self._written is not None:
                    yield f"COMMIT of {self._written}"
                self._written = None
            elif found := _WRITES.findall(statement):
                point = " and ".join(f"{verb} {table}" for verb, table in dict.fromkeys(found))
                self._written = self._written or point
                yield point
