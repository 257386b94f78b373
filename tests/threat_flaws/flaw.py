"""What a seeded flaw is, and how one is written down."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Flaw:
    """`threat` is the one that comes true; `attack` the one that tells, if it is one of several."""

    name: str
    threat: str
    put_in: Callable[[Patch], None]
    attack: str = ""


FLAWS: list[Flaw] = []
PAGE_FLAWS: list[Flaw] = []
"""Those that only an attack in a browser can tell."""


def flaw(threat: str, attack: str = "") -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    """Register one; its name says what the server does wrong. `attack` is tried first."""

    def register(put_in: Callable[[Patch], None]) -> Callable[[Patch], None]:
        FLAWS.append(Flaw(put_in.__name__, threat, put_in, attack))
        return put_in

    return register


def page_flaw(threat: str, attack: str) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    """Register one that the named attack tells in a browser."""

    def register(put_in: Callable[[Patch], None]) -> Callable[[Patch], None]:
        PAGE_FLAWS.append(Flaw(put_in.__name__, threat, put_in, attack))
        return put_in

    return register


def nothing(*_: Any, **__: Any) -> None:
    """Instead of a check."""


async def nothing_later(*_: Any, **__: Any) -> None:
    """Instead of a check that takes its time."""
