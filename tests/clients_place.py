"""Two servers as an operator runs them, with the clients that the READMEs tell to register, and people at browsers."""

import re
import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import segue_demo
from deployment import SEGUE, Deployment
from journey import Journey
from segue_client.grant import Grant
from segue_demo.browser import Browser
from segue_demo.enrolled import Person
from segue_demo.site import CONSOLE_ACTIONS, DESKTOP_ACTIONS
from server_process import free_port
from terminal_program import Program

TERMINAL, CONSOLE = "our-terminal", "our-console"


class Place(Deployment):
    """`redirect_uri` is where the terminal and the console hear the answer to a sign-in."""

    def register(self) -> None:
        self.redirect_uri = f"http://127.0.0.1:{free_port()}/"
        for client_id, actions in ((TERMINAL, DESKTOP_ACTIONS), (CONSOLE, CONSOLE_ACTIONS)):
            there = ["--redirect-uri", self.redirect_uri, "--actions", " ".join(sorted(actions))]
            self._segue("client", "add", client_id, "--name", client_id, *there)

    def enrol(self, username: str) -> Person:
        """Another person."""
        person = Person(username, secrets.token_urlsafe(12))
        self._segue("user", "add", username, typed=person.password)
        return person

    @property
    def servers(self) -> list[str]:
        """How a client is told where everything is."""
        return ["--authz", self.site.issuer, "--resource", self.site.store, "--agent", self.site.agent]

    def _segue(self, *words: str, typed: str = "") -> None:
        command = [str(SEGUE), *words]
        subprocess.run(command, env=self.environment(), input=typed, text=True, check=True, capture_output=True)


def copy_client(name: str, folder: Path) -> None:
    """Copy what the client's README tells to copy, and nothing else, into a package `ours`."""
    package = Path(segue_demo.__path__[0])
    section = (package / name / "README.md").read_text("utf-8").split("## Copy\n")[1].split("\n## ")[0]
    for file in re.findall(r"`(\w+\.py)`", section):
        told = Path(name, file) if (package / name / file).exists() else Path(file)
        copy = folder / "ours" / told
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text((package / told).read_text("utf-8").replace("segue_demo", "ours"), "utf-8")


@contextmanager
def running_place(folder: Path) -> Iterator[Place]:
    """Prepared and running; killed at the end."""
    place = Place(folder, database=None, redis=None)
    place.prepare()
    place.register()
    try:
        place.start()
        yield place
    finally:
        place.kill()


@asynccontextmanager
async def at_browser(person: Person) -> AsyncIterator[Browser]:
    """This person's browser."""
    async with httpx2.AsyncClient(timeout=20) as pages:
        yield Browser(pages, username=person.username, password=person.password)


async def sign_in(client: Program, browser: Browser, place: Place, *, task: str, name: str = "") -> None:
    """Follow the address that the client prints, choose the task, and take the answer back to the client."""
    url = await client.until(f"{place.site.issuer}/authorize?")
    answer = await browser.authorize(url.strip(), redirect_uri=place.redirect_uri, task=task, name=name)
    async with httpx2.AsyncClient(trust_env=False) as back:
        stranger = await back.get(f"{place.redirect_uri}?{urlencode({'code': 'x', 'state': 'x'})}")
        assert stranger.status_code == 404
        told = await back.get(f"{place.redirect_uri}?{urlencode(answer)}")
    assert "close this window" in told.text


async def join(journey: Journey, grant: Grant, browser: Browser, role: str) -> None:
    """Invite somebody to the task, and let them accept."""
    path = f"/tasks/{grant.task_id}/invitations"
    made = (await journey.at_store(grant, "POST", path, json={"role": role})).json()
    assert (await browser.answer_invitation(made["invitation_uri"])).status_code == 200
