"""Answers kept for `Idempotency-Key`, recorded in the transaction that earned them: a lost answer is no lost write.

A key belongs to one device at one task. The answer may hold what people wrote, so it is sealed like everything else.
"""

from dataclasses import asdict, dataclass

import msgspec
import sqlalchemy as sa

from segue_resource.domain.actor import Caller
from segue_resource.domain.refusal import KeyReused
from segue_resource.stores import tables
from segue_resource.stores.keys.task_keys import TaskKeys
from segue_resource.stores.unit import Writing

_keys = tables.idempotency_keys
_FIND = sa.select(_keys.c.key_no, _keys.c.sealed).where(
    _keys.c.task_id == sa.bindparam("the_task"),
    _keys.c.device_id == sa.bindparam("the_device"),
    _keys.c.idempotency_key == sa.bindparam("the_key"),
)
_RECORD = sa.insert(_keys)
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


def find(connection: sa.Connection, caller: Caller, attempt: Attempt, *, keys: TaskKeys) -> Answer | None:
    """The first answer, if this request was answered before. Raises `KeyReused` if another one was, under this key."""
    asked = {"the_task": caller.task_id, "the_device": caller.device_id, "the_key": attempt.key}
    row = connection.execute(_FIND, asked).one_or_none()
    if row is None:
        return None
    opened = keys.unseal(row.key_no, row.sealed, table=_keys.name, row=_row(caller, attempt))
    if opened is None:
        raise KeyReused  # the answer was erased, and the request is not to be done again
    recorded = msgspec.convert(opened, _Recorded)
    if recorded.digest != attempt.digest:
        raise KeyReused
    return recorded.answer


def record(writing: Writing, attempt: Attempt, answer: Answer) -> None:
    """Keep the answer. The lock of the task's head has already decided which of two equal requests is the first."""
    content = asdict(_Recorded(attempt.digest, answer))
    sealed = writing.keys.seal(content, sub=writing.caller.sub, table=_keys.name, row=_row(writing.caller, attempt))
    row = {
        "task_id": writing.caller.task_id,
        "device_id": writing.caller.device_id,
        "idempotency_key": attempt.key,
        "recorded_at": writing.now,
        "key_no": sealed.key_no,
        "sealed": sealed.value,
    }
    writing.connection.execute(_RECORD, row)


def drop_old(connection: sa.Connection, *, now: int) -> int:
    """Forget the oldest answers that need not be kept, at most `BATCH` of them; how many."""
    return connection.execute(_DROP, {"kept_since": now - KEPT, "most": BATCH}).rowcount


def _row(caller: Caller, attempt: Attempt) -> str:
    return f"{caller.device_id}/{attempt.key}"
