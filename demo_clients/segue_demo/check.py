"""`segue demo --check`: both directions of the transfer over HTTP, as the devices, a stranger and a person do them."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext

import httpx2
from segue_client.device import Refused

from segue_demo.browser import Browser
from segue_demo.enrolled import Person
from segue_demo.expectation import CheckFailed, Steps
from segue_demo.pull_rehearsal import PullRehearsal
from segue_demo.push_rehearsal import PushRehearsal
from segue_demo.site import Site


@dataclass(frozen=True)
class Step:
    """What was done, how long it took, and what was wrong (empty if nothing was)."""

    name: str
    seconds: float
    problem: str = ""


async def rehearse(
    site: Site, person: Person, *, ledger: Path, tell: Callable[[Step], None], trust: SSLContext | bool = True
) -> bool:
    """Do all steps and tell of each; whether all went as they must. Stops at the first that did not."""
    async with _client(trust=trust) as http, _client(trust=trust) as pages:
        browser = Browser(pages, username=person.username, password=person.password)
        for name, step in _steps(site, ledger=ledger, http=http, browser=browser):
            begin = time.monotonic()
            problem = await _problem_of(step)
            tell(Step(name, time.monotonic() - begin, problem))
            if problem:
                return False
    return True


def _steps(site: Site, *, ledger: Path, http: httpx2.AsyncClient, browser: Browser) -> Steps:
    """The refused pulls come while the job runs, for they have to wait as well."""
    push = PushRehearsal(site, ledger=ledger, http=http, browser=browser)
    pull = PullRehearsal(site, push, http=http, browser=browser)
    return [*push.steps, *pull.refusals, *push.last_steps, *pull.steps]


async def _problem_of(step: Callable[[], Awaitable[None]]) -> str:
    try:
        await step()
    except (CheckFailed, Refused, httpx2.HTTPError, TimeoutError, KeyError) as failure:
        return f"{type(failure).__name__}: {failure}"
    return ""


def _client(*, trust: SSLContext | bool) -> httpx2.AsyncClient:
    """Proxies of the environment are for elsewhere: all of this is on this machine."""
    return httpx2.AsyncClient(verify=trust, trust_env=False, timeout=20)
