"""The working set: of those who change one version of an item one does, and what was acknowledged stays (T3, T11).

A change has `task`, `device`, `key`, `item`, `based_on` (0 creates) and its `mark`; it is told the new `version`.
"""

from collections.abc import Callable, Iterator, Sequence

from history.operation import Operation
from history.reading import Reading
from history.violation import Violation

RULES = {
    "no-lost-update": "No two changes of an item are told the same version, or are based on the same one.",
    "change-kept": "What was acknowledged is a version of the item, and the newest one stands.",
    "change-logged-once": "The log has each version of an item once.",
}


def broken(history: Sequence[Operation], reading: Reading) -> Iterator[Violation]:
    for task, read in reading.tasks.items():
        told = [each for each in history if each.name == "change" and each.sent["task"] == task and each.told]
        yield from _unique(told, "version", lambda each: (each.told or {})["version"])
        yield from _unique(told, "base", lambda each: each.sent["based_on"])
        logged = [
            (event.body["item_id"], event.body["version"])
            for event in read.events
            if event.kind == "working_set.changed"
        ]
        for change in sorted(set(logged)):
            if logged.count(change) > 1:
                yield Violation("change-logged-once", f"{change} is in the log of {task} {logged.count(change)} times")
        for each in told:
            item, version = each.sent["item"], (each.told or {})["version"]
            stands, mark = read.items.get(item, (0, ""))
            if (item, version) not in logged or version > stands:
                yield Violation("change-kept", f"the item is at {stands}, the log has {logged}", (each,))
            elif version == stands and mark != each.sent["mark"]:
                yield Violation("change-kept", f"that version says {mark}", (each,))


def _unique(told: Sequence[Operation], what: str, number: Callable[[Operation], int]) -> Iterator[Violation]:
    winners: dict[tuple[str, int], Operation] = {}
    for each in told:
        place = each.sent["item"], number(each)
        first = winners.setdefault(place, each)
        if (first.sent["device"], first.sent["key"]) != (each.sent["device"], each.sent["key"]):
            yield Violation("no-lost-update", f"both have the {what} {place[1]}", (first, each))
