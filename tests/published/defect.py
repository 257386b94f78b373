"""What a replay is: an attack that a published defect allowed, and the flaw that lets it work here too."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from authz_world import World

Patch = pytest.MonkeyPatch
Attack = Callable[[World], Awaitable[bool]]
"""Whether the attacker got what the defect gave them. The honest path is asserted on the way."""
Flaw = Callable[[Patch], None]


@dataclass(frozen=True)
class Defect:
    """`ids` are CVE numbers, or a link where there is none; `wrong` is what went wrong, in a sentence."""

    ids: tuple[str, ...]
    product: str
    wrong: str
    section: str
    attack: Attack
    flaw: Flaw

    @property
    def name(self) -> str:
        return self.attack.__name__


DEFECTS: list[Defect] = []


def replays(*ids: str, product: str, wrong: str, section: str, flaw: Flaw) -> Callable[[Attack], Attack]:
    """Enter an attack into the list."""

    def enter(attack: Attack) -> Attack:
        DEFECTS.append(Defect(ids, product, wrong, section, attack, flaw))
        return attack

    return enter
