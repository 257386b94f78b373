"""Which generations of the master key may still wrap: settled in the database, where a rotation retires the older ones.

A server that has not heard of the rotation would wrap a new data key under a generation that is about to be destroyed.
So whoever makes a data key holds the row of its generation until the end of the transaction, and who retires that
generation waits for them: what was wrapped before is seen by the rotation, and afterwards nothing is.
"""

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from segue_resource.stores import tables
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.key_wrapper import KeysUnavailable, Wrapped
from segue_resource.stores.keys.master_key import nonce
from segue_resource.stores.keys.sealing import Place

_generations = tables.key_generations
_its = _generations.c.key_id == sa.bindparam("the_key")
_HOLD = sa.select(_generations.c.retired_at).where(_its).with_for_update(read=True)
_RETIRE = (
    sa.update(_generations)
    .where(_generations.c.key_id != sa.bindparam("the_key"), _generations.c.retired_at.is_(None))
    .values(retired_at=sa.bindparam("the_time"))
)
_DESTROYED = (
    sa.update(_generations)
    .where(_generations.c.key_id.in_(sa.bindparam("the_keys", expanding=True)))
    .values(destroyed_at=sa.bindparam("the_time"))
)
_GONE = sa.select(_generations.c.key_id).where(_generations.c.destroyed_at.is_not(None)).order_by(_generations.c.key_id)


def wrap(connection: sa.Connection, secret: bytes, place: Place, *, keeper: Keeper, now: int) -> Wrapped:
    """Wrap a new data key under a generation that is not retired. Raises `KeysUnavailable`."""
    for _ in range(2):
        wrapped = keeper.master.wrapper.wrap(secret, nonce=nonce(keeper.random), place=place)
        if _held(connection, wrapped.key_id, now=now):
            return wrapped
        keeper.master.wrapper.refresh()
    raise KeysUnavailable(f"the master key {wrapped.key_id} is retired, and this server knows no newer one")


def note(connection: sa.Connection, key_id: str, *, now: int) -> None:
    """Enter the generation, unless it is there."""
    if connection.execute(sa.select(_generations.c.key_id).where(_its), {"the_key": key_id}).one_or_none() is None:
        try:
            with connection.begin_nested():
                connection.execute(sa.insert(_generations), {"key_id": key_id, "noted_at": now})
        except IntegrityError:
            return  # another process has


def retire_others(connection: sa.Connection, key_id: str, *, now: int) -> None:
    """From the end of this transaction on no data key is wrapped under another generation than this one."""
    note(connection, key_id, now=now)
    connection.execute(_RETIRE, {"the_key": key_id, "the_time": now})


def retire(connection: sa.Connection, key_ids: list[str], *, now: int) -> None:
    """They wrap no more."""
    these = _generations.c.key_id.in_(key_ids)
    connection.execute(sa.update(_generations).where(these, _generations.c.retired_at.is_(None)).values(retired_at=now))


def destroyed(connection: sa.Connection, key_ids: list[str], *, now: int) -> None:
    """Note that they are gone for ever."""
    connection.execute(_DESTROYED, {"the_keys": key_ids, "the_time": now})


def gone(connection: sa.Connection) -> list[str]:
    """The generations that were destroyed."""
    return list(connection.execute(_GONE).scalars())


def _held(connection: sa.Connection, key_id: str, *, now: int) -> bool:
    """Hold the row of the generation, which is there already but for the first data key; False if it is retired."""
    asked = {"the_key": key_id}
    held = connection.execute(_HOLD, asked).one_or_none()
    if held is None:
        note(connection, key_id, now=now)
        held = connection.execute(_HOLD, asked).one()
    return held.retired_at is None
