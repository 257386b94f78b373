"""Whether requests may be sent to this process: what a proxy asks of both servers before it does."""

import logging

from sqlalchemy.exc import DBAPIError

from .database import Database, DatabaseUnavailable
from .ephemeral import Ephemeral, MemoryUnavailable
from .going_away import GoingAway
from .migrations import Schema, SchemaAhead, SchemaBehind

_log = logging.getLogger(__name__)


class Readiness:
    """Asks each time, for nothing is true of a database for long."""

    def __init__(self, database: Database, ephemeral: Ephemeral, schema: Schema, going_away: GoingAway) -> None:
        self._database = database
        self._ephemeral = ephemeral
        self._schema = schema
        self._going_away = going_away

    async def missing(self) -> list[str]:
        """`stopping` alone once that was asked for; otherwise `database`, `schema` and `ephemeral` where they fail."""
        if self._going_away.said:
            return ["stopping"]
        missing = []
        try:
            await self._database.read(self._schema.require)
        except (DatabaseUnavailable, DBAPIError) as failure:
            _log.warning("not ready: the database: %s", failure)
            missing.append("database")
        except (SchemaAhead, SchemaBehind) as failure:
            _log.error("not ready: %s", failure)
            missing.append("schema")
        try:
            await self._ephemeral.incarnation()
        except MemoryUnavailable as failure:
            _log.warning("not ready: the ephemeral store: %s", failure)
            missing.append("ephemeral")
        return missing
