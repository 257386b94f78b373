"""What a run began with of the conversation is not kept once more where it pauses: it is read as of then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segue_adapters.openai_agents.branch import Branch
from segue_adapters.openai_agents.history import History
from segue_adapters.openai_agents.turn import Placed


@dataclass(frozen=True)
class Seen:
    """The last items of a branch as they were read, in their order."""

    branch: Branch
    placed: Sequence[Placed]

    def without(self, given: Any) -> tuple[dict[str, Any] | None, Any]:
        """Where to find what a run's input begins with, and the rest of the input."""
        count = 0
        if isinstance(given, list):
            while count < min(len(given), len(self.placed)) and given[count] == self.placed[count].item:
                count += 1
        if not count:
            return None, given
        newest = max(self.branch.seq, *(one.seq for one in self.placed))
        place = {"branch": self.branch.name, "as_of": newest, "last": len(self.placed), "count": count}
        return place, given[count:]


async def with_what_was_seen(history: History, seen: Mapping[str, Any] | None, rest: Any) -> Any:
    """A run's input as it was."""
    if seen is None:
        return rest
    branch = await history.branch(seen["branch"], as_of=seen["as_of"])
    if branch is None:
        raise LookupError("what the run began with is not there any more")
    placed = await history.last(branch, seen["last"], as_of=seen["as_of"])
    return [one.item for one in placed[::-1][: seen["count"]]] + rest
