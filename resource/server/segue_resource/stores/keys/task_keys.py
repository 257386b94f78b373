"""The data keys of one task, one per person who wrote in it: to erase a person is to destroy theirs.

Keys are unwrapped for one transaction and not kept: a destroyed key is gone with the next request, in every process.
"""

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from segue_resource.stores import tables
from segue_resource.stores.keys import key_generations
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.key_wrapper import Wrapped
from segue_resource.stores.keys.master_key import MasterKey, data_key, nonce
from segue_resource.stores.keys.sealing import Damaged, Place, seal, unseal

__all__ = ["KEY", "DataKey", "Keeper", "Sealed", "TaskKeys", "of_tasks", "wrapping_place"]

KEY = 32
"""Bytes of a derived key."""

_keys = tables.data_keys
_OF_TASK = sa.select(_keys).where(_keys.c.task_id == sa.bindparam("the_task"))
_HELD = _OF_TASK.with_for_update(read=True)
_OF_TASKS = sa.select(_keys).where(_keys.c.task_id.in_(sa.bindparam("the_tasks", expanding=True)))


@dataclass(frozen=True)
class Sealed:
    """A sealed value, the number of its data key, and how many bytes it had before."""

    key_no: int
    value: bytes
    size: int


@dataclass(frozen=True)
class DataKey:
    """`key` and the `secret` it is made of are None once they have been destroyed, and where it is `damaged`."""

    sub: str
    key: AESGCM | None = None
    secret: bytes | None = field(default=None, repr=False)
    damaged: Damaged | None = None


