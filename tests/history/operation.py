"""One request of a client, as it is written down: two lines of JSON, one before it is sent, one when it has ended."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

Members = Mapping[str, Any]


@dataclass(frozen=True)
class Operation:
    """`name` says what was asked with what was `sent`. Times in nanoseconds of a clock that all clients share.

    An answer is in `told`, a refusal in `refused` (`status`, `error`, `retry_after`). With neither, the answer was
    lost, and the request may have happened at any time after it was sent.
    """

    number: int
    process: str
    name: str
    sent: Members
    invoked_at: int
    returned_at: int | None = None
    told: Members | None = None
    refused: Members | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether it may have happened although nobody was told so."""
        if self.told is not None:
            return False
        return self.refused is None or (self.refused["status"] >= 500 and self.refused["error"] != "unavailable")

    def precedes(self, other: "Operation") -> bool:
        """Whether it was answered before the other was sent."""
        return self.returned_at is not None and self.returned_at < other.invoked_at

    def __str__(self) -> str:
        said = {"told": self.told} if self.told is not None else {"refused": self.refused} if self.refused else "lost"
        return f"#{self.number} {self.process} {self.name} {_short(self.sent)}: {_short(said)}"


def read_history(lines: Iterable[str]) -> list[Operation]:
    """The operations in the order in which they were sent. A last line that a crash cut short is left out."""
    sent: dict[int, Operation] = {}
    for line in lines:
        try:
            note = json.loads(line)
        except ValueError:
            continue
        if "name" in note:
            sent[note["op"]] = Operation(note["op"], note["process"], note["name"], note["sent"], note["at"])
        elif "lost" not in note:
            told, refused = note.get("told"), note.get("refused")
            sent[note["op"]] = replace(sent[note["op"]], returned_at=note["at"], told=told, refused=refused)
    return sorted(sent.values(), key=lambda operation: operation.invoked_at)


def _short(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, default=str)
    return text if len(text) <= 300 else f"{text[:297]}..."
