"""A draft: the text of an answer while it is written. Nothing durable depends on it; finished, it is one event."""

import re
from dataclasses import dataclass

from segue_resource.domain.actor import Actor

LIFETIME = 120
"""Seconds after which a draft that does not grow is forgotten."""
MOST = 8
"""Drafts of one task at once."""
LONGEST = 100_000
"""Characters (Unicode code points) of one draft."""
INTERRUPTED = "draft.interrupted"

_ID = re.compile(r"drf_(0|[1-9][0-9]{0,14})_[0-9a-f]{24}", re.ASCII)


@dataclass(frozen=True)
class Draft:
    """`text` is what there is of it so far; lengths and offsets count Unicode code points."""

    draft_id: str
    role: str
    actor: Actor
    text: str
    interrupted: bool


def draft_id(begun_after: int, dice: bytes) -> str:
    """It says behind which event it was begun, so that what became of it is found without an index."""
    return f"drf_{begun_after}_{dice.hex()}"


def begun_after(draft: str) -> int | None:
    """The last sequence number before the draft; None if this is no id of a draft."""
    matched = _ID.fullmatch(draft)
    return int(matched[1]) if matched else None
