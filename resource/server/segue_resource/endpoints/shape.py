"""The kinds of text in request bodies, with their bounds."""

from typing import Annotated

from msgspec import Meta, Struct
from segue.problem import Problem

from segue_resource.domain.name import is_name
from segue_resource.domain.task import Budget

Name = Annotated[str, Meta(min_length=1, max_length=200, description="One line of printable text.")]
"""Of a task or a device, for people to read."""
Title = Annotated[str, Meta(min_length=1, max_length=500)]
Kind = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*\Z", max_length=64)]
"""Of an event: words joined by dots."""
Word = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/-]*\Z", max_length=128)]
"""A name for programs: of a tool or a transport."""
Identifier = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*\Z", max_length=128)]
Unit = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*\Z", max_length=32)]
"""Of what is spent: a word for programs, as `tokens`."""
Lease = Annotated[int, Meta(ge=1, le=600)]
"""Seconds for which a holder is believed to be alive."""
Seq = Annotated[int, Meta(ge=1, le=10**15 - 1)]
"""The number of an event."""
FenceText = Annotated[str, Meta(min_length=1, max_length=40)]


class NewBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """With `while_present`, it is spent only while a person is there."""

    unit: Unit
    limit: Annotated[int, Meta(ge=0, le=10**15 - 1)]
    while_present: bool = False


def budget_of(asked: NewBudget | None) -> Budget | None:
    return None if asked is None else Budget(asked.unit, asked.limit, asked.while_present)


def require_name(text: str) -> None:
    """Raise `Problem` 400 for a name that could deceive whoever reads it."""
    if not is_name(text):
        raise Problem(400, "invalid-request", "The name cannot be shown", "a name is one line of printable text")
