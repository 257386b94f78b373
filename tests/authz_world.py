"""A small world around the authorization server: a clock one can turn, a person's browser, devices with keys."""

import functools
import json
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2
from made_tables import make_tables
from segue.authority import ACTIONS
from segue.device_key import DeviceKey
from segue.jose import parse
from segue_authz.app import create_app
from segue_authz.client_auth.attestation import Attesters
from segue_authz.domain.account import Account
from segue_authz.domain.client import Client
from segue_authz.domain.identifier import new
from segue_authz.domain.policy import Policies
from segue_authz.domain.proximity import Locator, NoLocator
from segue_authz.domain.task_card import (
    CannotJoin,
    CardsUnavailable,
    Choice,
    Invitation,
    NotInvited,
    TaskCard,
    TaskName,
)
from segue_authz.enrolment import add_client, add_user
from segue_authz.outbound import Outbound
from segue_authz.password import hash_password
from segue_authz.settings import Settings
from segue_authz.stores.accounts import Accounts
from segue_authz.stores.clients import Clients
from segue_authz.stores.grants import Grants
from segue_authz.stores.pushed_requests import PushedRequests
from segue_authz.stores.transfers import Transfers
from segue_authz.stores.withdrawals import Withdrawals
from segue_authz.tokens import signing_keys
from segue_authz.tokens.derivation import Derivation
from segue_authz.tokens.signing_keys import SigningKeys
from segue_authz.upstream.provider import Provider
from segue_storage.database import open_database
from segue_storage.ephemeral import open_ephemeral

ISSUER = "http://localhost:8400"
STORE = "http://localhost:8401"
AGENT = "http://localhost:8402"
DESKTOP, PHONE = "desktop", "phone"
DESKTOP_URI, PHONE_URI = "http://localhost:8403/", "http://localhost:8404/"
SECRET = b"s" * 32
USERNAME, PASSWORD = "person", "correct horse battery"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


class Cards:
    """The task store as authz sees it, in memory: only these tests need it without its server."""

    def __init__(self) -> None:
        self.tasks: dict[tuple[str, str], TaskCard] = {}
        self.away = False
        self.sensitivity = "normal"
        self.invitations: dict[str, Invitation] = {}
        self.answered: list[tuple[str, str]] = []
        self.likely: dict[str, str] = {}
        self.cannot_match = False
        self.heard: list[str] = []
        self.choices: list[Choice] = []

    async def open_tasks(self, subject: str) -> list[TaskCard]:
        self._check()
        return [card for (owner, _), card in self.tasks.items() if owner == subject]

    async def matching(self, subject: str, about: str) -> list[TaskCard]:
        self._check()
        self.heard.append(about)
        if self.cannot_match:
            raise CardsUnavailable("the task store answered 404")
        cards = [replace(card, because=self.likely.get(card.task_id, "")) for card in await self.open_tasks(subject)]
        return sorted(cards, key=lambda card: not card.because)

    async def note_choice(self, subject: str, choice: Choice) -> None:
        self._check()
        self.choices.append(choice)

    async def card(self, subject: str, task_id: str) -> TaskCard | None:
        self._check()
        card = self.tasks.get((subject, task_id))
        return replace(card, sensitivity=self.sensitivity) if card else None

    async def name(self, subject: str, task_id: str) -> TaskName | None:
        card = await self.card(subject, task_id)
        return TaskName(card.name, card.owner) if card else None

    async def create(self, subject: str, task_id: str, *, name: str, name_source: str, client_id: str) -> TaskCard:
        self._check()
        card = TaskCard(task_id, name, "nothing decided yet", subject, "normal", 0, 0, "customer", ACTIONS)
        return self.tasks.setdefault((subject, task_id), card)

    async def invitation(self, subject: str, code: str) -> Invitation:
        self._check()
        invitation = self.invitations.get(code)
        if invitation is None:
            raise NotInvited
        if (subject, invitation.task_id) in self.tasks:
            raise CannotJoin("You take part in this task already.")
        return invitation

    async def accept(self, subject: str, code: str) -> None:
        await self.invitation(subject, code)
        del self.invitations[code]
        self.answered.append((subject, "accept"))

    async def decline(self, subject: str, code: str) -> None:
        if self.invitations.pop(code, None) is None:
            raise NotInvited
        self.answered.append((subject, "decline"))

    def share(self, subject: str, card: TaskCard, *, role: str, actions: frozenset[str]) -> None:
        """Somebody else takes part in the task."""
        self.tasks[subject, card.task_id] = replace(card, role=role, actions=actions)

    def _check(self) -> None:
        if self.away:
            raise CardsUnavailable("switched off")


