"""What every subcommand of `segue tasks` begins with: the settings of this process, and the database they name."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from segue_storage.migrations import SchemaAhead, SchemaBehind, require_current
from segue_storage.setting import BadSetting
from sqlalchemy.exc import SQLAlchemyError

from segue_resource.serving import PACKAGE
from segue_resource.settings import Settings, from_process
from segue_resource.stores.keys import master_key
from segue_resource.stores.keys.master_key import BadKeyFile, MasterKey

FAULTS = (BadSetting, BadKeyFile, SchemaBehind, SchemaAhead, SQLAlchemyError, OSError)
"""What may be wrong before anything is done; a subcommand prints it and ends with 2."""


@dataclass(frozen=True)
class Opened:
    settings: Settings
    engine: sa.Engine
    master: MasterKey


@contextmanager
def opened() -> Iterator[Opened]:
    """Raises one of `FAULTS`. The tables are of this release, or it is `SchemaBehind` or `SchemaAhead`."""
    settings = from_process()
    require_current(settings.database, PACKAGE)
    master = master_key.load(settings.key_file, random=secrets.token_bytes)
    engine = open_engine(parse_database_url(settings.database))
    try:
        yield Opened(settings, engine, master)
    finally:
        engine.dispose()
