"""The log of a task: one dense, total order that everybody sees, with each acknowledged append in it once (T7, T11).

An append has `task`, `device`, `key` and the `marks` of its events; it is told `first` and `last`. A read has `task`
and `after`; it is told `events` as pairs of number and digest, and perhaps the `head`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from history.operation import Operation
from history.reading import Reading, TaskReading
from history.violation import Violation

RULES = {
    "sequence-dense": "The numbers of a log are 1, 2, 3 and so on, each once.",
    "append-kept": "What was acknowledged is in the log, at the numbers that were told.",
    "append-once": "What was sent is in the log at most once, however often it was sent.",
    "append-sent": "Nothing is in the log that nobody sent.",
    "same-key-same-answer": "Under one idempotency key there is one answer.",
    "real-time-order": "What was sent after an answer comes after what was answered.",
    "nothing-done": "What was told that nothing was done is not done.",
    "reader-prefix": "What a reader saw is a piece of the log, from its cursor on, without a gap.",
    "read-what-was-acknowledged": "A read sees what was acknowledged before it began.",
}


def broken(history: Sequence[Operation], reading: Reading) -> Iterator[Violation]:
    for task, read in reading.tasks.items():
        own = [each for each in history if each.sent.get("task") == task]
        appends = _by_key(each for each in own if each.name == "append")
        yield from _log(task, read)
        yield from _kept(read, appends)
        yield from _once(read, appends)
        yield from _answers(appends)
        yield from _order(appends)
        yield from _readers(read, own)


def _by_key(appends: Iterator[Operation]) -> list[list[Operation]]:
    """The sendings of each append, first to last."""
    found: dict[tuple[str, str], list[Operation]] = defaultdict(list)
    for each in appends:
        found[each.sent["device"], each.sent["key"]].append(each)
    return list(found.values())


def _log(task: str, read: TaskReading) -> Iterator[Violation]:
    numbers = [event.seq for event in read.events]
    for place, number in enumerate(numbers, start=1):
        if place != number:
            yield Violation("sequence-dense", f"the log of {task} has {number} where {place} should be")
            return


def _kept(read: TaskReading, appends: list[list[Operation]]) -> Iterator[Violation]:
    marks = {event.seq: event.mark for event in read.events}
    for sendings in appends:
        for each in sendings:
            if each.told is None:
                continue
            there = [marks.get(seq) for seq in range(each.told["first"], each.told["last"] + 1)]
            if there != list(each.sent["marks"]):
                yield Violation("append-kept", f"the log has {there} there", (each,))
        if all(each.refused and each.refused["error"] == "unavailable" for each in sendings):
            done = set(sendings[0].sent["marks"]) & set(marks.values())
            if done:
                yield Violation("nothing-done", f"{done} is in the log", tuple(sendings))


def _once(read: TaskReading, appends: list[list[Operation]]) -> Iterator[Violation]:
    places: dict[str, list[int]] = defaultdict(list)
    for event in read.events:
        if event.mark is not None:
            places[event.mark].append(event.seq)
    senders = {mark: sendings for sendings in appends for mark in sendings[0].sent["marks"]}
    for mark, numbers in places.items():
        if len(numbers) > 1:
            yield Violation("append-once", f"{mark} is at {numbers}", tuple(senders.get(mark, ())))
        if mark not in senders:
            yield Violation("append-sent", f"{mark} at {numbers} was sent by nobody")


def _answers(appends: list[list[Operation]]) -> Iterator[Violation]:
    for sendings in appends:
        told = [each for each in sendings if each.told is not None]
        for one, other in pairwise(told):
            if one.told != other.told:
                yield Violation("same-key-same-answer", "the answers differ", (one, other))


def _order(appends: list[list[Operation]]) -> Iterator[Violation]:
    """Of all that was answered before something else was first sent, the one with the highest number is enough."""
    answered = [(sendings[0], each) for sendings in appends for each in sendings if each.told is not None]
    by_answer = sorted((each for _, each in answered), key=lambda each: each.returned_at or 0)
    highest: Operation | None = None
    waiting = iter(by_answer)
    coming = next(waiting, None)
    for first, each in sorted(answered, key=lambda pair: pair[0].invoked_at):
        while coming is not None and coming.precedes(first):
            if highest is None or _last(coming) > _last(highest):
                highest = coming
            coming = next(waiting, None)
        if highest is not None and each.told is not None and each.told["first"] <= _last(highest):
            yield Violation("real-time-order", "the later one has the lower number", (highest, each))


def _readers(read: TaskReading, own: list[Operation]) -> Iterator[Violation]:
    digests = [event.digest for event in read.events]
    acknowledged = [each for each in own if each.name == "append" and each.told is not None]
    for each in own:
        if each.name != "read" or each.told is None:
            continue
        after, seen = int(each.sent["after"]), [tuple(pair) for pair in each.told["events"]]
        expected = list(enumerate(digests[after : after + len(seen)], start=after + 1))
        if seen != expected:
            number = next((pair[0] for pair, other in zip(seen, expected, strict=False) if pair != other), "the end")
            yield Violation("reader-prefix", f"it is not what the log has from {number} on", (each,))
        if "head" in each.told:
            before = (one for one in acknowledged if one.precedes(each))
            missed = next((one for one in before if _last(one) > each.told["head"]), None)
            if missed is not None:
                yield Violation("read-what-was-acknowledged", "its head is lower", (missed, each))


def _last(append: Operation) -> int:
    return int((append.told or {})["last"])
