"""Which open task a new session may continue: a score and a reason for each, by plain rules (decision 0041).

A rare thing in common counts more than a common one, and the time since the last activity never decides alone. Where
two tasks fit about as well nothing is claimed: a wrong claim is worse than a missed one.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from segue_resource.domain.common_words import GOING_ON, NEW_WORDS, REQUESTS, plain
from segue_resource.domain.likeness import alike
from segue_resource.domain.term import Kind, Sieve, Term, terms

MAX_HINT = 2000
"""Characters of the new session that are looked at."""
MAX_TEXT = 1000
"""Characters of an open task that are looked at."""
LIKELY = 0.75
"""From this score on a task is claimed to be the one; specs/evidence/stitching.md says what that costs and gives."""
MOST_TERMS = 40
_EXCERPT = 200
_TOLD = 4
"""Things in common that a reason names."""

_WEIGHTS = {Kind.WEAK: 0.35, Kind.WORD: 1.0, Kind.NUMBERED: 1.3, Kind.IDENTIFIER: 2.5, Kind.FILE: 2.0}
_NOVEL = {Kind.WEAK: 0.1, Kind.WORD: 1.0, Kind.NUMBERED: 0.5, Kind.IDENTIFIER: 2.0, Kind.FILE: 2.0}


@dataclass(frozen=True)
class OpenTask:
    """`texts` from the most telling on: the name, the titles, the questions, the newest words of the customer."""

    task_id: str
    texts: Sequence[str]
    last_at: int


def telling(name: str, items: Iterable[tuple[str, str]], said: Iterable[str]) -> list[str]:
    """The texts of an open task: `items` are titles and bodies, `said` the customer's messages, newest first each."""
    kept = [(title[:_EXCERPT], body[:_EXCERPT]) for title, body in items]
    return [name, *(title for title, _ in kept), *(text[:_EXCERPT] for text in said), *(body for _, body in kept)]


@dataclass(frozen=True)
class Candidate:
    """`score` from 0 to 1. `likely` of one at most. `reason` is made of words of ours and of the task's own."""

    task_id: str
    score: float
    reason: str
    likely: bool


@dataclass(frozen=True)
class Shared:
    """A term of the hint that the task has too, as the task has it, and what it counts."""

    kind: Kind
    shown: str
    weight: float


@dataclass
class _Profile:
    task: OpenTask
    keys: dict[str, Term] = field(default_factory=dict)
    meanings: dict[str, Term] = field(default_factory=dict)


def match(hint: str, tasks: Sequence[OpenTask], *, now: int) -> list[Candidate]:
    """The tasks that share something with the hint, best first. Times in seconds since the epoch."""
    asked = list({term.key: term for term in terms(hint[:MAX_HINT])}.values())[:MOST_TERMS]
    sieve = Sieve(asked)
    profiles = [_profile(task, sieve) for task in tasks]
    spread = Counter(key for profile in profiles for key in (*profile.keys, *profile.meanings))
    near = _near(asked, spread)
    manner = _manner(hint[:MAX_HINT])
    found = []
    for profile in profiles:
        shared = [_shared(term, profile, near, spread, len(tasks)) for term in asked]
        if any(one is not None and one.kind is not Kind.WEAK for one in shared):
            found.append((profile.task, shared))
    evidence = [sum(one.weight for one in shared if one) for _, shared in found]
    candidates = []
    for at, (task, shared) in enumerate(found):
        rival = max((other for index, other in enumerate(evidence) if index != at), default=0.0)
        features = (*_features(asked, shared, evidence[at], rival, now - task.last_at), *manner)
        candidates.append((task, shared, _score(features)))
    candidates.sort(key=lambda one: (-one[2], -one[0].last_at, one[0].task_id))
    return [
        Candidate(task.task_id, score, _reason(shared, now - task.last_at), likely=place == 0 and score >= LIKELY)
        for place, (task, shared, score) in enumerate(candidates)
    ]