class TaskKeys:
    """Seals and unseals JSON values of one task within one transaction. Raises `Damaged`."""

    def __init__(
        self,
        connection: sa.Connection,
        task_id: str,
        *,
        keeper: Keeper,
        now: int,
        known: dict[int, DataKey] | None = None,
    ) -> None:
        """`known` are all keys of the task, if the caller has them; otherwise they are read when first needed."""
        self._connection = connection
        self._task_id = task_id
        self._keeper = keeper
        self._now = now
        self._known = known
        self._others: dict[str, TaskKeys] = {}

    def of(self, task_id: str) -> "TaskKeys":
        """The keys of the task that a row belongs to: a fork's past is sealed under those of the tasks that hold it."""
        if task_id == self._task_id:
            return self
        if task_id not in self._others:
            self._others[task_id] = TaskKeys(self._connection, task_id, keeper=self._keeper, now=self._now)
        return self._others[task_id]

    def seal(self, content: Any, *, sub: str, table: str, row: str, beside: Sequence[Any] = ()) -> Sealed:
        """Seal a JSON value for its row, and what is `beside` it there, under the person's key, made if need be."""
        plain = msgspec.json.encode(content)
        key_no, key = self._key_of(sub)
        place = Place(table, self._task_id, row)
        value = seal(key, plain, nonce=nonce(self._keeper.random), place=place, beside=beside)
        return Sealed(key_no, value, len(plain))

    def unseal(self, key_no: int, sealed: bytes, *, table: str, row: str, beside: Sequence[Any] = ()) -> Any:
        """The JSON value of a row, or None if the key it was sealed under has been destroyed, or the value dropped."""
        text = self.unseal_json(key_no, sealed, table=table, row=row, beside=beside)
        return None if text is None else msgspec.json.decode(text)

    def unseal_json(
        self, key_no: int, sealed: bytes, *, table: str, row: str, beside: Sequence[Any] = ()
    ) -> bytes | None:
        """As `unseal`, as the JSON text that was sealed."""
        if not sealed:
            return None
        found, place = self._all().get(key_no), Place(table, self._task_id, row)
        if found is None:
            raise Damaged(f"the data key {key_no} is missing", place=place)
        if found.damaged is not None:
            raise Damaged(f"the data key {key_no} does not open", place=place) from found.damaged
        if found.key is None:
            return None
        return unseal(found.key, sealed, place=place, beside=beside)

    def derive(self, key_no: int, purpose: str) -> bytes | None:
        """A key for one other purpose, from which the data key cannot be found; None once that is destroyed."""
        found = self._all().get(key_no)
        if found is None:
            raise Damaged(f"the data key {key_no} is missing")
        if found.secret is None:
            return None
        return HKDF(hashes.SHA256(), KEY, salt=None, info=b"segue " + purpose.encode()).derive(found.secret)

    def tag(self, purpose: str, value: str) -> str:
        """By which a value of this task is found again and not read: an HMAC-SHA-256, in no other task the same."""
        key = self._keeper.master.derive(purpose)
        return hmac.digest(key, f"{self._task_id}\0{value}".encode(), hashlib.sha256).hex()

    def living(self) -> Mapping[str, int]:
        """The number of each person's data key that has not been destroyed."""
        return {found.sub: key_no for key_no, found in self._all().items() if found.secret is not None}

    def destroyed(self, key_no: int) -> bool:
        """Whether there was such a data key, and it was destroyed: what it had sealed is gone for good, and rightly."""
        found = self._all().get(key_no)
        return found is not None and found.secret is None and found.damaged is None

    def forget(self) -> None:
        """Keys were destroyed in this transaction: read them anew when they are needed."""
        self._known = None

    def learn(self, rows: Iterable[sa.Row[Any]]) -> None:
        """The rows of all its data keys, read in this transaction together with something else."""
        self._known = self._opened(rows)

    def hold(self) -> None:
        """Read them under a lock: none is destroyed before this transaction ends."""
        self._known = self._read(_HELD)

    def damaged(self) -> dict[int, Damaged]:
        """Why keys that were not destroyed cannot be had, by number."""
        return {key_no: found.damaged for key_no, found in self._all().items() if found.damaged is not None}

    def _key_of(self, sub: str) -> tuple[int, AESGCM]:
        for key_no, found in self._all().items():
            if found.sub == sub and found.damaged is not None:
                raise found.damaged  # the person has one, and a second would hide that it must be seen to
            if found.sub == sub and found.key is not None:
                return key_no, found.key
        return self._make(sub)

    def _make(self, sub: str) -> tuple[int, AESGCM]:
        """The caller holds the lock of the task's head, so no other transaction takes the same number."""
        keys, secret = self._all(), data_key(self._keeper.random)
        key_no = max(keys, default=0) + 1
        place = wrapping_place(self._task_id, key_no, sub)
        wrapped = key_generations.wrap(self._connection, secret, place, keeper=self._keeper, now=self._now)
        row = {
            "task_id": self._task_id,
            "key_no": key_no,
            "sub": sub,
            "master_key_id": wrapped.key_id,
            "wrapped": wrapped.value,
            "created_at": self._now,
        }
        self._connection.execute(sa.insert(_keys), row)
        key = AESGCM(secret)
        keys[key_no] = DataKey(sub, key, secret)
        return key_no, key

    def _all(self) -> dict[int, DataKey]:
        if self._known is None:
            self._known = self._read(_OF_TASK)
        return self._known

    def _read(self, statement: sa.Select[Any]) -> dict[int, DataKey]:
        return self._opened(self._connection.execute(statement, {"the_task": self._task_id}))

    def _opened(self, rows: Iterable[sa.Row[Any]]) -> dict[int, DataKey]:
        return {row.key_no: _unwrapped(row, self._keeper.master) for row in rows}


def of_tasks(
    connection: sa.Connection, task_ids: Collection[str], *, keeper: Keeper, now: int
) -> Mapping[str, TaskKeys]:
    """The keys of many tasks, read at once."""
    known: dict[str, dict[int, DataKey]] = {task_id: {} for task_id in task_ids}
    for row in connection.execute(_OF_TASKS, {"the_tasks": list(task_ids)}):
        known[row.task_id][row.key_no] = _unwrapped(row, keeper.master)
    return {
        task_id: TaskKeys(connection, task_id, keeper=keeper, now=now, known=keys) for task_id, keys in known.items()
    }


def _unwrapped(row: sa.Row[Any], master: MasterKey) -> DataKey:
    if row.wrapped is None:
        return DataKey(row.sub)
    place = wrapping_place(row.task_id, row.key_no, row.sub)
    try:
        secret = master.wrapper.unwrap(Wrapped(row.master_key_id, row.wrapped), place=place)
    except Damaged as damaged:  # what other keys of the task have sealed opens all the same
        return DataKey(row.sub, damaged=damaged)
    return DataKey(row.sub, AESGCM(secret), secret)


def wrapping_place(task_id: str, key_no: int, sub: str) -> Place:
    """What a wrapped data key is bound to: the row that holds it."""
    return Place("data_keys", task_id, f"{key_no}/{sub}")
