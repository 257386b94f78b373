"""Transfers: one approval gives one task to one device, once, and who had it before may only read (A1, A2, A9).

A `claim` has a digest of the transfer `code` and the `jkt` of its device; it is told a digest of the `device_code`.
A `confirm` has the `transfer`. A `redeem` has the `device_code` and `jkt`; it is told `transfer`, `mode`, `grant`,
`task`, `epoch` and the digest of the refresh `token`. Whatever is asked of a task has its `task` and the `epoch` of
the token it is asked with, and `writes` where it changes something; a write that is answered again is told `replayed`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

from history.operation import Operation
from history.reading import Reading
from history.violation import Violation

RULES = {
    "one-device-claims": "One code is claimed by one device.",
    "claim-repeats": "A device that claims again gets the same answer.",
    "redeemed-once": "One transfer gives one grant, to one device, and a repeat gets the same.",
    "approved-first": "Nothing is redeemed before somebody asked to approve it.",
    "epoch-rises": "Each move has an epoch of its own, and a later one a higher one.",
    "fenced": "Once a request of the new device was answered, the former device changes nothing.",
    "redemption-kept": "What was redeemed is, with one grant; the epoch is one more than the moves of the task.",
}


def broken(history: Sequence[Operation], reading: Reading) -> Iterator[Violation]:
    yield from _claims(history)
    redemptions = [each for each in history if each.name == "redeem" and each.told is not None]
    yield from _redeemed_once(history, redemptions)
    yield from _epochs(redemptions)
    yield from _fenced(history)
    yield from _read_again(redemptions, reading)


def _claims(history: Sequence[Operation]) -> Iterator[Violation]:
    first: dict[str, Operation] = {}
    for each in history:
        if each.name != "claim" or each.told is None:
            continue
        winner = first.setdefault(each.sent["code"], each)
        if winner.sent["jkt"] != each.sent["jkt"]:
            yield Violation("one-device-claims", "two devices claimed it", (winner, each))
        elif winner.told != each.told:
            yield Violation("claim-repeats", "the answers differ", (winner, each))


def _redeemed_once(history: Sequence[Operation], redemptions: Sequence[Operation]) -> Iterator[Violation]:
    first: dict[str, Operation] = {}
    asked: dict[str, Operation] = {}
    for each in history:
        if each.name == "confirm":
            asked.setdefault(each.sent["transfer"], each)
    for each in redemptions:
        told = each.told or {}
        winner = first.setdefault(told["transfer"], each)
        same = all((winner.told or {})[member] == told[member] for member in ("grant", "token", "epoch"))
        if winner.sent["jkt"] != each.sent["jkt"] or not same:
            yield Violation("redeemed-once", "the answers differ", (winner, each))
        approval = asked.get(told["transfer"])
        if approval is None or (each.returned_at or 0) < approval.invoked_at:
            yield Violation("approved-first", "nobody had approved it", (each,))


def _epochs(redemptions: Sequence[Operation]) -> Iterator[Violation]:
    moves: dict[str, dict[str, list[Operation]]] = defaultdict(lambda: defaultdict(list))
    for each in redemptions:
        told = each.told or {}
        if told["mode"] == "move":
            moves[told["task"]][told["transfer"]].append(each)
    for of_task in moves.values():
        for one, other in combinations([redeemed[0] for redeemed in of_task.values()], 2):
            first, second = (one, other) if one.invoked_at <= other.invoked_at else (other, one)
            if _epoch(first) == _epoch(second) or (first.precedes(second) and _epoch(first) > _epoch(second)):
                yield Violation("epoch-rises", "the epochs do not tell them apart", (first, second))


def _fenced(history: Sequence[Operation]) -> Iterator[Violation]:
    """Per task the answered request with the highest epoch that is over is enough to compare with."""
    answered = sorted((each for each in history if _heard(each)), key=lambda each: each.returned_at or 0)
    by_task: dict[str, list[Operation]] = defaultdict(list)
    for each in answered:
        by_task[each.sent["task"]].append(each)
    for own in by_task.values():
        highest: Operation | None = None
        waiting = iter(own)
        coming = next(waiting, None)
        for each in sorted(own, key=lambda one: one.invoked_at):
            while coming is not None and coming.precedes(each):
                if highest is None or coming.sent["epoch"] > highest.sent["epoch"]:
                    highest = coming
                coming = next(waiting, None)
            wrote = each.sent.get("writes") and each.told is not None and not each.told.get("replayed")
            if wrote and highest is not None and each.sent["epoch"] < highest.sent["epoch"]:
                yield Violation("fenced", "the later one was let through", (highest, each))


def _heard(each: Operation) -> bool:
    return each.told is not None and "epoch" in each.sent and "task" in each.sent


def _read_again(redemptions: Sequence[Operation], reading: Reading) -> Iterator[Violation]:
    for each in redemptions:
        told = each.told or {}
        found = reading.transfers.get(told["transfer"])
        if found is None or found.state != "Redeemed" or list(found.grants) != [told["grant"]]:
            yield Violation("redemption-kept", f"the transfer is {found}", (each,))
    for task, read in reading.tasks.items():
        moves = sum(
            1 for each in reading.transfers.values() if (each.task, each.mode, each.state) == (task, "move", "Redeemed")
        )
        logged = [event.body.get("epoch") for event in read.events if event.kind == "task.moved"]
        if read.epoch != 1 + moves or len(logged) != len(set(logged)) or len(logged) > moves:
            seen = f"the epoch of {task} is {read.epoch} after {moves} moves, and the log tells of {logged}"
            yield Violation("redemption-kept", seen)


def _epoch(redemption: Operation) -> int:
    return int((redemption.told or {})["epoch"])
