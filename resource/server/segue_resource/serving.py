"""From settings to a running server: what is made or insisted on before the first request, and what is opened."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import sqlalchemy as sa
from segue.clock import now
from segue.fetch import fetch_url
from segue_storage.database import open_database
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from segue_storage.ephemeral import open_ephemeral
from segue_storage.migrations import Schema, require_current, upgrade
from segue_storage.observing import open_telemetry
from segue_storage.schema_watch import stopped_when_ahead
from starlette.applications import Starlette
from starlette.types import ASGIApp

from segue_resource.app import create_app
from segue_resource.endpoints.beside import Beside
from segue_resource.key_files import load_master_key, load_nonce_secret
from segue_resource.observed import CATALOGUE
from segue_resource.settings import Settings
from segue_resource.stores import tables
from segue_resource.stores.files.blob_place import open_blobs
from segue_resource.stores.keys.master_key import BadKeyFile, MasterKey
from segue_resource.text_hook import open_http, paragraph_over_http, summary_over_http

PACKAGE = "segue_resource"


def prepare(settings: Settings) -> None:
    """On embedded state make tables and keys, elsewhere insist on them; then check that they belong together.

    Raises `BadSetting`, `SchemaBehind`, `SchemaAhead`, `BadKeyFile` and what the database raises.
    """
    if settings.embedded:
        upgrade(settings.database, PACKAGE)
    else:
        require_current(settings.database, PACKAGE)
    load_nonce_secret(settings, random=secrets.token_bytes)
    _require_same_key(settings, load_master_key(settings, random=secrets.token_bytes))


def open_app(settings: Settings, *, beside: Callable[[ASGIApp], Beside] | None = None) -> Starlette:
    """The server with everything it opens, which it closes when it stops. `beside` as in `create_app`."""
    database, ephemeral = open_database(settings.database), open_ephemeral(settings.redis)
    http = open_http()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            async with stopped_when_ahead(database, Schema(PACKAGE)):
                yield
        finally:
            await http.aclose()
            await ephemeral.aclose()
            await database.aclose()

    return create_app(
        settings,
        telemetry=open_telemetry(settings.observing, CATALOGUE),
        database=database,
        ephemeral=ephemeral,
        blobs=open_blobs(settings.blob_place, endpoint=settings.s3_endpoint, key=settings.s3_key),
        fetch=fetch_url,
        clock=now,
        random=secrets.token_bytes,
        summary_writer=summary_over_http(settings.summary_url, http) if settings.summary_url else None,
        paragraph_writer=paragraph_over_http(settings.paragraph_url, http) if settings.paragraph_url else None,
        beside=beside,
        lifespan=lifespan,
    )


def _require_same_key(settings: Settings, master: MasterKey) -> None:
    """With another master key the server would only fail, and seal new tasks so that the old key cannot open them."""
    wrapped_by = sa.select(tables.data_keys.c.master_key_id).where(tables.data_keys.c.wrapped.is_not(None)).distinct()
    known = set(master.wrapper.key_ids)
    with open_engine(parse_database_url(settings.database)).connect() as connection:
        others = (key_id for key_id in connection.execute(wrapped_by).scalars() if key_id not in known)
        found = next(others, None)
    if found is not None:
        raise BadKeyFile(
            f"SEGUE_RESOURCE_KEY_FILE is {settings.key_file}, which holds the master key {', '.join(sorted(known))};"
            f" the database was sealed with {found}: restore that file"
        )