@dataclass
class World:
    """`now` can be turned. `http()` is a fresh browser or device network stack, optionally from another address."""

    app: Any
    settings: Settings
    database: Any
    ephemeral: Any
    cards: Cards
    subject: str = ""
    now: int = 1_800_000_000
    network: str = "192.0.2.1"
    policies: Policies | None = None
    locator: Locator = field(default_factory=NoLocator)
    outbound: Outbound | None = None
    attesters: Attesters | None = None
    providers: tuple[Provider, ...] = ()
    opened: list[httpx2.AsyncClient] = field(default_factory=list)

    def http(self, network: str | None = None) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.app, client=(network or self.network, 50000))
        self.opened.append(httpx2.AsyncClient(transport=transport, base_url=ISSUER))
        return self.opened[-1]

    def device(self, client_id: str = DESKTOP, *, network: str | None = None) -> "Device":
        return Device(self, client_id, self.http(network))

    def browser(self) -> "Browser":
        return Browser(self, self.http())

    async def desktop(self, **details: Any) -> "Device":
        """A desktop with tokens for a new task."""
        device, browser = self.device(), self.browser()
        await browser.sign_in()
        await device.authorize(browser, **details)
        device.browser = browser
        return device

    async def stranger(self) -> "Browser":
        """Somebody else, signed in."""
        await add_user(
            self.database, username="stranger", password=PASSWORD, name="Stranger", random=secrets.token_bytes
        )
        browser = self.browser()
        await browser.sign_in(username="stranger")
        return browser

    async def desktop_of_stranger(self) -> "Device":
        device, browser = self.device(), await self.stranger()
        await device.authorize(browser)
        return device

    @property
    def transfers(self) -> Transfers:
        return Transfers(self.database)

    @property
    def derivation(self) -> Derivation:
        return Derivation(SECRET)

    @property
    def withdrawals(self) -> Withdrawals:
        return Withdrawals(self.database)

    def restart(self) -> None:
        restart(self)

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.database)

    @property
    def pushed_requests(self) -> PushedRequests:
        return PushedRequests(self.database)

    @property
    def clients(self) -> Clients:
        return Clients(self.database)

    @property
    def grants(self) -> Grants:
        return Grants(self.database)

    async def aclose(self) -> None:
        for http in self.opened:
            await http.aclose()
        await self.ephemeral.aclose()
        await self.database.aclose()


async def open_world(
    folder: Path, *, database_url: str, ephemeral_url: str | None, policies: Policies | None = None
) -> World:
    make_tables(database_url, "segue_authz")
    settings = Settings(
        issuer=ISSUER,
        task_store=STORE,
        database=database_url,
        keys=folder / "keys",
        secret=folder / "secret",
        further_audiences=(AGENT,),
    )
    signing_keys.create(settings.keys, now=1)
    database, cards = open_database(database_url), Cards()
    world = World(None, settings, database, None, cards, policies=policies)
    world.ephemeral = open_ephemeral(ephemeral_url, lambda: world.now)
    restart(world)
    world.subject = new("usr", secrets.token_bytes)
    await Accounts(database).add(Account(world.subject, USERNAME, "Some Person", _hashed(PASSWORD)))
    await add_client(database, Client(DESKTOP, "Desktop", ACTIONS, redirect_uris=(DESKTOP_URI,)))
    await add_client(database, Client(PHONE, "Phone", ACTIONS, consumption_uris=(PHONE_URI,)))
    return world


_hashed = functools.cache(hash_password)
"""Once for all tests: it takes long, as it should."""


def restart(world: World) -> None:
    """A new server process on the same state."""
    world.app = create_app(
        world.settings,
        database=world.database,
        ephemeral=world.ephemeral,
        cards=world.cards,
        keys=SigningKeys(world.settings.keys, clock=lambda: world.now),
        secret=SECRET,
        clock=lambda: world.now,
        random=secrets.token_bytes,
        policies=world.policies,
        locator=world.locator,
        outbound=world.outbound,
        attesters=world.attesters,
        providers=world.providers,
    )


class Browser:
    """A person's browser, which fills the forms that it was shown."""

    def __init__(self, world: World, http: httpx2.AsyncClient) -> None:
        self.world = world
        self.http = http

    async def sign_in(self, password: str = PASSWORD, username: str = USERNAME) -> httpx2.Response:
        page = await self.http.get("/sign-in")
        form = {"username": username, "password": password}
        return await self.http.post("/sign-in", data=hidden(page.text) | form)

    async def submit(self, path: str, page: httpx2.Response, **fields: str) -> httpx2.Response:
        return await self.http.post(path, data=hidden(page.text) | fields)

    async def enter_code(self, user_code: str) -> httpx2.Response:
        return await self.submit("/device", await self.http.get("/device"), user_code=user_code)

    async def approve(self, path: str, **fields: str) -> httpx2.Response:
        return await self.submit(path, await self.http.get(path), **{"decision": "approve", "mode": "move", **fields})

    async def confirm(self, transfer_id: str, check_value: str, decision: str = "approve") -> httpx2.Response:
        page = await self.http.get(f"/confirm/{transfer_id}")
        if page.status_code != 200:
            return page
        fields = {"check_value": check_value, "decision": decision}
        return await self.submit(f"/confirm/{transfer_id}", page, **fields)


