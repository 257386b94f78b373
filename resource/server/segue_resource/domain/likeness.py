"""Words that are nearly the same: a slip of the finger, another ending, a part of a compound."""

from collections.abc import Iterable

_LEAST = 5
_SLIP, _PREFIX, _PART = 0.75, 0.6, 0.6


def alike(word: str, known: Iterable[str]) -> list[tuple[str, float]]:
    """Those of `known` that are nearly `word`, each with a quality below 1."""
    if len(word) < _LEAST:
        return []
    found = ((other, _quality(word, other)) for other in known if len(other) >= _LEAST and other[0] != "=")
    return [(other, quality) for other, quality in found if quality]


def _quality(one: str, other: str) -> float:
    near = one[0] == other[0] or one[1] == other[0] or one[-1] == other[-1]
    if near and slips(one, other, most=1 if min(len(one), len(other)) < 8 else 2):
        return _SLIP
    if one[:4] == other[:4] and _common(one, other) >= max(5, 0.6 * max(len(one), len(other))):
        return _PREFIX
    short, long = sorted((one, other), key=len)
    if len(long) >= len(short) + 3 and (long.startswith(short) or long.endswith(short)):
        return _PART
    return 0.0


def _common(one: str, other: str) -> int:
    """The length of their common beginning."""
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return at
    return min(len(one), len(other))


def slips(one: str, other: str, *, most: int) -> bool:
    """Whether at most `most` letters were added, left out, replaced, or swapped with their neighbour."""
    if abs(len(one) - len(other)) > most:
        return False
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        new = [i]
        for j, b in enumerate(other, 1):
            cost = min(row[j] + 1, new[-1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, before[j - 2] + 1)
            new.append(cost)
        if min(new) > most:
            return False
        before, row = row, new
    return row[-1] <= most
