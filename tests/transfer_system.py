"""The authorization server as the stateful test drives it: the real one over HTTP and a real SQLite file.

Transfers are named by the order in which they began, grants by their transfer; the grant that is there from the
beginning is `HOME`. Every step answers in a few words, the same that tests/transfer_model.py uses.
"""

import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import sqlalchemy as sa
from authz_world import (
    DESKTOP,
    DEVICE_CODE,
    ISSUER,
    PHONE,
    SECRET,
    Cards,
    Device,
    World,
    hidden,
    open_world,
    restart,
)
from segue.authority import ACTIONS
from segue_authz.domain.account import PASSWORD_ACR, BrowserSession
from segue_authz.domain.policy import BALANCED, Policies
from segue_authz.settings import Settings
from segue_authz.stores.accounts import Accounts, BrowserSessions
from segue_authz.stores.tables import clients, devices, grants, task_epochs, transfers
from segue_authz.tokens.derivation import Derivation
from segue_storage.ephemeral import open_ephemeral
from transfer_model import GRANT_LIFETIME, HOME, OTHER, OWN, PHONE_ACTIONS, START, STRANGER, Observed, Step

T = TypeVar("T")
POLICIES = Policies(replace(BALANCED, limited_scopes=ACTIONS, detect_and_remediate=0))
"""What was transferred may be transferred again, so that chains come to be, and reports do not stop a client."""

KEYS = ("desk", "phone", "second", "thief")
_DERIVATION = Derivation(SECRET)
_COMPILED: dict[Any, Any] = {}
"""Statements that SQLAlchemy has compiled; an engine of its own for each run would do that again and again."""


