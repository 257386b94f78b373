"""A Segue of its own to attack: both servers on this machine, as the demo runs them, with a few test people."""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import segue_authz.enrolment
from segue_demo.running import Running, running
from segue_demo.site import DESKTOP_ACTIONS, PHONE_ACTIONS
from segue_storage.database import open_database

from segue_threats.target import Client, Configuration, Person

PEOPLE = 8
"""One person may enter ten codes in ten minutes."""


@asynccontextmanager
async def local_instance() -> AsyncIterator[Configuration]:
    """Up and answering for as long as the context lasts; its state is thrown away. Raises `CannotRun`."""
    async with running(lan=None, base=0, state=None, job_seconds=1) as demo:
        site, actions = demo.site, sorted(DESKTOP_ACTIONS)
        people = [Person(demo.person.username, demo.person.password), *await _more_people(demo)]
        yield Configuration(
            issuer=site.issuer,
            task_store=site.store,
            authorization_device=Client(site.desktop_client_id, _asking_for(actions), site.desktop_redirect_uri),
            consumption_device=Client(site.phone_client_id, _asking_for(sorted(PHONE_ACTIONS))),
            people=people,
        )


def _asking_for(actions: list[str]) -> dict[str, str]:
    return {"authorization_details": json.dumps([{"type": "task", "actions": actions}])}


async def _more_people(demo: Running) -> list[Person]:
    database = open_database(f"sqlite:///{demo.state / 'authz.db'}")
    people = [Person(f"tester-{number}", secrets.token_urlsafe(12)) for number in range(1, PEOPLE)]
    try:
        for person in people:
            named = {"username": person.username, "password": person.password, "name": person.username}
            await segue_authz.enrolment.add_user(database, **named, random=secrets.token_bytes)
    finally:
        await database.aclose()
    return people
