"""From settings to a running server: keys, database, memory, and the task store's address."""

import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from segue.clock import now
from segue_storage.database import open_database
from segue_storage.ephemeral import open_ephemeral
from segue_storage.migrations import Schema, require_current, upgrade
from segue_storage.observing import open_telemetry
from segue_storage.schema_watch import stopped_when_ahead
from segue_storage.setting import BadSetting
from starlette.applications import Starlette

from segue_authz import policy_file
from segue_authz.app import create_app
from segue_authz.client_auth.attestation import read_attesters
from segue_authz.observed import CATALOGUE, carrying
from segue_authz.settings import Settings
from segue_authz.task_cards import TaskCardsOverHttp
from segue_authz.tokens import signing_keys
from segue_authz.tokens.signing_keys import SigningKeys
from segue_authz.upstream import provider_file

PACKAGE = "segue_authz"


def prepare(settings: Settings) -> None:
    """Before the first request: on one machine make keys and tables, elsewhere insist that they are there.

    Raises `SchemaBehind`, `NoSigningKey` and `BadSetting`.
    """
    if settings.embedded:
        signing_keys.create(settings.keys, now=now())
        _create_secret(settings.secret)
    prepare_tables(settings)
    policy_file.read(settings.policy)
    read_attesters(settings.attesters)
    provider_file.read(settings.upstream)
    signing_keys.read(settings.keys)
    read_secret(settings.secret)


def prepare_tables(settings: Settings) -> None:
    """On one machine make or upgrade them, elsewhere insist that they are current. Raises `SchemaBehind`."""
    if settings.embedded:
        upgrade(settings.database, PACKAGE)
    else:
        require_current(settings.database, PACKAGE)


def read_secret(file: Path) -> bytes:
    """The server's secret, at least 32 bytes. Raises `BadSetting`."""
    try:
        secret = file.read_bytes()
    except OSError as unreadable:
        raise BadSetting(f"SEGUE_AUTHZ_SECRET_FILE is {file}, which cannot be read") from unreadable
    if len(secret) < 32:
        raise BadSetting(f"SEGUE_AUTHZ_SECRET_FILE is {file}, which has fewer than 32 bytes")
    return secret


def open_app(settings: Settings) -> Starlette:
    """The server with everything it opens, which it closes when it stops."""
    keys = SigningKeys(settings.keys)
    database, ephemeral = open_database(settings.database), open_ephemeral(settings.redis)
    trusted = ssl.create_default_context()  # what this machine trusts, or `SSL_CERT_FILE`; no proxy of the environment
    http = httpx2.AsyncClient(timeout=httpx2.Timeout(5.0), trust_env=False, verify=trusted)
    telemetry = open_telemetry(settings.observing, CATALOGUE)
    if telemetry is not None:
        http.event_hooks = {"request": [carrying(telemetry)]}
    cards = TaskCardsOverHttp(
        http, issuer=settings.issuer, audience=settings.task_store, keys=keys, clock=now, random=secrets.token_bytes
    )

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
        database=database,
        ephemeral=ephemeral,
        cards=cards,
        keys=keys,
        secret=read_secret(settings.secret),
        clock=now,
        random=secrets.token_bytes,
        policies=policy_file.read(settings.policy),
        attesters=read_attesters(settings.attesters),
        providers=provider_file.read(settings.upstream),
        telemetry=telemetry,
        lifespan=lifespan,
    )


def _create_secret(file: Path) -> None:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        file.write_bytes(secrets.token_bytes(32))
