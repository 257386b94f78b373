"""An instance of Segue that one attack has for itself: its clock, its connections, its keys and its disk are at hand.

The only module, with `local`, that knows how the servers are put together. Attacks get a `Machine` from their lab.
"""

import asyncio
import contextlib
import io
import json
import secrets
import socket
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import httpx2
import segue_authz.enrolment
import segue_authz.keys_command
import segue_authz.stores.restored
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from segue.clock import Forward
from segue.clock import now as machine_now
from segue.replay import MemoryUnavailable
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain.client import Client as RegisteredClient
from segue_authz.domain.client import Method
from segue_authz.domain.policy import BALANCED, Policies
from segue_authz.domain.sign_in_policy import SignInPolicies, SignInPolicy
from segue_authz.stores.accounts import Accounts
from segue_authz.stores.registrations import RegistrationInvitation, Registrations
from segue_authz.upstream.provider import Admits, Provider
from segue_demo.running import held, listening
from segue_demo.servers import serving
from segue_demo.site import DESKTOP_ACTIONS, PHONE_ACTIONS, Site
from segue_demo.stack import Stack, open_stack
from segue_demo.workings import Workings
from segue_resource.operating.erase import erase_in, written_in
from segue_resource.stores.audit_verification import Checkpoint, verify
from segue_resource.stores.keys import master_key
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.rotation import Rotation
from segue_storage.database import Database, DatabaseUnavailable, Work, open_database
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from segue_storage.ephemeral import Ephemeral
from segue_storage.logs import JsonFormatter, PlainFormatter

from segue_threats.gate import Gate, Gated, at_a_write
from segue_threats.inside import Inside
from segue_threats.logged import listening as listening_to_logs
from segue_threats.target import Client, Configuration, Person, ResourceServer

Part = Literal["task store", "authorization server", "memory", "database"]
"""What can be cut off: the way to one server from the other, the memory of both, the databases of both."""
BACKCHANNEL_CLIENTS = 24
"""One may ask so often in a minute, and a person at intervals."""
DATABASES = ("authz.db", "resource.db")


