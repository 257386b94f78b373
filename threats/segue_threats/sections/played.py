"""What is written down of an attack on a mitigation: what is in force with it off, and with it on."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from segue_threats.sections.scene import Scene

Play = Callable[[Scene], Awaitable[object]]
HERE = "(the person's network)"
"""In a policy: filled in when the network is known."""


@dataclass(frozen=True)
class Side:
    """What is in force in a run: values of the transfer policy, or in words where there is no setting for it."""

    words: str = ""
    policy: Mapping[str, Any] | None = None
    plain: bool = False
    filtered: bool = False


@dataclass(frozen=True)
class Played:
    """`honest` shows, with the mitigation on, that who means well gets through."""

    slug: str
    name: str
    attack: Play
    honest: Play
    off: Side
    on: Side

    @property
    def aim(self) -> str:
        return " ".join((self.attack.__doc__ or "").split())


REGISTERED: dict[str, Played] = {}
PLAIN = Side("a plain RFC 8628 server: Segue has no setting for it", plain=True)


def settings(**values: Any) -> Side:
    """These values in the transfer policy."""
    return Side(policy=values)


async def near(scene: Scene) -> None:
    """The person pushes the task to their own telephone, beside them."""
    await scene.pushed(scene.victim)


def against(slug: str, *, off: Side, on: Side, honest: Play = near) -> Callable[[Play], Play]:
    """Add an attack that this mitigation is to stop."""

    def add(attack: Play) -> Play:
        REGISTERED[slug] = Played(slug, attack.__name__.replace("_", " "), attack, honest, off, on)
        return attack

    return add
