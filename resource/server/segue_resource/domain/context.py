"""What a model is given of a task when it can take in so many tokens: the durable first, then the recent (T10, R28).

Each part says whose it is, so whoever serves several tasks over one connection trims each by itself. A part is told
whole or not at all. A token is taken for `BYTES` bytes of JSON: an estimate that is the same everywhere and for every
model, and rather too high for English prose.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from segue_resource.domain.elision import Elided
from segue_resource.domain.working_set import Item, ItemStatus, ItemType

BYTES = 4
LEAST, MOST = 256, 1_000_000
"""Tokens that one may ask for."""


class PartKind(StrEnum):
    """The kinds of parts, in the order in which they get their place."""

    AGREED = "agreed"  # facts, decisions and constraints
    QUESTION = "question"  # open questions
    CALL = "call"  # unfinished tool calls
    SUMMARY = "summary"  # the newest summary
    ITEM = "item"  # what else is in the working set
    EVENT = "event"  # recent events, newest first
    EARLIER = "earlier"  # summaries before the newest, newest first


READ: dict[PartKind, str] = {
    PartKind.AGREED: "/working-set",
    PartKind.QUESTION: "/working-set",
    PartKind.CALL: "/tool-calls",
    PartKind.SUMMARY: "/compactions",
    PartKind.ITEM: "/working-set",
    PartKind.EVENT: "/events",
    PartKind.EARLIER: "/compactions",
}
"""Where the parts of a kind can be read, behind the task's own address."""
_AGREED = frozenset({ItemType.FACT, ItemType.DECISION, ItemType.CONSTRAINT})


@dataclass(frozen=True)
class Part:
    """`id` is the item's, the call's, or the number of the event that holds it."""

    task_id: str
    kind: PartKind
    id: str
    tokens: int


@dataclass(frozen=True)
class LeftOut:
    """Parts of a kind that did not fit, what they would have taken, and the address to read them at."""

    task_id: str
    kind: PartKind
    count: int
    tokens: int
    read: str


@dataclass(frozen=True)
class Context:
    """The parts that fit, in their order, and what was left out."""

    task_id: str
    token_budget: int
    tokens: int
    parts: list[Part]
    left_out: list[LeftOut]

    def has(self, kinds: Iterable[PartKind], id_: str) -> bool:
        return any(part.kind in kinds and part.id == id_ for part in self.parts)


def tokens_of(size: int) -> int:
    """What `size` bytes of JSON are taken for."""
    return -(-size // BYTES)


def kind_of_item(item: Item) -> PartKind:
    if item.type in _AGREED:
        return PartKind.AGREED
    is_open = item.type is ItemType.QUESTION and item.status is ItemStatus.OPEN
    return PartKind.QUESTION if is_open else PartKind.ITEM


def summaries(told: Sequence[Elided]) -> list[tuple[PartKind, Elided]]:
    """The newest, and the earlier ones; `told` are in the order of their place."""
    return [(PartKind.EARLIER if n else PartKind.SUMMARY, one) for n, one in enumerate(reversed(told))]


def trimmed(task_id: str, parts: Iterable[Part], *, token_budget: int) -> Context:
    """As many parts as fit, kind by kind; `parts` of a kind come in the order in which they should be kept.

    Of events those behind a place are kept, without a hole; of the rest each that still fits.
    """
    kept: list[Part] = []
    out: dict[PartKind, list[Part]] = {}
    spent = 0
    for part in sorted(parts, key=lambda one: list(PartKind).index(one.kind)):
        ended = part.kind is PartKind.EVENT and part.kind in out
        if ended or spent + part.tokens > token_budget:
            out.setdefault(part.kind, []).append(part)
        else:
            kept.append(part)
            spent += part.tokens
    left = [
        LeftOut(task_id, kind, len(found), sum(part.tokens for part in found), f"/tasks/{task_id}{READ[kind]}")
        for kind, found in out.items()
    ]
    return Context(task_id, token_budget, spent, kept, left)