class Machine:
    """Up between `start` and `stop`. `ahead` are the seconds by which the machine's clock is wrong."""

    def __init__(
        self,
        site: Site,
        folder: Path,
        listeners: Sequence[socket.socket],
        log: Callable[[], str],
        *,
        policies: Policies,
    ) -> None:
        self.folder = folder
        self.ahead = 0
        self.inside = Inside([f"sqlite:///{folder / name}" for name in DATABASES], log)
        self._site = site
        self._listeners = listeners
        self._policies = policies
        self._providers: tuple[Provider, ...] = ()
        self._cut: set[str] = set()
        self._gates: list[Gate] = []
        self._running = AsyncExitStack()
        self._stack: Stack | None = None

    async def start(self) -> None:
        """Serve what the folder holds."""
        workings = Workings(
            clock=Forward(lambda: machine_now() + self.ahead),
            database=lambda database: cast("Database", _Database(database, self._cut)),
            memory=lambda memory: cast("Ephemeral", _Memory(memory, self._cut)),
            wire=lambda name, way: _Wire(name, way, self._cut),
            app=lambda app: Gated(app, self._gates),
            client_documents=("any",),
            providers=self._providers,
        )
        opening = open_stack(self._site, state=self.folder, job_seconds=1, policies=self._policies, workings=workings)
        self._stack = await self._running.enter_async_context(opening)
        again = [listener.dup() for listener in self._listeners]
        await self._running.enter_async_context(serving(self._stack.apps, again))

    async def stop(self) -> None:
        await self._running.aclose()

    async def let_in(self, *issuers: str, client_id: str) -> None:
        """Start again as a server at which whoever has an account at one of the issuers may sign in.

        The names of the providers are `provider-0` and so on.
        """
        await self.stop()
        self._providers = tuple(
            Provider(f"provider-{each}", f"Provider {each}", issuer, client_id, secret="s", admits=Admits.ANYBODY)  # noqa: S106
            for each, issuer in enumerate(issuers)
        )
        await self.start()

    async def people(self, number: int) -> list[Person]:
        """The person of the demo and further ones, enrolled now."""
        if self._stack is None:
            raise RuntimeError("it was never started")
        first = Person(self._stack.person.username, self._stack.person.password)
        more = [Person(f"tester-{each}", secrets.token_urlsafe(12)) for each in range(1, number)]
        database = open_database(self.inside.databases[0])
        try:
            for person in more:
                named = {"username": person.username, "password": person.password, "name": person.username}
                await segue_authz.enrolment.add_user(database, **named, random=secrets.token_bytes)
        finally:
            await database.aclose()
        return [first, *more]

    async def resource_servers(self) -> list[ResourceServer]:
        """The task store, as one that introspects, and another, registered now."""
        named = {"threat-suite-store": self._site.store, "threat-suite-other": "https://other.example"}
        servers = [ResourceServer(client_id, secrets.token_urlsafe(32)) for client_id in named]
        database = open_database(self.inside.databases[0])
        try:
            for server in servers:
                registered = RegisteredClient(
                    server.client_id,
                    server.client_id,
                    frozenset({"task:read"}),
                    method=Method.CLIENT_SECRET_BASIC,
                    secret_digest=digest(server.secret),
                    audience=named[server.client_id],
                )
                await segue_authz.enrolment.add_client(database, registered)
        finally:
            await database.aclose()
        return servers

    async def registration_token(self) -> str:
        """`segue client invite`, for as many clients as attacks register."""
        token, at = secrets.token_urlsafe(32), machine_now()
        invitation = RegistrationInvitation("inv_threats", digest(token), "threat suite", 10_000, at, at + 86_400)
        database = open_database(self.inside.databases[0])
        try:
            await Registrations(database).invite(invitation)
        finally:
            await database.aclose()
        return token

    async def backchannel_clients(self, number: int = BACKCHANNEL_CLIENTS) -> deque[Client]:
        """Servers that may ask people, registered now."""
        return deque(await self._asking([(f"threat-suite-asking-{each}", None) for each in range(number)]))

    async def pinged_client(self, endpoint: str) -> Client | None:
        """One that is told of decisions at the endpoint, registered now; None if it cannot be registered so."""
        try:
            (client,) = await self._asking([(f"threat-suite-told-{secrets.token_hex(4)}", endpoint)])
        except segue_authz.enrolment.NotAcceptable:
            return None
        return client

    async def _asking(self, named: Sequence[tuple[str, str | None]]) -> list[Client]:
        actions, there = frozenset(PHONE_ACTIONS), f"{self._site.desktop}/asking"
        database, clients = open_database(self.inside.databases[0]), []
        try:
            for client_id, endpoint in named:
                client = Client(client_id, _asking_for(sorted(actions)), there, secrets.token_urlsafe(32))
                registered = RegisteredClient(
                    client_id,
                    client_id,
                    actions,
                    redirect_uris=(there,),
                    method=Method.CLIENT_SECRET_BASIC,
                    secret_digest=digest(client.secret),
                    backchannel_token_delivery_mode="ping" if endpoint else "poll",
                    backchannel_client_notification_endpoint=endpoint,
                )
                await segue_authz.enrolment.add_client(database, registered)
                clients.append(client)
        finally:
            await database.aclose()
        return clients

    def configuration(
        self,
        people: Sequence[Person],
        servers: Sequence[ResourceServer] = (),
        asking: deque[Client] | None = None,
        registration_token: str = "",
    ) -> Configuration:
        """How the suite reaches it."""
        site = self._site
        return Configuration(
            issuer=site.issuer,
            task_store=site.store,
            authorization_device=Client(
                site.desktop_client_id, _asking_for(sorted(DESKTOP_ACTIONS)), site.desktop_redirect_uri
            ),
            consumption_device=Client(site.phone_client_id, _asking_for(sorted(PHONE_ACTIONS))),
            people=people,
            resource_servers=servers,
            backchannel_clients=asking or deque(),
            registration_token=registration_token,
            inside=self.inside,
            another=open_machine,
        )

    # What no caller could do

    @contextmanager
    def without(self, part: Part) -> Iterator[None]:
        """An outage."""
        self._cut.add(part)
        try:
            yield
        finally:
            self._cut.discard(part)

    @contextmanager
    def held_at(self, path: str, *, write: int) -> Iterator[Gate]:
        """The next POST to the path stops before that write of its own (from 0) and goes on when the context ends."""
        gate = Gate(path, at=write)
        self._gates.append(gate)
        try:
            yield gate
        finally:
            gate.opened.set()
            self._gates.remove(gate)

    def keep_copy(self) -> Path:
        """A backup of both databases, as of now."""
        copies = self.folder / "backup"
        copies.mkdir(exist_ok=True)
        for name in DATABASES:
            _copy(self.folder / name, copies / name)
        return copies

    def put_back(self, copies: Path) -> None:
        """Make the databases what they were, whoever has them open."""
        for name in DATABASES:
            _copy(copies / name, self.folder / name)

    async def restore(self, copies: Path) -> None:
        """Stop, put the backup in the place of what is there, `segue restored`, and start."""
        await self.stop()
        self.put_back(copies)
        database = open_database(self.inside.databases[0])
        try:
            await segue_authz.stores.restored.void_everything(database, now=machine_now())
        finally:
            await database.aclose()
        await self.start()

    async def disable(self, person: Person, *, disabled: bool = True) -> None:
        """`segue user disable`, or `enable`."""
        database = open_database(self.inside.databases[0])
        try:
            accounts = Accounts(database)
            account = await accounts.by_username(person.username)
            if account is None:
                raise RuntimeError(f"there is no {person.username}")
            if disabled:
                await accounts.disable(account.subject, now=machine_now())
            else:
                await accounts.enable(account.subject)
        finally:
            await database.aclose()

    async def forget(self, person: Person) -> None:
        """`segue user delete`."""
        database = open_database(self.inside.databases[0])
        try:
            accounts = Accounts(database)
            account = await accounts.by_username(person.username)
            if account is None:
                raise RuntimeError(f"there is no {person.username}")
            await accounts.delete(account.subject, now=machine_now())
        finally:
            await database.aclose()

    async def erase(self, sub: str) -> None:
        """`segue tasks erase --sub`, and `segue tasks rekey --destroy-old`, by which older backups forget as well."""
        keeper = Keeper(master_key.load(self.folder / "resource.key", random=secrets.token_bytes), secrets.token_bytes)
        told: dict[str, list[Any]] = {"erased": [], "held": []}
        database = open_database(self.inside.databases[1])
        try:
            await erase_in(database, keeper, await written_in(database, sub=sub, task_id=None), sub=sub, told=told)
            await Rotation(database, keeper=keeper, clock=machine_now).rotate(destroy_old=True)
        finally:
            await database.aclose()

    def data_keys(self, folder: Path) -> tuple[int, int]:
        """How many data keys a copy of the task store has, and how many of them the key file opens today."""
        ring = master_key.load(self.folder / "resource.key").wrapper
        with contextlib.closing(sqlite3.connect(folder / DATABASES[1])) as database:
            rows = database.execute("SELECT master_key_id FROM data_keys WHERE wrapped IS NOT NULL").fetchall()
        return len(rows), sum(row[0] in ring.key_ids for row in rows)

    async def resource_server(self) -> tuple[str, str]:
        """A client that may introspect tokens for the task store: its id and its secret."""
        secret = secrets.token_urlsafe(32)
        client = RegisteredClient(
            client_id=f"introspecting-{secrets.token_hex(4)}",
            name="Threat suite",
            actions=frozenset({"task:read"}),
            method=Method.CLIENT_SECRET_BASIC,
            secret_digest=digest(secret),
            audience=self._site.store,
        )
        database = open_database(self.inside.databases[0])
        try:
            await segue_authz.enrolment.add_client(database, client)
        finally:
            await database.aclose()
        return client.client_id, secret

    async def rotate_keys(self, *, compromised: bool) -> None:
        """`segue keys rotate`, not in the second in which the last key was made: keys are named by that."""
        if int(self._youngest_key().stem) >= machine_now():
            await asyncio.sleep(1.1)
        words = ["rotate", "--keys", str(self.folder / "authz-keys"), *(["--compromised"] if compromised else [])]
        _quietly(lambda: segue_authz.keys_command.main(words))

    def verified_audit(self, checkpoints: Sequence[Checkpoint] = ()) -> tuple[list[str], list[Checkpoint]]:
        """`segue audit verify`: what is wrong, and the checkpoints of this run."""
        master = master_key.load(self.folder / "resource.key")
        with open_engine(parse_database_url(self.inside.databases[1])).connect() as connection:
            connection.exec_driver_sql("BEGIN")
            found = verify(connection, master=master, known=checkpoints)
        return [f"{fault.task_id} {fault.n} {fault.what}" for fault in found.faults], found.checkpoints

    def write_behind(self, statement: str, *values: object) -> None:
        """Change the task store's database as an insider would, past the server."""
        with contextlib.closing(sqlite3.connect(self.folder / DATABASES[1], timeout=10)) as database:
            database.execute(statement, values)
            database.commit()

    def signing_key(self) -> ec.EllipticCurvePrivateKey:
        """The youngest key, as a thief reads it from the disk."""
        file = self._youngest_key()
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{file} holds another kind of key")
        return key

    def _youngest_key(self) -> Path:
        return max((self.folder / "authz-keys").glob("*.pem"), key=lambda each: int(each.stem))

    def private_files(self) -> list[Path]:
        """Files with secrets, which their owner alone may read."""
        keys = sorted((self.folder / "authz-keys").glob("*.pem"))
        return [*keys, self.folder / "authz-secret", self.folder / "resource.key"]


