"""The living data keys in a file of their own, so that a database can be backed up for long and a person still erased.

A backup of the database holds data keys wrapped by the master key of its time. Once that is destroyed they open no
more, neither those of who was erased nor the others. This file holds the living ones as the present master key wraps
them; each replaces the one before, so that what was erased is in none. Lines of JSON: a head, a line for each key that
lives or was destroyed, and an end with an HMAC over all before it, under a key derived from the root of the key file.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from segue.jose import b64url_decode, b64url_encode

from segue_resource.stores import tables
from segue_resource.stores.keys import key_generations
from segue_resource.stores.keys.keeper import Keeper

FORM = 1
BATCH = 1000

_keys = tables.data_keys
_ALL = sa.select(_keys).order_by(_keys.c.task_id, _keys.c.key_no)
_this = sa.and_(_keys.c.task_id == sa.bindparam("the_task"), _keys.c.key_no == sa.bindparam("the_no"))
_REPLACE = (
    sa.update(_keys)
    .where(_this, _keys.c.wrapped.is_not(None))
    .values(wrapped=sa.bindparam("the_wrapped"), master_key_id=sa.bindparam("the_key"))
)
_DESTROY = (
    sa.update(_keys)
    .where(_this, _keys.c.wrapped.is_not(None))
    .values(wrapped=None, destroyed_at=sa.bindparam("the_time"))
)
_LOST = sa.update(_keys).where(
    _keys.c.wrapped.is_not(None), _keys.c.master_key_id.in_(sa.bindparam("the_keys", expanding=True))
)


class BadKeyBackup(Exception):
    """The file is no whole backup of keys of this deployment."""


@dataclass(frozen=True)
class Restored:
    """How many data keys were put back, and how many that had been destroyed are destroyed again."""

    living: int
    destroyed: int


def lines(connection: sa.Connection, *, keeper: Keeper, now: int) -> Iterator[str]:
    """The backup, line by line, as of one moment."""
    mac, count = _mac(keeper), 0
    head = {"segue_key_backup": FORM, "made_at": now, "destroyed_master_keys": key_generations.gone(connection)}
    for content in _contents(connection, head):
        mac.update(content + b"\n")
        count += 1
        yield content.decode()
    yield msgspec.json.encode({"end": count, "mac": b64url_encode(mac.digest())}).decode()


def restore(connection: sa.Connection, content: Iterable[str], *, keeper: Keeper, now: int) -> Restored:
    """Put the keys of the backup in the place of the older ones of this database, in one transaction.

    What had been destroyed by then is destroyed here too. Raises `BadKeyBackup`, and then nothing may be committed.
    """
    entries = _verified(content, keeper)
    head = next(entries)
    if head.get("segue_key_backup") != FORM:
        raise BadKeyBackup("it is not a backup of keys")
    living = destroyed = 0
    for entry in entries:
        this = {"the_task": entry["task_id"], "the_no": entry["key_no"]}
        if "wrapped" in entry:
            _require_known(entry["master_key_id"], keeper)
            changed = {"the_wrapped": b64url_decode(entry["wrapped"]), "the_key": entry["master_key_id"]}
            living += connection.execute(_REPLACE, this | changed).rowcount
        else:
            destroyed += connection.execute(_DESTROY, this | {"the_time": entry["destroyed_at"]}).rowcount
    lost = _LOST.values(wrapped=None, destroyed_at=now)
    destroyed += connection.execute(lost, {"the_keys": head["destroyed_master_keys"]}).rowcount
    _carry_over(connection, head["destroyed_master_keys"], now=now)
    return Restored(living, destroyed)


def _contents(connection: sa.Connection, head: dict[str, Any]) -> Iterator[bytes]:
    yield msgspec.json.encode(head)
    for row in connection.execute(_ALL, execution_options={"yield_per": BATCH}):
        entry = {"task_id": row.task_id, "key_no": row.key_no}
        if row.wrapped is None:
            yield msgspec.json.encode(entry | {"destroyed_at": row.destroyed_at})
        else:
            yield msgspec.json.encode(
                entry | {"master_key_id": row.master_key_id, "wrapped": b64url_encode(row.wrapped)}
            )


def _verified(content: Iterable[str], keeper: Keeper) -> Iterator[dict[str, Any]]:
    """Every line but the end. What is wrong may be known at the end alone, so nothing is committed before."""
    mac, count, before = _mac(keeper), 0, None
    for line in content:
        if before is not None:
            mac.update(before.encode() + b"\n")
            count += 1
            yield _decoded(before)
        before = line.rstrip("\n")
    end = _decoded(before or "")
    if end.get("end") != count or not hmac.compare_digest(str(end.get("mac")), b64url_encode(mac.digest())):
        raise BadKeyBackup("it is not whole, or another deployment's")


def _decoded(line: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError as wrong:
        raise BadKeyBackup("a line of it is not JSON") from wrong


def _require_known(key_id: str, keeper: Keeper) -> None:
    if key_id not in keeper.master.wrapper.key_ids:
        raise BadKeyBackup(f"its keys are wrapped by the master key {key_id}, which the key file does not hold")


def _carry_over(connection: sa.Connection, key_ids: list[str], *, now: int) -> None:
    """Generations that were destroyed since the database was backed up stay so."""
    for key_id in key_ids:
        key_generations.note(connection, key_id, now=now)
    key_generations.destroyed(connection, key_ids, now=now)
    key_generations.retire(connection, key_ids, now=now)


def _mac(keeper: Keeper) -> "hmac.HMAC":
    return hmac.new(keeper.master.derive("key backup"), digestmod=hashlib.sha256)
