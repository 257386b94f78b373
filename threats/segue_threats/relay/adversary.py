"""What an adversary is, and how one is written down: a coroutine that comes to its end, or raises `Stopped`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from segue_threats.relay.stage import Stage

Play = Callable[[Stage], Awaitable[None]]
Flow = Literal["pull", "push", "backchannel"]
FORGOTTEN = 1_801
"""Seconds after which no server counts a try or a poll any more."""


@dataclass(frozen=True)
class Adversary:
    """`does` is its script in words. `flow` is what it goes by; RFC 8628 has a pull alone.

    `forgotten` is how many seconds have to pass until servers count nothing of a try any more.
    """

    slug: str
    name: str
    does: str
    threats: tuple[str, ...]
    flow: Flow
    forgotten: int
    play: Play


REGISTERED: list[Adversary] = []


def adversary(name: str, *threats: str, flow: Flow = "pull", forgotten: int = FORGOTTEN) -> Callable[[Play], Play]:
    """Add one; its docstring says what it does."""

    def add(play: Play) -> Play:
        does = " ".join((play.__doc__ or "").split())
        REGISTERED.append(Adversary(play.__name__, name, does, threats, flow, forgotten, play))
        return play

    return add