@asynccontextmanager
async def open_machine(
    people: int = 2, *, sign_in: Mapping[str, Any] | None = None, **policy: Any
) -> AsyncIterator[tuple[Configuration, Machine]]:
    """Up and answering for as long as the context lasts; its state is thrown away. Raises `CannotRun`.

    `policy` are values of the transfer policy that differ from `balanced`, `sign_in` those of the sign-in policy.
    """
    policies = Policies(replace(BALANCED, **policy), sign_in=SignInPolicies(SignInPolicy(**(sign_in or {}))))
    with (
        listening("127.0.0.1", [0] * 5) as listeners,
        held(None) as folder,
        listening_to_logs(JsonFormatter(), PlainFormatter()) as logged,
    ):
        site = Site.at("localhost", [listener.getsockname()[1] for listener in listeners])
        machine = Machine(site, folder, listeners, logged.text, policies=policies)
        await machine.start()
        try:
            found = await machine.people(people), await machine.resource_servers(), await machine.backchannel_clients()
            yield machine.configuration(*found, await machine.registration_token()), machine
        finally:
            await machine.stop()


class _Database:
    """A database that may be out of reach, and whose writes may be held."""

    def __init__(self, database: Database, cut: set[str]) -> None:
        self._database = database
        self._cut = cut

    @property
    def dialect(self) -> str:
        return self._database.dialect

    async def write(self, work: Work[Any], *, together: str | None = None) -> Any:
        await at_a_write()
        self._reach()
        return await self._database.write(work, together=together)

    async def read(self, work: Work[Any]) -> Any:
        self._reach()
        return await self._database.read(work)

    async def aclose(self) -> None:
        await self._database.aclose()

    def _reach(self) -> None:
        if "database" in self._cut:
            raise DatabaseUnavailable("the database cannot be reached")


