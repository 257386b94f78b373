"""Answers kept for `Idempotency-Key`, recorded in the transaction that earned them: a lost answer is no lost write.

A key belongs to one device at one task. The answer may hold what people wrote, so it is sealed like everything else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from segue_resource.domain.actor import Caller
from segue_resource.domain.refusal import KeyReused
from segue_resource.stores import rows, tables
from segue_resource.stores.keys.task_keys import TaskKeys
from segue_resource.stores.unit import Writing

_keys = tables.idempotency_keys
_data_keys = tables.data_keys
_answers = (
    _keys.c.device_id,
    _keys.c.idempotency_key,
    _keys.c.key_no.label("answer_key_no"),
    _keys.c.sealed.label("answer_sealed"),
)
_FIND_SOME = sa.select(*_answers).where(
    _keys.c.task_id == sa.bindparam("the_task"),
    sa.tuple_(_keys.c.device_id, _keys.c.idempotency_key).in_(sa.bindparam("the_keys", expanding=True)),
)
_FIND_WITH_KEYS = (
    sa.select(_data_keys, *_answers)
    .outerjoin(
        _keys,
        sa.and_(
            _keys.c.task_id == _data_keys.c.task_id,
            _keys.c.device_id == sa.bindparam("the_device"),
            _keys.c.idempotency_key == sa.bindparam("the_key"),
        ),
    )
    .where(_data_keys.c.task_id == sa.bindparam("the_task"))
)
_primary = (_keys.c.task_id, _keys.c.device_id, _keys.c.idempotency_key)
_oldest = (
    sa.select(*_primary)
    .where(_keys.c.recorded_at < sa.bindparam("kept_since"))
    .order_by(_keys.c.recorded_at)
    .limit(sa.bindparam("most"))
)
_DROP = sa.delete(_keys).where(sa.tuple_(*_primary).in_(_oldest))

KEPT = 7 * 24 * 3600
"""Seconds that an answer is kept: whoever repeats a request later has long looked at what became of it."""
BATCH = 1000
"""Answers dropped in one transaction, so that no lock is held for long."""


@dataclass(frozen=True)
class Answer:
    """What a mutation is answered with: an HTTP status, headers, and the JSON text of the body."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Attempt:
    """One sending of a request: the key the client gave it, and a digest of everything that makes it this request."""

    key: str
    digest: str


@dataclass(frozen=True)
class _Recorded:
    digest: str
    answer: Answer


class Kept:
    """The answers kept for some requests of one task, and those that its transaction adds."""

    def __init__(self, connection: sa.Connection, asked: Sequence[tuple[Caller, Attempt]], *, keys: TaskKeys) -> None:
        """Looks for the answers to all of `asked` at once. The lock of the task's head is held, or nothing is added."""
        self._keys = keys
        self._rows = {_row(row.device_id, row.idempotency_key): row for row in _found(connection, asked, keys)}
        self._answers: dict[str, _Recorded] = {}
        self._new: list[dict[str, Any]] = []

    def first(self, caller: Caller, attempt: Attempt) -> Answer | None:
        """The first answer, if this request was answered before. Raises `KeyReused` if another was, under this key."""
        name = _row(caller.device_id, attempt.key)
        if name in self._rows:
            self._open(name)
        recorded = self._answers.get(name)
        if recorded is None:
            return None
        if recorded.digest != attempt.digest:
            raise KeyReused
        return recorded.answer

    def keep(self, writing: Writing, attempt: Attempt, answer: Answer) -> None:
        """The lock of the task's head has decided which of two equal requests is the first."""
        caller, name = writing.caller, _row(writing.caller.device_id, attempt.key)
        self._answers[name] = recorded = _Recorded(attempt.digest, answer)
        sealed = self._keys.seal(recorded, sub=caller.sub, table=_keys.name, row=name)
        row = {
            "task_id": caller.task_id,
            "device_id": caller.device_id,
            "idempotency_key": attempt.key,
            "recorded_at": writing.now,
            "key_no": sealed.key_no,
            "sealed": sealed.value,
        }
        self._new.append(row)

    @property
    def pending(self) -> tuple[sa.Table, rows.Rows]:
        """The new answers, which are to be put into the table."""
        return _keys, self._new

    def _open(self, name: str) -> None:
        row = self._rows.pop(name)
        opened = self._keys.unseal(row.answer_key_no, row.answer_sealed, table=_keys.name, row=name)
        if opened is None:
            raise KeyReused  # the answer was erased, and the request is not to be done again
        self._answers[name] = msgspec.convert(opened, _Recorded)


def drop_old(connection: sa.Connection, *, now: int) -> int:
    """Forget the oldest answers that need not be kept, at most `BATCH` of them; how many."""
    return connection.execute(_DROP, {"kept_since": now - KEPT, "most": BATCH}).rowcount


def _found(connection: sa.Connection, asked: Sequence[tuple[Caller, Attempt]], keys: TaskKeys) -> Iterable[sa.Row[Any]]:
    """Of one, as mostly, in the statement that reads the data keys, which are needed next: each task has some."""
    if not asked:
        return ()
    task_id = asked[0][0].task_id
    if len(asked) > 1:
        some = [(caller.device_id, attempt.key) for caller, attempt in asked]
        return connection.execute(_FIND_SOME, {"the_task": task_id, "the_keys": some})
    ((caller, attempt),) = asked
    one = {"the_task": task_id, "the_device": caller.device_id, "the_key": attempt.key}
    rows = connection.execute(_FIND_WITH_KEYS, one).all()
    keys.learn(rows)
    return [row for row in rows[:1] if row.idempotency_key is not None]


def _row(device_id: str, key: str) -> str:
    return f"{device_id}/{key}"
