"""How long the oldest of what is to be told has not arrived."""

import sqlalchemy as sa
from segue_storage.database import Database

from segue_authz.stores.tables import notices, push_messages, signals

_SIGNAL = sa.select(sa.func.min(signals.c.happened_at)).where(signals.c.due_at.is_not(None))
_NOTICE = sa.select(sa.func.min(notices.c.due_at))
_MESSAGE = sa.select(sa.func.min(push_messages.c.due_at))


async def undelivered(database: Database, *, now: int) -> tuple[int, int]:
    """Seconds since the oldest signal happened, and since the oldest notice was due; 0 where nothing waits."""

    def work(connection: sa.Connection) -> tuple[int, int]:
        signal, notice, message = (connection.execute(each).scalar() for each in (_SIGNAL, _NOTICE, _MESSAGE))
        due = [at for at in (notice, message) if at is not None]
        return max(0, now - (now if signal is None else signal)), max(0, now - min(due, default=now))

    return await database.read(work)
