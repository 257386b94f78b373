"""Everything of the demo in one process: two servers over SQLite and memory, the agent backend, the two pages."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2
import segue_authz.app
import segue_authz.serving
import segue_authz.settings
import segue_resource.app
import segue_resource.serving
import segue_resource.settings
from segue.clock import Clock
from segue.fetch import Fetch, FetchFailed
from segue_authz.domain.policy import Policies
from segue_authz.task_cards import TaskCardsOverHttp
from segue_authz.tokens.signing_keys import SigningKeys
from segue_authz.upstream.provider import Provider
from segue_resource.stores.files.blob_place import open_blobs
from segue_storage.database import Database, open_database
from segue_storage.ephemeral import Ephemeral, open_ephemeral
from starlette.types import ASGIApp

from segue_demo import agent_backend, desktop, enrolled, phone
from segue_demo.enrolled import Person
from segue_demo.site import Site
from segue_demo.workings import Workings


@dataclass(frozen=True)
class Stack:
    """`apps` in the order of the site's ports; `ledger` is where the agent backend writes what it executes."""

    apps: tuple[ASGIApp, ...]
    person: Person
    ledger: Path


@asynccontextmanager
async def open_stack(
    site: Site, *, state: Path, job_seconds: int, policies: Policies, workings: Workings | None = None
) -> AsyncIterator[Stack]:
    """Open what the folder holds, or make it. Raises `OtherSite`.

    The servers talk to each other over the same HTTP interface as in two processes, without a socket in between.
    """
    workings = workings or Workings()
    authz_settings, resource_settings = (
        replace(_authz_settings(site, state), client_documents=workings.client_documents),
        _resource_settings(site, state),
    )
    await asyncio.to_thread(segue_authz.serving.prepare, authz_settings)
    await asyncio.to_thread(segue_resource.serving.prepare, resource_settings)
    ledger = state / "jobs.jsonl"
    async with AsyncExitStack() as closing:
        database, ephemeral = _opened(authz_settings.database, closing, workings)
        person = await enrolled.enrol(database, site, state=state)
        to_authz, to_store = _Late(), _Late()
        authz = _authz(
            authz_settings,
            database,
            ephemeral,
            policies=policies,
            http=_client(workings.wire("task store", to_store), closing),
            clock=workings.clock,
            providers=workings.providers,
        )
        fetch = _fetch(_client(workings.wire("authorization server", to_authz), closing))
        opened = _opened(resource_settings.database, closing, workings)
        store = _store(resource_settings, *opened, fetch=fetch, clock=workings.clock)
        agent = agent_backend.create_app(
            issuer=site.issuer,
            audience=site.agent,
            ledger=ledger,
            job_seconds=job_seconds,
            fetch=fetch,
            clock=workings.clock,
        )
        to_authz.app, to_store.app = authz, store
        authz, store = workings.app(authz), workings.app(store)
        yield Stack((authz, store, agent, desktop.create_app(site), phone.create_app(site)), person, ledger)


def _authz_settings(site: Site, state: Path) -> segue_authz.settings.Settings:
    return segue_authz.settings.Settings(
        issuer=site.issuer,
        task_store=site.store,
        database=f"sqlite:///{state / 'authz.db'}",
        keys=state / "authz-keys",
        secret=state / "authz-secret",
        further_audiences=(site.agent,),
    )


def _resource_settings(site: Site, state: Path) -> segue_resource.settings.Settings:
    return segue_resource.settings.Settings(
        url=site.store,
        issuer=site.issuer,
        database=f"sqlite:///{state / 'resource.db'}",
        key_file=state / "resource.key",
    )


def _authz(
    settings: segue_authz.settings.Settings,
    database: Database,
    ephemeral: Ephemeral,
    *,
    policies: Policies,
    http: httpx2.AsyncClient,
    clock: Clock,
    providers: tuple[Provider, ...],
) -> ASGIApp:
    keys, random = SigningKeys(settings.keys, clock=clock), secrets.token_bytes
    cards = TaskCardsOverHttp(
        http, issuer=settings.issuer, audience=settings.task_store, keys=keys, clock=clock, random=random
    )
    return segue_authz.app.create_app(
        settings,
        database=database,
        ephemeral=ephemeral,
        cards=cards,
        keys=keys,
        secret=segue_authz.serving.read_secret(settings.secret),
        policies=policies,
        clock=clock,
        random=random,
        providers=providers,
    )


def _store(
    settings: segue_resource.settings.Settings,
    database: Database,
    ephemeral: Ephemeral,
    *,
    fetch: Fetch,
    clock: Clock,
) -> ASGIApp:
    return segue_resource.app.create_app(
        settings,
        database=database,
        ephemeral=ephemeral,
        blobs=open_blobs(settings.blob_place),
        fetch=fetch,
        clock=clock,
        random=secrets.token_bytes,
    )


def _opened(database_url: str, closing: AsyncExitStack, workings: Workings) -> tuple[Database, Ephemeral]:
    database, ephemeral = open_database(database_url), open_ephemeral(None, workings.clock)
    closing.push_async_callback(database.aclose)
    closing.push_async_callback(ephemeral.aclose)
    return workings.database(database), workings.memory(ephemeral)


class _Late(httpx2.AsyncBaseTransport):
    """Requests to an app that is put together after its client: each server asks the other."""

    app: ASGIApp

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await httpx2.ASGITransport(app=self.app).handle_async_request(request)


def _client(transport: httpx2.AsyncBaseTransport, closing: AsyncExitStack) -> httpx2.AsyncClient:
    http = httpx2.AsyncClient(transport=transport)
    closing.push_async_callback(http.aclose)
    return http


def _fetch(http: httpx2.AsyncClient) -> Fetch:
    async def fetch(url: str) -> bytes:
        answer = await http.get(url)
        if answer.status_code != 200:
            raise FetchFailed(f"the answer has status {answer.status_code}")
        return answer.content

    return fetch
