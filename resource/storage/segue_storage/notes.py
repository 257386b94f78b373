"""Notes that their writers must renew, such as who is present: what they are, and those of one process."""

from dataclasses import dataclass

from segue.clock import Clock
from segue.replay import MemoryUnavailable

BOARDS = 100_000
"""The most boards of notes that one process remembers."""


@dataclass(frozen=True)
class Note:
    """`expires_at` in seconds since the epoch, unless it is renewed."""

    value: bytes
    expires_at: int


class Notes:
    """The notes of this process, by board and name. The arguments are those of `Ephemeral`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._boards: dict[str, dict[str, Note]] = {}

    def put(self, board: str, name: str, value: bytes, *, most: int, lifetime: int) -> bool:
        if len(self._boards) >= BOARDS:
            for other in list(self._boards):
                self.read(other)
        notes = self.read(board)
        if (name not in notes and len(notes) >= most) or (not notes and len(self._boards) >= BOARDS):
            raise MemoryUnavailable("too many notes to remember")
        changed = name not in notes or notes[name].value != value
        self._boards[board] = {**notes, name: Note(value, self._clock() + lifetime)}
        return changed

    def read(self, board: str) -> dict[str, Note]:
        now = self._clock()
        notes = {name: note for name, note in self._boards.get(board, {}).items() if note.expires_at > now}
        if board in self._boards:
            self._boards[board] = notes
        if not notes:
            self._boards.pop(board, None)
        return notes
