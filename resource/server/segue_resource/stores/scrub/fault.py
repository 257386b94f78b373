"""What verifying finds: what is wrong, where, how bad, and what can be done about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segue_resource.stores.scrub.mending import Mending


class Harm(StrEnum):
    """`UNREADABLE`: what somebody wrote cannot be read. `WRONG`: it can be told from the log what it should be."""

    UNREADABLE = "unreadable"
    MISSING = "missing"
    WRONG = "wrong"
    FORGED = "forged"


class Remedy(StrEnum):
    """What `--repair` does about it."""

    REBUILT = "rebuilt from the log"
    LOST = "put in quarantine, and its place marked as lost"
    EARLIER = "put in quarantine, and its last good version brought back"
    DROPPED = "put in quarantine, and taken out"
    NONE = "nothing: compare it with a backup"


Mend = Callable[["Mending"], None]


@dataclass(frozen=True)
class Fault:
    """`row` is what tells the row from others of its task. `mend` repairs it, and is None where nothing does."""

    task_id: str
    table: str
    row: str
    harm: Harm
    what: str
    remedy: Remedy = Remedy.NONE
    mend: Mend | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.task_id}: {self.table} {self.row}: {self.what} ({self.harm}; {self.remedy})"

    def shown(self) -> Mapping[str, Any]:
        """For programs and for the log."""
        names = ("task_id", "table", "row", "harm", "what", "remedy")
        return {name: str(getattr(self, name)) for name in names}