class OneConnection:
    """A `Database` of one connection without threads and without waiting for the disk: a test has no power cuts.

    `meanwhile` is done once, before the write after the next `writes`: between what a request reads and its change.
    """

    dialect = "sqlite"

    def __init__(self, file: Path) -> None:
        self._engine = sa.create_engine(f"sqlite:///{file}", isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        self._connection = self._engine.connect().execution_options(compiled_cache=_COMPILED)
        for pragma in ("foreign_keys=ON", "synchronous=OFF", "journal_mode=MEMORY"):
            self._connection.exec_driver_sql(f"PRAGMA {pragma}")
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        self.writes = 0

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        await self._interrupt()
        self._connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            value = work(self._connection)
        except BaseException:
            self._connection.exec_driver_sql("ROLLBACK")
            raise
        self._connection.exec_driver_sql("COMMIT")
        return value

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        return work(self._connection)

    async def aclose(self) -> None:
        self._connection.close()
        self._engine.dispose()

    async def _interrupt(self) -> None:
        if self.meanwhile is None:
            return
        if self.writes > 0:
            self.writes -= 1
            return
        meanwhile, self.meanwhile = self.meanwhile, None
        await meanwhile()


@dataclass(frozen=True)
class Template:
    """A file with two people, two clients and a desktop that holds a task; every run begins with a copy."""

    folder: Path
    settings: Settings
    cards: Cards
    keys: dict[str, Any]
    subject: str
    home: str
    task: str

    @property
    def file(self) -> Path:
        return self.folder / "authz.db"


async def make_template(folder: Path) -> Template:
    world = await open_world(folder, database_url=f"sqlite:///{folder}/authz.db", ephemeral_url=None)
    desktop, stranger = await world.desktop(), await world.stranger()
    await stranger.http.aclose()
    accounts, sessions = Accounts(world.database), BrowserSessions(world.database)
    for browser, username in ((OWN, "person"), (OTHER, "person"), (STRANGER, "stranger")):
        account = await accounts.by_username(username)
        assert account is not None
        session_id = _DERIVATION.digest("browser", browser)
        until = START + 10**9  # signed in for ever, and always of late: how old a sign-in may be is another matter
        await sessions.add(BrowserSession(session_id, account.subject, until, PASSWORD_ACR, until))
    narrow = clients.update().where(clients.c.client_id == PHONE).values(actions=" ".join(sorted(PHONE_ACTIONS)))
    await world.database.write(lambda connection: connection.execute(narrow).rowcount)
    keys = {"desk": desktop.key} | {name: world.device().key for name in KEYS[1:]}
    settings = replace(world.settings, grant_lifetime=GRANT_LIFETIME)
    task = desktop.tokens["authorization_details"][0]["task_id"]
    await world.aclose()
    _put_in_one_file(folder / "authz.db")
    return Template(folder, settings, world.cards, keys, world.subject, desktop.grant_id, task)


def _put_in_one_file(database: Path) -> None:
    """Without a log beside it, which a copy of the file would leave behind."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)


@dataclass
class Begun:
    """What the devices know of a transfer: its identifier, and the code for typing."""

    transfer_id: str
    code: str
    pull: bool


@dataclass
class System:
    template: Template
    folder: Path
    transfers: list[Begun] = field(default_factory=list)

    def __post_init__(self) -> None:
        shutil.copy(self.template.file, self.folder / "authz.db")
        cards = Cards()
        cards.tasks = dict(self.template.cards.tasks)
        self.world = World(None, self.template.settings, None, None, cards, self.template.subject, policies=POLICIES)
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self._app), base_url=ISSUER)
        self.devices = {}
        for name, key in self.template.keys.items():
            self.devices[name] = Device(self.world, DESKTOP if name == "desk" else PHONE, self.http)
            self.devices[name].key = key
        self._open()

    async def do(self, step: Step) -> str:
        name, *arguments = step
        return await getattr(self, name)(*arguments)

    async def do_both(self, first: Step, second: Step, *, writes: int) -> tuple[str, str]:
        """The second happens whole in the middle of the first, before its next write but `writes`; else after it.

        At another process: what one process is asked at once, it may do together.
        """
        answers = []

        async def meanwhile() -> None:
            one = self.world.app
            self.world.restart()
            answers.append(await self.do(second))
            self.world.app = one

        self.world.database.meanwhile, self.world.database.writes = meanwhile, writes
        answer = await self.do(first)
        self.world.database.meanwhile = None
        return answer, answers[0] if answers else await self.do(second)

    async def aclose(self) -> None:
        await self.http.aclose()
        await self._close()

    # The devices.

    async def push(self, grant: int, mode: str) -> str:
        token = await self._issuer_token(grant)
        if token is None:
            return "refused"
        answer = await self.devices[await self._holder(grant)].send("POST", "/transfer", {"mode": mode}, token=token)
        if answer.status_code != 201:
            return "refused"
        self.transfers.append(Begun(answer.json()["transfer_id"], answer.json()["transfer_code"], pull=False))
        return "offered"

    async def pull(self, key: str) -> str:
        device = self.devices[key]
        form = device.task_request(actions=sorted(PHONE_ACTIONS))
        answer = (await device.send("POST", "/device_authorization", form)).json()
        self.transfers.append(Begun(answer["device_code"].partition(".")[0], answer["user_code"], pull=True))
        return "requested"

    async def claim(self, transfer: int, key: str) -> str:
        answer = await self.devices[key].claim(self.transfers[transfer].code)
        return "claimed" if answer.status_code == 200 else str(answer.json()["error"])

    async def redeem(self, transfer: int, key: str) -> str:
        row = await self._row(transfer)
        code = _DERIVATION.device_code(row.transfer_id, row.claim_jkt or self.devices[key].key.jkt)
        return await self._told(await self.devices[key].token(DEVICE_CODE, device_code=code))

    async def refresh(self, grant: int, generation: int, key: str | None) -> str:
        form = {"refresh_token": _DERIVATION.refresh_token((await self._grant_row(grant)).grant_id, generation)}
        return await self._told(await self.devices[key or await self._holder(grant)].token("refresh_token", **form))

    async def cancel(self, transfer: int) -> str:
        begun = self.transfers[transfer]
        if begun.pull:
            return "refused"  # it has no source that could
        source = await self._name((await self._row(transfer)).source_grant_id)
        token = await self._issuer_token(source)
        if token is None:
            return "refused"
        device = self.devices[await self._holder(source)]
        await device.send("POST", f"/transfer/{begun.transfer_id}/cancel", token=token)
        return "seen"

    async def give_up(self, transfer: int, key: str) -> str:
        row, device = await self._row(transfer), self.devices[key]
        code = _DERIVATION.device_code(row.transfer_id, row.claim_jkt or device.key.jkt)
        answer = await device.send("POST", "/revoke", {"client_id": device.client_id, "token": code})
        return "seen" if answer.status_code == 200 else str(answer.json()["error"])

    async def give_back(self, grant: int) -> str:
        form = await self._refresh_form(grant)
        device = self.devices[await self._holder(grant)]
        await self.http.post("/revoke", data={"client_id": device.client_id, "token": form["refresh_token"]})
        return "seen"

    # The person.

    async def enter(self, transfer: int, browser: str) -> str:
        begun = self.transfers[transfer]
        if begun.pull:
            answer = await self._post(browser, "/device", user_code=begun.code)
        else:
            answer = await self._get(browser, f"/confirm/{begun.transfer_id}")
        return _read(answer)

    async def decide(self, transfer: int, browser: str, value: str, choice: str) -> str:
        path = self._page(transfer)
        page = await self._get(browser, path)
        if _read(page) != "opened":
            return _read(page)
        row = await self._row(transfer)
        right = int(_DERIVATION.check_value(row.transfer_id, row.claim_jkt or ""))
        typed = f"{(right + (value == 'wrong')) % 10_000:04d}"
        new = choice == "new"
        fields = {"task": "new" if new else self.template.task, "mode": "share" if new else choice, "name": "Another"}
        form = hidden(page.text) | fields | {"decision": "approve", "check_value": typed}
        await self._post(browser, path, **form)
        return "opened"

    async def decline(self, transfer: int, browser: str) -> str:
        return _read(await self._post(browser, self._page(transfer), decision="deny"))

    async def report(self, transfer: int) -> str:
        transfer_id = self.transfers[transfer].transfer_id
        await self.world.withdrawals.report(self.world.subject, transfer_id, now=self.world.now)
        return "seen"

    async def revoke_device(self, key: str) -> str:
        own = devices.c.subject == self.world.subject, devices.c.jkt == self.devices[key].key.jkt
        rows = await self._rows(sa.select(devices.c.device_id).where(*own))
        for row in rows:
            await self.world.withdrawals.device(self.world.subject, row.device_id, now=self.world.now)
        return "seen"

    async def revoke_everything(self) -> str:
        await self.world.withdrawals.everything(self.world.subject, now=self.world.now)
        return "seen"

    async def disable_account(self) -> str:
        await self.world.accounts.disable(self.world.subject, now=self.world.now)
        return "seen"

    async def enable_account(self) -> str:
        await self.world.accounts.enable(self.world.subject)
        return "seen"

    # The world.

    async def wait(self, seconds: int) -> str:
        self.world.now += seconds
        return "seen"

    async def restart(self) -> str:
        await self._close()
        self._open()
        return "seen"

    async def observed(self) -> Observed:
        """What the tables say."""
        rows = {row.transfer_id: row for row in await self._rows(sa.select(transfers))}
        names = {_DERIVATION.digest("browser", browser): browser for browser in (OWN, OTHER, STRANGER)}
        keys = {device.key.jkt: name for name, device in self.devices.items()}
        ids = [begun.transfer_id for begun in self.transfers]
        tasks = {self.template.task: "home"}
        tasks |= {_new_task(transfer_id): f"of {number}" for number, transfer_id in enumerate(ids)}
        seen = []
        for row in (rows[transfer_id] for transfer_id in ids):
            undecided = row.state in ("Requested", "Claimed")
            opened_by, claimed_by = names.get(row.opened_by), keys.get(row.claim_jkt)
            tries = row.attempts if undecided else 0
            seen.append((row.state.lower(), opened_by, claimed_by, tries, row.contested_at is not None))
        given = []
        for row in await self._rows(sa.select(grants)):
            name = HOME if row.transfer_id is None else ids.index(row.transfer_id)
            actions = frozenset(row.actions.split())
            ended = row.revoked_at is not None
            given.append((name, keys[row.jkt], tasks[row.task_id], row.epoch, row.generation, ended, actions))
        epochs = {tasks[row.task_id]: row.epoch for row in await self._rows(sa.select(task_epochs))}
        return Observed(tuple(seen), tuple(sorted(given, key=lambda each: each[0])), tuple(sorted(epochs.items())))

    async def _told(self, answer: httpx2.Response) -> str:
        """The grant, generation, epoch and actions of the tokens, or the error."""
        content = answer.json()
        if answer.status_code != 200:
            return content["error"] + (" with check value" if "check_value" in content else "")
        grant_id, generation, _ = content["refresh_token"].split(".")
        detail = content["authorization_details"][0]
        name = await self._name(grant_id)
        return f"granted {name}.{generation} epoch {detail['epoch']}: {' '.join(sorted(detail['actions']))}"

    async def _issuer_token(self, grant: int) -> str | None:
        form = await self._refresh_form(grant)
        answer = await self.devices[await self._holder(grant)].token("refresh_token", **form, resource=ISSUER)
        return str(answer.json()["access_token"]) if answer.status_code == 200 else None

    async def _refresh_form(self, grant: int) -> dict[str, str]:
        row = await self._grant_row(grant)
        return {"refresh_token": _DERIVATION.refresh_token(row.grant_id, row.generation)}

    async def _holder(self, grant: int) -> str:
        jkt = (await self._grant_row(grant)).jkt
        return next(name for name, device in self.devices.items() if device.key.jkt == jkt)

    async def _grant_row(self, grant: int) -> Any:
        which = grants.c.grant_id == self.template.home
        if grant != HOME:
            which = grants.c.transfer_id == self.transfers[grant].transfer_id
        return (await self._rows(sa.select(grants).where(which)))[0]

    async def _name(self, grant_id: str) -> int:
        if grant_id == self.template.home:
            return HOME
        row = (await self._rows(sa.select(grants.c.transfer_id).where(grants.c.grant_id == grant_id)))[0]
        return next(number for number, begun in enumerate(self.transfers) if begun.transfer_id == row.transfer_id)

    async def _row(self, transfer: int) -> Any:
        which = transfers.c.transfer_id == self.transfers[transfer].transfer_id
        return (await self._rows(sa.select(transfers).where(which)))[0]

    async def _rows(self, statement: sa.Select[Any]) -> Any:
        return await self.world.database.read(lambda connection: connection.execute(statement).all())

    def _page(self, transfer: int) -> str:
        begun = self.transfers[transfer]
        return f"/{'approve' if begun.pull else 'confirm'}/{begun.transfer_id}"

    async def _get(self, browser: str, path: str) -> httpx2.Response:
        return await self.http.get(path, headers={"Cookie": f"segue={browser}"})

    async def _post(self, browser: str, path: str, **form: str) -> httpx2.Response:
        form = {"csrf": _DERIVATION.csrf(browser)} | form
        return await self.http.post(path, data=form, headers={"Cookie": f"segue={browser}"})

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        await self.world.app(scope, receive, send)

    def _open(self) -> None:
        self.world.database = OneConnection(self.folder / "authz.db")
        self.world.ephemeral = open_ephemeral(None, lambda: self.world.now)
        self.world.ephemeral.allow = _always
        restart(self.world)

    async def _close(self) -> None:
        await self.world.ephemeral.aclose()
        await self.world.database.aclose()


async def _always(*_: object, **__: object) -> bool:
    """No limit of tries per minute: they are tested elsewhere, and here they would hide the rest."""
    return True


def _new_task(transfer_id: str) -> str:
    return "tsk_" + _DERIVATION.digest("new task", transfer_id)[:22]


def _read(answer: httpx2.Response) -> str:
    """How a page answered the person."""
    if answer.status_code == 303:
        return "signed out" if answer.headers["location"].startswith("/sign-in") else "opened"
    if answer.status_code == 404 or "not known here" in answer.text:
        return "unknown"
    return "opened" if answer.status_code == 200 else "elsewhere"