class Device:
    """A device with a key. Remembers its tokens and the server's nonce."""

    def __init__(self, world: World, client_id: str, http: httpx2.AsyncClient) -> None:
        self.world = world
        self.client_id = client_id
        self.http = http
        self.key = DeviceKey.generate()
        self.browser: Browser
        self.nonce: str | None = None
        self.tokens: dict[str, Any] = {}

    @property
    def grant_id(self) -> str:
        return str(parse(self.tokens["access_token"]).claims()["grant_id"])

    @property
    def device_id(self) -> str:
        return str(parse(self.tokens["access_token"]).claims()["device_id"])

    async def send(
        self, method: str, path: str, form: dict[str, str] | None = None, *, token: str | None = None
    ) -> httpx2.Response:
        """One request with a proof, and once more if the server wants its nonce."""
        for _ in range(2):
            proof = self.key.proof(
                method, self.world.settings.issuer + path, now=self.world.now, nonce=self.nonce, access_token=token
            )
            headers = {"DPoP": proof} | ({"Authorization": f"DPoP {token}"} if token else {})
            answer = await self.http.request(method, path, data=form, headers=headers)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            wanted = "use_dpop_nonce" in answer.text + answer.headers.get("WWW-Authenticate", "")
            if not wanted:
                break
        return answer

    async def token(self, grant_type: str, **form: str) -> httpx2.Response:
        form = {"grant_type": grant_type, "client_id": self.client_id, **form}
        answer = await self.send("POST", "/token", form)
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer

    async def authorize(self, browser: Browser, **details: Any) -> httpx2.Response:
        """The authorization code flow for a new task; `details` replace members of the authorization details."""
        answer, verifier = await self.ask(browser, **details)
        code = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]
        return await self.token("authorization_code", code=code, redirect_uri=DESKTOP_URI, code_verifier=verifier)

    async def ask(self, browser: Browser, *, task: str = "new", **details: Any) -> tuple[httpx2.Response, str]:
        verifier = secrets.token_urlsafe(32)
        page = await browser.http.get(await self.page(verifier, **details))
        fields = {"task": task, "name": "Acme contract revision", "decision": "approve"}
        return await browser.submit("/authorize", page, **fields), verifier

    def request(self, verifier: str, **details: Any) -> dict[str, str]:
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        detail = {"type": "task", "name": "Acme contract revision", "actions": sorted(ACTIONS)} | details
        return {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": DESKTOP_URI,
            "state": "s1",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "dpop_jkt": self.key.jkt,
            "authorization_details": json.dumps([detail]),
        }

    async def page(self, verifier: str, **details: Any) -> str:
        """Where the browser is sent: a request that says what it is about is pushed."""
        asked = self.request(verifier, **details)
        if "about" in details:
            pushed = (await self.http.post("/par", data=asked)).json()
            asked = {"client_id": self.client_id, "request_uri": pushed["request_uri"]}
        return "/authorize?" + urlencode(asked)

    async def refresh(self, **form: str) -> httpx2.Response:
        return await self.token("refresh_token", **{"refresh_token": self.tokens["refresh_token"], **form})

    async def issuer_token(self) -> str:
        """An access token for the transfer endpoint."""
        answer = await self.refresh(resource=ISSUER)
        return str(answer.json()["access_token"])

    async def offer(self, mode: str = "move", **form: str) -> httpx2.Response:
        return await self.send("POST", "/transfer", {"mode": mode, **form}, token=await self.issuer_token())

    async def claim(self, transfer_code: str, device_name: str = "A phone", **form: str) -> httpx2.Response:
        form = {"client_id": self.client_id, "transfer_code": transfer_code, "device_name": device_name, **form}
        return await self.send("POST", "/transfer/claim", form)

    def task_request(self, **details: Any) -> dict[str, str]:
        detail = {"type": "task", "actions": sorted(ACTIONS)} | details
        return {
            "client_id": self.client_id,
            "device_name": "A phone",
            "authorization_details": json.dumps([detail]),
        }

    async def ask_for_task(self, **details: Any) -> httpx2.Response:
        return await self.send("POST", "/device_authorization", self.task_request(**details))

    async def ask_for_task_as(self, token: str) -> httpx2.Response:
        """Ask, and say by a task token as whom."""
        return await self.send("POST", "/device_authorization", self.task_request(), token=token)

    async def redeem(self, device_code: str) -> httpx2.Response:
        return await self.token(DEVICE_CODE, device_code=device_code)


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page's forms, without the one at its foot, which every page has."""
    found, (body, _, _) = {}, page.partition("<footer")
    for field_text in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", body):
        attributes = dict(re.findall(r"(\w+)=\"([^\"]*)\"", field_text))
        found[attributes["name"]] = unescape(attributes.get("value", ""))
    return found


def handle_of(transfer_uri: str) -> str:
    """The handle in the fragment of the QR code's address."""
    return parse_qs(urlsplit(transfer_uri).fragment)["transfer_code"][0]
