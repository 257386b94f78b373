"""What one request changes in a task, and the transaction that does it: once, under the caller's epoch, whole or not.

Requests that only log can be done together. Each refuses before it logs, so one that is refused has left nothing, and
the others share what a transaction costs: the lock, the keys, one statement that looks for answers, one each that
writes events and answers, one commit.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from segue_resource.domain.actor import Caller
from segue_resource.domain.refusal import Refused, StaleEpoch
from segue_resource.stores.idempotency import Answer, Attempt, Kept
from segue_resource.stores.keys.task_keys import Keeper, TaskKeys
from segue_resource.stores.unit import Happened, Writing, knowing, open_writing


@dataclass(frozen=True)
class Change:
    """`work` should log `expected` events. `stale_too`: also once the task has moved on."""

    caller: Caller
    work: Callable[[Writing], Answer]
    attempt: Attempt | None = None
    expected: int = 1
    stale_too: bool = False


@dataclass(frozen=True)
class Answered:
    """The answer of a write, whether it is that of an earlier sending, and the task's last sequence number."""

    answer: Answer
    replayed: bool
    head: int


@dataclass(frozen=True)
class Done:
    """How a change is answered once it is committed, what has happened then, and whether anything was logged."""

    answered: Answered
    happened: Happened = field(default_factory=Counter)
    logged: bool = False


class AnsweredBefore(Exception):
    """Undo everything and give that answer."""

    def __init__(self, answer: Answer, *, head: int) -> None:
        super().__init__("answered before")
        self.answered = Answered(answer, replayed=True, head=head)


class NothingLogged(Exception):
    """None of the changes that were to be done together has changed anything: undo what they took."""


def do(connection: sa.Connection, change: Change, *, keeper: Keeper, now: int) -> Done:
    """Raises `AnsweredBefore`, what `open_writing` raises, and what the work raises: then all of it is to be undone."""
    writing = _open(connection, change, keeper=keeper, now=now)
    kept = _kept(connection, [change], keys=writing.keys)
    done = _do(writing, change, kept)
    writing.settle(kept.pending)
    return done


def do_together(
    connection: sa.Connection, changes: Sequence[Change], *, keeper: Keeper, now: int
) -> list[Done | Exception]:
    """Changes that only log, of one person to one task, in their order; a refusal stands for the one it refuses.

    Raises as `do`, and `NothingLogged`.
    """
    first, expected = changes[0], sum(change.expected for change in changes)
    writing = open_writing(
        connection, first.caller, keeper=keeper, now=now, expected=expected, stale_too=first.stale_too
    )
    kept = _kept(connection, changes, keys=writing.keys)
    outcomes = [_outcome(writing.of(change.caller), change, kept) for change in changes]
    if writing.head == writing.before:
        raise NothingLogged
    writing.settle(kept.pending)
    return outcomes


def _outcome(writing: Writing, change: Change, kept: Kept) -> Done | Exception:
    try:
        return _do(writing, change, kept)
    except AnsweredBefore as repeated:
        return Done(repeated.answered)
    except Refused as refusal:
        return refusal


def _do(writing: Writing, change: Change, kept: Kept) -> Done:
    with knowing(writing):
        _refuse_repeat(change, kept, head=writing.before)
        answer = change.work(writing)
    if change.attempt:
        kept.keep(writing, change.attempt, answer)
    answered = Answered(answer, replayed=False, head=writing.head)
    return Done(answered, writing.happened, writing.head > writing.before)


def _open(connection: sa.Connection, change: Change, *, keeper: Keeper, now: int) -> Writing:
    caller = change.caller
    try:
        return open_writing(
            connection, caller, keeper=keeper, now=now, expected=change.expected, stale_too=change.stale_too
        )
    except StaleEpoch as stale:  # what was done before the task moved is answered all the same
        keys = TaskKeys(connection, caller.task_id, keeper=keeper, now=now)
        _refuse_repeat(change, _kept(connection, [change], keys=keys), head=stale.head or 0)
        raise


def _kept(connection: sa.Connection, changes: Sequence[Change], *, keys: TaskKeys) -> Kept:
    asked = [(change.caller, change.attempt) for change in changes if change.attempt]
    return Kept(connection, asked, keys=keys)


def _refuse_repeat(change: Change, kept: Kept, *, head: int) -> None:
    if change.attempt and (answer := kept.first(change.caller, change.attempt)):
        raise AnsweredBefore(answer, head=head)
