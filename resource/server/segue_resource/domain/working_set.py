"""The working set: the few things a task is about now, each with a version of its own."""

from dataclasses import dataclass
from enum import StrEnum

from segue_resource.domain.actor import Actor

MAX_ITEMS = 200
MAX_BYTES = 2_000_000
"""Titles and bodies together. The whole set is read at every resume, so it is bounded as a whole."""


class ItemType(StrEnum):
    DOCUMENT = "document"
    DECISION = "decision"
    QUESTION = "question"
    OUTPUT = "output"
    FACT = "fact"
    CONSTRAINT = "constraint"


class ItemStatus(StrEnum):
    OPEN = "open"
    SETTLED = "settled"


@dataclass(frozen=True)
class Content:
    """What a writer says of an item. `source_seq` is the event it was drawn from."""

    type: ItemType
    title: str
    body: str
    status: ItemStatus
    source_seq: int | None = None

    @property
    def size(self) -> int:
        """Bytes of title and body."""
        return len(self.title.encode()) + len(self.body.encode())


@dataclass(frozen=True)
class Item:
    """One item as it stands. `version` rises by one with each change and is never given twice."""

    item_id: str
    type: ItemType
    title: str
    body: str
    status: ItemStatus
    version: int
    updated_at: int
    updated_by: Actor
    source_seq: int | None = None


@dataclass(frozen=True)
class ItemVersion:
    """What an item once was, as the event `seq` says. A deletion is a version of its own, without title and body."""

    item_id: str
    version: int
    seq: int
    deleted: bool
    type: ItemType
    title: str | None
    body: str | None
    status: ItemStatus
    updated_at: int
    updated_by: Actor
