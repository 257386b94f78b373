"""What concurrent callers asked of a store, when, and what they were told; and how that is written down.

A caller writes down each call before it makes it and the result once it has it. A process that is killed in between
leaves a call without a result: it may have happened or not, and if so at any time after it began.
"""

import itertools
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from segue_authz.domain.grant import Reused, Withdrawn


@dataclass(frozen=True)
class Operation:
    """A call and, unless it is unknown, its result. Times in nanoseconds of a clock that all processes share."""

    call: object
    invoked_at: int
    returned_at: int | None = None
    result: object = None


@dataclass(frozen=True)
class Invoked:
    caller: int
    number: int
    call: object
    at: int


@dataclass(frozen=True)
class Returned:
    caller: int
    number: int
    result: object
    at: int


@dataclass(frozen=True)
class Failed:
    """The store raised what its contract does not name: whether the call happened is unknown."""

    caller: int
    number: int
    error: str


Note = Invoked | Returned | Failed


class Recorder:
    """Writes down what one caller does; `send` must not lose a note when the process is killed after it."""

    def __init__(self, caller: int, send: Callable[[Note], None]) -> None:
        self._caller = caller
        self._send = send
        self._numbers = itertools.count()

    async def record(self, call: object, doing: Coroutine[Any, Any, object]) -> object:
        """Make the call and return its result: `Withdrawn` and `Reused` by their names, None after a failure."""
        number = next(self._numbers)
        self._send(Invoked(self._caller, number, call, time.monotonic_ns()))
        try:
            result = await doing
        except (Withdrawn, Reused) as refused:
            result = type(refused).__name__
        except Exception as error:
            self._send(Failed(self._caller, number, repr(error)))
            return None
        self._send(Returned(self._caller, number, result, time.monotonic_ns()))
        return result


def history(notes: Iterable[Note]) -> list[Operation]:
    """The operations that the notes tell of, by the time they began."""
    invoked: dict[tuple[int, int], Invoked] = {}
    returned: dict[tuple[int, int], Returned] = {}
    for note in notes:
        if isinstance(note, Invoked):
            invoked[note.caller, note.number] = note
        elif isinstance(note, Returned):
            returned[note.caller, note.number] = note
    operations = [_operation(began, returned.get(key)) for key, began in invoked.items()]
    return sorted(operations, key=lambda operation: operation.invoked_at)


def _operation(began: Invoked, ended: Returned | None) -> Operation:
    if ended is None:
        return Operation(began.call, began.at)
    return Operation(began.call, began.at, ended.at, ended.result)