def _profile(task: OpenTask, sieve: Sieve) -> _Profile:
    profile, left = _Profile(task), MAX_TEXT
    for text in task.texts:
        for term in sieve.terms(text[:left]):
            profile.keys.setdefault(term.key, term)
            for meaning in term.same:
                profile.meanings.setdefault(meaning, term)
        left -= len(text)
        if left <= 0:
            break
    return profile


def _near(asked: Iterable[Term], known: Iterable[str]) -> dict[str, list[tuple[str, float]]]:
    """For words of the hint that no task has: those of the tasks that are nearly the same, and how nearly."""
    known = list(known)
    return {term.key: alike(term.key, known) for term in asked if term.kind is Kind.WORD and term.key not in known}


def _shared(
    term: Term, profile: _Profile, near: Mapping[str, list[tuple[str, float]]], spread: Mapping[str, int], of: int
) -> Shared | None:
    options = [(term.key, 1.0, profile.keys.get(term.key))]
    options += [(meaning, 0.8, profile.meanings.get(meaning)) for meaning in term.same]
    options += [(key, quality, profile.keys.get(key)) for key, quality in near.get(term.key, ())]
    best = None
    for key, quality, its in options:
        if its is None:
            continue
        weight = _WEIGHTS[term.kind] * quality * _rarity(spread[key], of)
        if best is None or weight > best.weight:
            best = Shared(term.kind, its.shown, weight)
    return best


def _rarity(having: int, of: int) -> float:
    """1 for what one task alone has, less the more have it."""
    return math.log(1 + of / having) / math.log(1 + of)


def _features(
    asked: Sequence[Term], shared: Sequence[Shared | None], evidence: float, rival: float, age: int
) -> tuple[float, ...]:
    novel = sum(_NOVEL[term.kind] for term, one in zip(asked, shared, strict=True) if one is None)
    bare = novel >= 1.5 and not any(one and one.kind in (Kind.WORD, Kind.NUMBERED) for one in shared)
    return (
        min(evidence, 4.0),
        evidence / (evidence + novel),
        rival / evidence,
        math.exp(-max(age, 0) / 86_400),
        float(bare),
    )


def _manner(hint: str) -> tuple[float, float]:
    """Whether it speaks as of something new, and as of something known."""
    words = re.findall(r"\w+", plain(hint))
    new = (not NEW_WORDS.isdisjoint(words)) + (words[:1] != [] and words[0] in REQUESTS)
    return float(new), float(not GOING_ON.isdisjoint(words))


def _score(features: Sequence[float]) -> float:
    return 1 / (1 + math.exp(-(_BIAS + sum(w * f for w, f in zip(_COEFFICIENTS, features, strict=True)))))


_BIAS = -2.9
_COEFFICIENTS = (1.8, 3.2, -1.8, 0.2, -2.5, -1.7, 1.3)


def _reason(shared: Iterable[Shared | None], age: int) -> str:
    found = sorted((one for one in shared if one), key=lambda one: (-one.weight, one.shown))
    named = [one.shown for one in found if one.kind in (Kind.FILE, Kind.IDENTIFIER)][:_TOLD]
    spoken = [one.shown for one in found if one.kind in (Kind.WORD, Kind.NUMBERED)][: _TOLD - len(named)]
    parts = [f"it names {_listed(named)} too"] if named else []
    parts += [f"both speak of {_listed(spoken)}"] if spoken else []
    return ", ".join([*parts, f"it was active {_ago(age)}"])


def _listed(words: Sequence[str]) -> str:
    """Each once, however it is written, and not as a part of another one."""
    once = list(
        {plain(word): word for word in words if not any(plain(w).startswith(plain(word) + " ") for w in words)}.values()
    )
    return once[0] if len(once) == 1 else f"{', '.join(once[:-1])} and {once[-1]}"


def _ago(age: int) -> str:
    for seconds, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if age >= seconds:
            count = age // seconds
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"
