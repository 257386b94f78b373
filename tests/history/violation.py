"""What the checker finds."""

from dataclasses import dataclass

from history.operation import Operation


@dataclass(frozen=True)
class Violation:
    """A broken rule, what was seen, and the fewest operations that show it."""

    rule: str
    seen: str
    by: tuple[Operation, ...] = ()

    def __str__(self) -> str:
        return "\n    ".join([f"{self.rule}: {self.seen}", *map(str, self.by)])
