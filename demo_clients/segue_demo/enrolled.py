"""The demo's account and its clients, enrolled at the authorization server on first use."""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from segue_authz.domain.client import Client
from segue_authz.enrolment import add_client, add_user
from segue_authz.stores.accounts import AccountExists
from segue_authz.stores.clients import ClientExists
from segue_storage.database import Database

from segue_demo.site import CONSOLE_ACTIONS, DESKTOP_ACTIONS, LOOPBACK_URI, PHONE_ACTIONS, Site

USERNAME = "demo"


@dataclass(frozen=True)
class Person:
    """Who signs in at the demo."""

    username: str
    password: str


class OtherSite(Exception):
    """The kept state belongs to a demo at other addresses."""


async def enrol(database: Database, site: Site, *, state: Path) -> Person:
    """Add what is missing. The password is made once and kept in the state folder. Raises `OtherSite`."""
    remember(site, state)
    person = Person(USERNAME, password(state))
    named = {"username": person.username, "password": person.password, "name": "Demo account"}
    with suppress(AccountExists):
        await add_user(database, **named, random=secrets.token_bytes)
    for client in _clients(site):
        with suppress(ClientExists):
            await add_client(database, client)
    return person


def _clients(site: Site) -> list[Client]:
    desktop = Client(
        client_id=site.desktop_client_id,
        name="Segue demo desktop",
        actions=frozenset(DESKTOP_ACTIONS),
        redirect_uris=(site.desktop_redirect_uri,),
    )
    phone = Client(
        client_id=site.phone_client_id,
        name="Segue demo phone",
        actions=PHONE_ACTIONS,
        consumption_uris=(site.phone_consumption_uri,),
    )
    terminal = Client(
        client_id=site.terminal_client_id,
        name="Segue demo terminal",
        actions=frozenset(DESKTOP_ACTIONS),
        redirect_uris=(LOOPBACK_URI,),
    )
    console = Client(
        client_id=site.console_client_id,
        name="Segue demo console",
        actions=frozenset(CONSOLE_ACTIONS),
        redirect_uris=(LOOPBACK_URI,),
    )
    return [desktop, phone, terminal, console]


def remember(site: Site, state: Path) -> None:
    """Issuer and audiences are part of what is stored, so kept state goes with its addresses."""
    file = state / "demo-site"
    if not file.exists():
        file.write_text(f"{site.issuer}\n")
    elif (before := file.read_text().strip()) != site.issuer:
        raise OtherSite(f"{state} belongs to a demo at {before}; use the same --port and --lan, or another --state")


def password(state: Path) -> str:
    """Three words of made-up syllables: typed easily, about 36 bits, and guesses are counted."""
    file = state / "demo-password"
    if not file.exists():
        words = ("".join(secrets.choice("bdfgklmnprstvz") + secrets.choice("aeiou") for _ in range(2)) for _ in "123")
        file.touch(mode=0o600)
        file.write_text("-".join(words))
    return file.read_text()
