"""Whether a history could have come from a store that does one thing after the other.

After Wing and Gong (1993), with the memory of configurations that Lowe (2017) added: try to put the operations in an
order that keeps those apart that did not overlap and in which a sequential model answers each as the store did. An
operation without a result may be put anywhere after it began, or left out.

An operation that may come next, that the model answers as the store did, and that changes nothing can be put next
without trying anything else: in any order of the rest it could be moved to the front. So only changes branch.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from segue_authz.store_contract.history import Operation

S = TypeVar("S", bound=Hashable)
Step = Callable[[S, object], tuple[object, S]]
"""The sequential model: what a call answers in a state, and the state after it."""


@dataclass(frozen=True)
class Stuck(Generic[S]):
    """How far the best attempt came: the state it ended in, and the operations that could not come next."""

    placed: int
    state: S
    rest: tuple[Operation, ...]

    def __str__(self) -> str:
        told = "; ".join(f"{each.call} was told {each.result}" for each in self.rest[:5])
        return f"after {self.placed} operations in some order the store is {self.state}, and then {told}."


def stuck(operations: Sequence[Operation], *, initial: S, step: Step[S]) -> Stuck[S] | None:
    """None if the history is linearizable; else where the attempt that came furthest ended."""
    return _Search(sorted(operations, key=lambda each: each.invoked_at), step).run(initial)


class _Search(Generic[S]):
    """A configuration is the set of operations placed, as the bits of a number, and the state they led to."""

    def __init__(self, operations: Sequence[Operation], step: Step[S]) -> None:
        self._operations = operations
        self._step = step
        self._required = sum(1 << index for index, each in enumerate(operations) if each.returned_at is not None)

    def run(self, initial: S) -> Stuck[S] | None:
        furthest, best = -1, (0, initial)
        seen: set[tuple[int, S]] = set()
        waiting = [(0, initial)]
        while waiting:
            placed, state = waiting.pop()
            configuration = self._absorb(placed, state), state
            if configuration in seen:
                continue
            seen.add(configuration)
            if configuration[0] & self._required == self._required:
                return None
            if configuration[0].bit_count() > furthest:
                furthest, best = configuration[0].bit_count(), configuration
            waiting.extend(self._changes(*configuration))
        return Stuck(furthest, best[1], tuple(each for _, each in self._next(best[0]) if each.returned_at is not None))

    def _next(self, placed: int) -> Iterator[tuple[int, Operation]]:
        """Those that may come next: they began before any that is not placed yet had ended."""
        open_ones = [(index, each) for index, each in enumerate(self._operations) if not placed >> index & 1]
        horizon = min((each.returned_at for _, each in open_ones if each.returned_at is not None), default=0)
        for index, each in open_ones:
            if each.invoked_at > horizon:
                return
            yield index, each

    def _absorb(self, placed: int, state: S) -> int:
        """Place all that change nothing."""
        while True:
            before = placed
            for index, each in self._next(placed):
                if each.returned_at is not None and self._step(state, each.call) == (each.result, state):
                    placed |= 1 << index
            if placed == before:
                return placed

    def _changes(self, placed: int, state: S) -> Iterator[tuple[int, S]]:
        """The configurations one change further; those of which the result is known are tried first."""
        found = list(self._next(placed))
        for index, each in sorted(found, key=lambda item: item[1].returned_at is not None):
            result, after = self._step(state, each.call)
            if after != state and (each.returned_at is None or result == each.result):
                yield placed | 1 << index, after
