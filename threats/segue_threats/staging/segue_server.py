"""Both servers of Segue on this machine, under a transfer policy and a clock that is turned by hand.

With `machine`, the module that knows how the servers are put together.
"""

import json
import secrets
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.authority import ACTIONS
from segue_authz import policy_file
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain.client import Client as Registration
from segue_authz.domain.client import Method
from segue_authz.domain.policy import MITIGATIONS, PRESETS
from segue_authz.enrolment import add_client, add_user
from segue_demo.running import held, listening
from segue_demo.servers import serving
from segue_demo.site import DESKTOP_ACTIONS, PHONE_ACTIONS, Site
from segue_demo.stack import open_stack
from segue_demo.workings import Workings
from segue_storage.database import open_database

from segue_threats.staging.clock import TurnedClock
from segue_threats.target import Client, Configuration, Person

POLICIES = ("off", "balanced", "strict")
"""The presets that the lab looks at."""


@dataclass(frozen=True)
class Serving:
    """`clients` are further ones, by the name they were asked for under; each has both roles."""

    configuration: Configuration
    clients: Mapping[str, Client]
    consumption_uris: Mapping[str, str]


@asynccontextmanager
async def segue_under(
    policy: Mapping[str, Any], *, clock: TurnedClock, people: int, clients: Sequence[str] = ()
) -> AsyncIterator[Serving]:
    """Up and answering for as long as the context lasts. `policy` is the table `transfer_policy` of the policy file.

    Raises `CannotRun`, and `BadSetting` for a policy that there cannot be.
    """
    policies = policy_file.from_table(policy)
    with listening("127.0.0.1", [0] * 5) as listeners, held(None) as folder:
        site = Site.at("localhost", [listener.getsockname()[1] for listener in listeners])
        workings = Workings(clock=clock)
        async with (
            open_stack(site, state=folder, job_seconds=1, policies=policies, workings=workings) as stack,
            serving(stack.apps, listeners),
        ):
            first = Person(stack.person.username, stack.person.password)
            enrolled = [first, *await _enrolled(folder, people - 1, site, clients)]
            desktop = Client(site.desktop_client_id, _asking_for(DESKTOP_ACTIONS), site.desktop_redirect_uri)
            configuration = Configuration(
                issuer=site.issuer,
                task_store=site.store,
                authorization_device=desktop,
                consumption_device=Client(site.phone_client_id, _asking_for(PHONE_ACTIONS)),
                people=enrolled,
                backchannel_clients=deque([await _asking(folder, site)]),
            )
            further = {
                name: Client(name, _asking_for(DESKTOP_ACTIONS), _page_of(site, name, "back")) for name in clients
            }
            yield Serving(configuration, further, {name: _page_of(site, name, "take") for name in clients})


async def _enrolled(folder: Path, people: int, site: Site, clients: Sequence[str]) -> list[Person]:
    database = open_database(f"sqlite:///{folder / 'authz.db'}")
    added = [Person(f"person-{number}", secrets.token_urlsafe(12)) for number in range(1, people + 1)]
    try:
        for person in added:
            named = {"username": person.username, "password": person.password, "name": person.username}
            await add_user(database, **named, random=secrets.token_bytes)
        for name in clients:
            back, take = _page_of(site, name, "back"), _page_of(site, name, "take")
            await add_client(
                database,
                Registration(name, name, frozenset(DESKTOP_ACTIONS), redirect_uris=(back,), consumption_uris=(take,)),
            )
    finally:
        await database.aclose()
    return added


async def _asking(folder: Path, site: Site) -> Client:
    """A server that may ask people by the backchannel."""
    name, back = "a-server", _page_of(site, "a-server", "back")
    client = Client(name, _asking_for(PHONE_ACTIONS), back, secrets.token_urlsafe(32))
    database = open_database(f"sqlite:///{folder / 'authz.db'}")
    try:
        await add_client(
            database,
            Registration(
                name,
                name,
                PHONE_ACTIONS,
                redirect_uris=(back,),
                method=Method.CLIENT_SECRET_BASIC,
                secret_digest=digest(client.secret),
                backchannel_token_delivery_mode="poll",  # noqa: S106
            ),
        )
    finally:
        await database.aclose()
    return client


def _page_of(site: Site, client: str, page: str) -> str:
    return f"{site.phone}/{client}/{page}"


def _asking_for(actions: frozenset[str]) -> dict[str, str]:
    return {"authorization_details": json.dumps([{"type": "task", "actions": sorted(actions)}])}


def preset_values() -> dict[str, dict[str, str]]:
    """The value of each mitigation under each of these presets."""
    return {
        mitigation.slug: {
            name: _words(getattr(PRESETS[name], mitigation.setting)) if mitigation.setting else "always"
            for name in POLICIES
        }
        for mitigation in MITIGATIONS
    }


def meanings() -> dict[str, str]:
    """What each mitigation does here, as `segue policy show` says it."""
    return {mitigation.slug: mitigation.does for mitigation in MITIGATIONS}


def _words(value: object) -> str:
    if isinstance(value, frozenset):
        left_out = ", ".join(sorted(ACTIONS - value))
        return f"all but {left_out}" if left_out else "all actions"
    return (", ".join(value) or "any") if isinstance(value, tuple) else str(value)
