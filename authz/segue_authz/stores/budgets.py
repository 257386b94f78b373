"""How often something may happen in a while, counted where all processes count and where a restart forgets nothing."""

import sqlalchemy as sa
from segue_storage.database import Database
from sqlalchemy.dialects import postgresql, sqlite

from segue_authz.stores.tables import budgets

LONGEST_WINDOW = 86_400
_AT_ONCE = 1_000


def spend(connection: sa.Connection, key: str, *, most: int, window: int, now: int) -> bool:
    """Use one of `most` in `window` seconds from the first on; whether there was one left.

    One statement decides. Who waits for it, spent or not, is alone with `key` until their transaction ends.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    lapsed = budgets.c.began_at <= now - window
    statement = dialect.insert(budgets).values(key=key, began_at=now, used=1)
    spent = statement.on_conflict_do_update(
        index_elements=[budgets.c.key],
        set_={
            "began_at": sa.case((lapsed, now), else_=budgets.c.began_at),
            "used": sa.case((lapsed, 1), else_=budgets.c.used + 1),
        },
        where=sa.or_(lapsed, budgets.c.used < most),
    )
    return connection.execute(spent, execution_options={"preserve_rowcount": True}).rowcount == 1


async def forget_lapsed(database: Database, *, now: int) -> int:
    """Drop counts that say nothing any more, but for those that somebody is at; how many there were."""
    lapsed = sa.select(budgets.c.key).where(budgets.c.began_at <= now - 2 * LONGEST_WINDOW).limit(_AT_ONCE)
    dropped = budgets.delete().where(budgets.c.key.in_(lapsed.with_for_update(skip_locked=True)))
    return await database.write(lambda connection: connection.execute(dropped).rowcount)