class _Memory:
    """A memory that may be out of reach; who listens or wakes is not told, as with Redis."""

    _QUIET = ("listen", "wake", "aclose")

    def __init__(self, memory: Ephemeral, cut: set[str]) -> None:
        self._memory = memory
        self._cut = cut

    def __getattr__(self, name: str) -> Any:
        if "memory" in self._cut and name not in self._QUIET:
            raise MemoryUnavailable("the memory cannot be reached")
        return getattr(self._memory, name)


class _Wire(httpx2.AsyncBaseTransport):
    """The way from one server to the other, which may be cut."""

    def __init__(self, name: str, way: httpx2.AsyncBaseTransport, cut: set[str]) -> None:
        self._name = name
        self._way = way
        self._cut = cut

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._name in self._cut:
            raise httpx2.ConnectError("cut off", request=request)
        return await self._way.handle_async_request(request)


def _asking_for(actions: list[str]) -> dict[str, str]:
    return {"authorization_details": json.dumps([{"type": "task", "actions": actions}])}


def _copy(source: Path, target: Path) -> None:
    with contextlib.closing(sqlite3.connect(source)) as here, contextlib.closing(sqlite3.connect(target)) as there:
        here.backup(there)


def _quietly(command: Callable[[], int]) -> None:
    """Raises `RuntimeError` with what the command has said if it fails."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        status = command()
    if status:
        raise RuntimeError(said.getvalue().strip())
