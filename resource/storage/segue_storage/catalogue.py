"""What a server has numbers for beside its requests and its database: the names, and what each of them means."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .seen import Seen


@dataclass(frozen=True)
class Counted:
    """A counter of what is told as `what` to the tally. `name` is without `_total`.

    `words` are those of its `label` that are there from the start, at 0: whoever watches for the first one needs that.
    """

    what: str
    name: str
    about: str
    label: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Read:
    """A number that is read when it is asked for, or looked up now and then."""

    name: str
    about: str


def _nothing(_: Seen) -> Iterable[tuple[str, str]]:
    return ()


@dataclass(frozen=True)
class Catalogue:
    """`service` is what traces call the server. `of_answer` says what an answer is counted as, for the tally."""

    service: str
    counted: tuple[Counted, ...]
    read: tuple[Read, ...]
    of_answer: Callable[[Seen], Iterable[tuple[str, str]]] = _nothing
