"""Refresh tokens: each is rotated once, a reuse ends the family, and nothing acknowledged is forgotten (A7).

RFC 9700 section 4.14.2, decision 0009. A refresh has its `family` and a digest of its `token`; it is told the digest
of the next `token` and the `grant` they belong to. A token is *used up* once its successor was used; who then shows
it again reuses it. An `end` says that the family was withdrawn.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from history.operation import Operation
from history.reading import Reading
from history.violation import Violation

RULES = {
    "rotated-once": "All answers to one refresh token name one successor.",
    "one-line": "No token succeeds two tokens, or one that came after it.",
    "reuse-refused": "A token that is used up is refused.",
    "reuse-ends-family": "After a reuse was answered no token of the family is good.",
    "rotation-kept": "A family that nobody reused or withdrew stays good for the token that was told last.",
    "family-kept": "The grant has rotated at least as often as was told, and no more than was asked.",
}


def broken(history: Sequence[Operation], reading: Reading) -> Iterator[Violation]:
    families: dict[str, list[Operation]] = defaultdict(list)
    for each in history:
        if each.name in ("refresh", "end"):
            families[each.sent["family"]].append(each)
    for own in families.values():
        refreshes = [each for each in own if each.name == "refresh"]
        good = [each for each in refreshes if each.told is not None]
        yield from _line(good)
        reuses = list(_reuses(refreshes, good))
        yield from _after_reuse(good, reuses)
        if not reuses and all(each.name != "end" for each in own):
            yield from _kept(refreshes)
        yield from _read_again(refreshes, good, reading)


def _line(good: Sequence[Operation]) -> Iterator[Violation]:
    successor: dict[str, Operation] = {}
    predecessor: dict[str, Operation] = {}
    for each in good:
        if (first := successor.setdefault(each.sent["token"], each)) and _next(first) != _next(each):
            yield Violation("rotated-once", "two successors", (first, each))
        elif predecessor.setdefault(_next(each), each).sent["token"] != each.sent["token"]:
            yield Violation("one-line", "one successor of two", (predecessor[_next(each)], each))
    for start in successor:
        seen, token = {start}, _next(successor[start])
        while token in successor and token not in seen:
            seen.add(token)
            token = _next(successor[token])
        if token in seen:
            yield Violation("one-line", "a token comes back", (successor[start],))
            return


def _reuses(refreshes: Sequence[Operation], good: Sequence[Operation]) -> Iterator[tuple[Operation, Operation]]:
    """Each reuse, with the use of the successor that makes it one."""
    first_answer: dict[str, Operation] = {}
    for each in sorted(good, key=lambda one: one.returned_at or 0):
        first_answer.setdefault(each.sent["token"], each)
    for each in refreshes:
        rotation = first_answer.get(each.sent["token"])
        used = first_answer.get(_next(rotation)) if rotation is not None else None
        if used is not None and used.precedes(each):
            yield used, each


def _after_reuse(good: Sequence[Operation], reuses: Sequence[tuple[Operation, Operation]]) -> Iterator[Violation]:
    for used, reuse in reuses:
        if reuse.told is not None:
            yield Violation("reuse-refused", "the token was used up", (used, reuse))
        elif reuse.refused is not None and reuse.refused["error"] == "invalid_grant":
            later = next((each for each in good if reuse.precedes(each)), None)
            if later is not None:
                yield Violation("reuse-ends-family", "the family lives on", (used, reuse, later))


def _kept(refreshes: Sequence[Operation]) -> Iterator[Violation]:
    for each in refreshes:
        if each.refused is not None and each.refused["error"] == "invalid_grant":
            known = next((one for one in refreshes if one.told and _next(one) == each.sent["token"]), None)
            yield Violation("rotation-kept", "it is refused", (each,) if known is None else (known, each))
            return


def _read_again(refreshes: Sequence[Operation], good: Sequence[Operation], reading: Reading) -> Iterator[Violation]:
    grant = next((reading.grants.get((each.told or {})["grant"]) for each in good), None)
    if grant is None:
        if good and reading.grants:
            yield Violation("family-kept", "the grant is not there", (good[-1],))
        return
    told, asked = (len({each.sent["token"] for each in some}) for some in (good, refreshes))
    if not told <= grant.generation <= asked:
        seen = f"the grant is at {grant.generation}, {told} rotations were told and {asked} asked for"
        yield Violation("family-kept", seen, (good[-1],))


def _next(refresh: Operation) -> str:
    return str((refresh.told or {})["token"])
