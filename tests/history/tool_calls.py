"""Tool calls: one holder at a time, one effect for a holding, no late result, nothing lost (T9, goal G5).

Each has its `task`, `call`, `device` and `key`. A `claim-call` asks for a `lease` in seconds and is told `state` and
`fence`; `start-call`, `complete-call` and `fail-call` have the `fence`. An `effect` is what a device did to the world
under a `fence`; it is written down by the device and asks nobody. A `propose-call` has the `effect` class and is
told the `call`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from history.operation import Operation
from history.reading import Reading, TaskReading
from history.violation import Violation

RULES = {
    "claim-exclusive": "Two holdings have two fences, and the later one has the higher.",
    "claim-within-lease": "Nobody takes a call from a holder whose lease lasts and whose epoch stands.",
    "effect-once": "Under one fence a call takes effect once; one that may not be repeated takes effect once at all.",
    "started-first": "Nothing takes effect before its start was acknowledged.",
    "late-refused": "Whoever shows a fence that a later claim has replaced is refused.",
    "call-kept": "A call that was acknowledged is there, with the result that was acknowledged.",
    "call-ends": "Each call that was begun ends, or is unknown.",
    "logged-once": "The log tells of each proposal, attempt and end once.",
}
REPEATABLE = frozenset({"pure", "idempotent"})
ENDED = frozenset({"succeeded", "failed", "cancelled", "unknown"})
CLOCKS = 1_500_000_000
"""Nanoseconds by which a lease in whole seconds may end early, measured by a stopwatch."""


def broken(history: Sequence[Operation], reading: Reading) -> Iterator[Violation]:
    calls: dict[tuple[str, str], list[Operation]] = defaultdict(list)
    for each in history:
        call = (each.told or {}).get("call") if each.name == "propose-call" else each.sent.get("call")
        if call is not None:
            calls[each.sent["task"], call].append(each)
    for (task, call), own in calls.items():
        claims = [each for each in own if each.name == "claim-call" and (each.told or {}).get("state") == "claimed"]
        yield from _exclusive(claims, own)
        yield from _effects(own)
        yield from _late(claims, own)
        if task in reading.tasks:
            yield from _read_again(reading.tasks[task], call, own)


def _exclusive(claims: Sequence[Operation], own: Sequence[Operation]) -> Iterator[Violation]:
    holdings: dict[tuple[int, int], list[Operation]] = defaultdict(list)
    for each in claims:
        holdings[_fence((each.told or {})["fence"])].append(each)
    for same in holdings.values():
        other = next((each for each in same if _asked(each) != _asked(same[0])), None)
        if other is not None:
            yield Violation("claim-exclusive", "both were given one fence", (same[0], other))
    for lower, higher in pairwise(sorted(holdings)):
        former, later = holdings[lower], holdings[higher]
        if (later[0].returned_at or 0) < _first(own, former[0]):
            yield Violation("claim-exclusive", "the later one has the lower fence", (later[0], former[0]))
        yield from _taken_early(former, later, own)


def _taken_early(
    former: Sequence[Operation], later: Sequence[Operation], own: Sequence[Operation]
) -> Iterator[Violation]:
    """The lease begins when its claim is answered first, at the latest; it was taken when the next claim ended."""
    held = max(former, key=lambda each: each.returned_at or 0)
    taken = min(later, key=lambda each: each.returned_at or 0)
    same_epoch = _fence((held.told or {})["fence"])[0] == _fence((taken.told or {})["fence"])[0]
    given_up = any(
        each.name in ("fail-call", "complete-call", "cancel-call") and each.invoked_at < (taken.returned_at or 0)
        for each in own
    )
    until = _first(own, held) + int(held.sent["lease"] * 1e9) - CLOCKS
    if same_epoch and not given_up and (taken.returned_at or 0) < until:
        yield Violation("claim-within-lease", "the lease lasted", (held, taken))


def _effects(own: Sequence[Operation]) -> Iterator[Violation]:
    by_fence: dict[str, list[Operation]] = defaultdict(list)
    for each in own:
        if each.name == "effect":
            by_fence[each.sent["fence"]].append(each)
    for fence, effects in by_fence.items():
        if len(effects) > 1:
            yield Violation("effect-once", f"more than once under {fence}", tuple(effects))
        starts = (each for each in own if each.name == "start-call" and each.sent["fence"] == fence and each.told)
        if not any(each.precedes(effects[0]) for each in starts):
            yield Violation("started-first", "its start had not been answered", (effects[0],))
    proposed = next((each for each in own if each.name == "propose-call"), None)
    if proposed is not None and proposed.sent["effect"] not in REPEATABLE and len(by_fence) > 1:
        first = tuple(effects[0] for effects in by_fence.values())
        yield Violation("effect-once", f"it is {proposed.sent['effect']}", first)


def _late(claims: Sequence[Operation], own: Sequence[Operation]) -> Iterator[Violation]:
    for each in own:
        if each.name not in ("start-call", "complete-call", "fail-call") or each.told is None:
            continue
        if each.told.get("replayed"):
            continue
        later = (
            claim
            for claim in claims
            if claim.precedes(each) and _fence((claim.told or {})["fence"]) > _fence(each.sent["fence"])
        )
        if (claim := next(later, None)) is not None:
            yield Violation("late-refused", "its fence had been replaced", (claim, each))


def _read_again(read: TaskReading, call: str, own: Sequence[Operation]) -> Iterator[Violation]:
    state, result = read.calls.get(call, ("absent", None))
    heard = [each for each in own if each.told is not None and each.name != "effect"]
    if state == "absent" and heard:
        yield Violation("call-kept", "the call is not there", (heard[-1],))
        return
    for each in heard:
        if each.name == "complete-call" and (state, result) != ("succeeded", each.sent["result"]):
            yield Violation("call-kept", f"the call is {state} with {result}", (each,))
    begun = [each for each in heard if each.name in ("claim-call", "start-call")]
    if begun and state not in ENDED:
        yield Violation("call-ends", f"the call is {state}", (begun[-1],))
    told: dict[str, int] = defaultdict(int)
    for event in read.events:
        if event.kind.startswith("tool_call.") and event.body.get("call_id") == call:
            told[f"{event.kind} {event.body.get('attempt')}"] += event.kind != "tool_call.refused"
    if doubled := sorted(what for what, times in told.items() if times > 1):
        yield Violation("logged-once", f"the log of {call} has twice: {', '.join(doubled)}")


def _first(own: Sequence[Operation], sending: Operation) -> int:
    """When the operation was first sent: a repeat has the key of what it repeats."""
    return min(each.invoked_at for each in own if each.name == sending.name and _asked(each) == _asked(sending))


def _asked(each: Operation) -> tuple[str, str]:
    return each.sent["device"], each.sent["key"]


def _fence(text: str) -> tuple[int, int]:
    epoch, _, counter = text.partition(".")
    return int(epoch), int(counter)
