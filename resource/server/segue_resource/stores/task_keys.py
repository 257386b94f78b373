"""The data keys of one task, one per person who wrote in it: to erase a person is to destroy theirs.

Keys are unwrapped for one transaction and not kept: a destroyed key is gone with the next request, in every process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from segue_resource.stores import tables
from segue_resource.stores.master_key import MasterKey, Random, data_key, nonce
from segue_resource.stores.sealing import Damaged, Place, seal, unseal

_keys = tables.data_keys
_OF_TASKS = sa.select(_keys).where(_keys.c.task_id.in_(sa.bindparam("the_tasks", expanding=True)))


@dataclass(frozen=True)
class Sealed:
    """A sealed value, the number of its data key, and how many bytes it had before."""

    key_no: int
    value: bytes
    size: int


@dataclass(frozen=True)
class DataKey:
    sub: str
    key: AESGCM | None  # None once destroyed


@dataclass(frozen=True)
class Keeper:
    """What keys are made and opened with: the master key and the dice."""

    master: MasterKey
    random: Random


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

    def seal(self, content: Any, *, sub: str, table: str, row: str) -> Sealed:
        """Seal a JSON value for its row under the person's key, which is made if need be."""
        plain = msgspec.json.encode(content)
        key_no, key = self._key_of(sub)
        place = Place(table, self._task_id, row)
        return Sealed(key_no, seal(key, plain, nonce=nonce(self._keeper.random), place=place), len(plain))

    def unseal(self, key_no: int, sealed: bytes, *, table: str, row: str) -> Any:
        """The JSON value of a row, or None if the key it was sealed under has been destroyed."""
        found = self._all().get(key_no)
        if found is None:
            raise Damaged(f"the data key {key_no} is missing")
        if found.key is None:
            return None
        return msgspec.json.decode(unseal(found.key, sealed, place=Place(table, self._task_id, row)))

    def _key_of(self, sub: str) -> tuple[int, AESGCM]:
        for key_no, found in self._all().items():
            if found.sub == sub and found.key is not None:
                return key_no, found.key
        return self._make(sub)

    def _make(self, sub: str) -> tuple[int, AESGCM]:
        """The caller holds the lock of the task's head, so no other transaction takes the same number."""
        keys, secret = self._all(), data_key(self._keeper.random)
        key_no = max(keys, default=0) + 1
        place = _wrapping_place(self._task_id, key_no, sub)
        row = {
            "task_id": self._task_id,
            "key_no": key_no,
            "sub": sub,
            "master_key_id": self._keeper.master.key_id,
            "wrapped": self._keeper.master.wrap(secret, nonce=nonce(self._keeper.random), place=place),
            "created_at": self._now,
        }
        self._connection.execute(sa.insert(_keys), row)
        key = AESGCM(secret)
        keys[key_no] = DataKey(sub, key)
        return key_no, key

    def _all(self) -> dict[int, DataKey]:
        if self._known is None:
            rows = self._connection.execute(_OF_TASKS, {"the_tasks": [self._task_id]})
            self._known = {row.key_no: _unwrapped(row, self._keeper.master) for row in rows}
        return self._known


def of_tasks(connection: sa.Connection, task_ids: Sequence[str], *, keeper: Keeper, now: int) -> Mapping[str, TaskKeys]:
    """The keys of many tasks, read at once."""
    known: dict[str, dict[int, DataKey]] = {task_id: {} for task_id in task_ids}
    for row in connection.execute(_OF_TASKS, {"the_tasks": list(task_ids)}):
        known[row.task_id][row.key_no] = _unwrapped(row, keeper.master)
    return {
        task_id: TaskKeys(connection, task_id, keeper=keeper, now=now, known=keys) for task_id, keys in known.items()
    }


def _unwrapped(row: sa.Row[Any], master: MasterKey) -> DataKey:
    if row.wrapped is None:
        return DataKey(row.sub, None)
    place = _wrapping_place(row.task_id, row.key_no, row.sub)
    return DataKey(row.sub, AESGCM(master.unwrap(row.wrapped, master_key_id=row.master_key_id, place=place)))


def _wrapping_place(task_id: str, key_no: int, sub: str) -> Place:
    return Place("data_keys", task_id, f"{key_no}/{sub}")
