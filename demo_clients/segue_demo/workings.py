"""What the demo's servers run on. Whoever tests them puts something of their own in between."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx2
from segue.clock import Clock, now
from segue_authz.upstream.provider import Provider
from segue_storage.database import Database
from segue_storage.ephemeral import Ephemeral
from starlette.types import ASGIApp


def _database(database: Database) -> Database:
    return database


def _memory(memory: Ephemeral) -> Ephemeral:
    return memory


def _wire(_: str, transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncBaseTransport:
    return transport


def _app(app: ASGIApp) -> ASGIApp:
    return app


@dataclass(frozen=True)
class Workings:
    """As they are, unless others are given. `wire` is the way to the server that it is told the name of.

    `client_documents` are the hosts whose client ID metadata documents the authorization server reads, `providers`
    those at which people may sign in.
    """

    clock: Clock = now
    database: Callable[[Database], Database] = _database
    memory: Callable[[Ephemeral], Ephemeral] = _memory
    wire: Callable[[str, httpx2.AsyncBaseTransport], httpx2.AsyncBaseTransport] = _wire
    app: Callable[[ASGIApp], ASGIApp] = _app
    client_documents: tuple[str, ...] = ()
    providers: tuple[Provider, ...] = ()
