"""How the test person approves: at Segue's own pages, or by a command of whoever runs the suite.

The command is started once for each decision, with one JSON object on its standard input:

    {"do": "authorize", "url": …, "redirect_uri": …, "decision": "approve" or "deny"}
    {"do": "device", "verification_uri": …, "user_code": …, "decision": …}
    {"do": "confirm", "url": …, "check_value": …, "decision": …}

For `authorize` it prints the address that came back, which begins with `redirect_uri`. It exits with 0 once the person
has decided.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

import httpx2
from segue_demo.browser import Browser

from segue_threats.attack import PreconditionFailed
from segue_threats.target import Person

PATIENCE = 120
"""Seconds the command may take for one decision."""
Value = Callable[[], Awaitable[str]]
"""Finds out the check value, once the person has entered the code."""


class Approver(Protocol):
    """One person. Each method returns once the decision has been sent; whether it counted is for the attack to see."""

    async def authorize(self, url: str, *, redirect_uri: str, decision: str = "approve") -> Mapping[str, str]:
        """The query that came back to `redirect_uri`."""
        ...

    async def device(self, verification_uri: str, user_code: str, value: Value, *, decision: str = "approve") -> None:
        """Enter a user code and decide (RFC 8628 section 3.3)."""
        ...

    async def confirm(self, url: str, check_value: str, *, decision: str = "approve") -> None:
        """Decide about a claimed transfer."""
        ...


class SeguePages:
    """Drives the pages over HTTP. `browser` and `http` are there for attacks that do something else than decide."""

    def __init__(self, http: httpx2.AsyncClient, person: Person, *, task_name: str) -> None:
        self.http = http
        self.browser = Browser(http, username=person.username, password=person.password)
        self._task_name = task_name

    async def authorize(self, url: str, *, redirect_uri: str, decision: str = "approve") -> Mapping[str, str]:
        return await self.browser.authorize(url, redirect_uri=redirect_uri, name=self._task_name, decision=decision)

    async def device(self, verification_uri: str, user_code: str, value: Value, *, decision: str = "approve") -> None:
        page = await self.browser.enter_code(verification_uri, user_code=user_code)
        if decision != "approve":
            await self.browser.decline(page)
            return
        await self.browser.approve(page, check_value=await value(), name=self._task_name)

    async def confirm(self, url: str, check_value: str, *, decision: str = "approve") -> None:
        await self.browser.confirm(url, check_value=check_value, decision=decision)


class Command:
    """Asks a program. A user code is all it gets for a pull: the check value is a thing of Segue's pages."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words

    async def authorize(self, url: str, *, redirect_uri: str, decision: str = "approve") -> Mapping[str, str]:
        told = await self._ask(do="authorize", url=url, redirect_uri=redirect_uri, decision=decision)
        return dict(parse_qsl(urlsplit(told.strip()).query))

    async def device(self, verification_uri: str, user_code: str, value: Value, *, decision: str = "approve") -> None:
        del value
        await self._ask(do="device", verification_uri=verification_uri, user_code=user_code, decision=decision)

    async def confirm(self, url: str, check_value: str, *, decision: str = "approve") -> None:
        await self._ask(do="confirm", url=url, check_value=check_value, decision=decision)

    async def _ask(self, **request: str) -> str:
        """Raises `PreconditionFailed`."""
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*self._words, stdin=pipe, stdout=pipe)
        except OSError as failure:
            raise PreconditionFailed(f"{self._words[0]} cannot be started: {failure}") from failure
        try:
            async with asyncio.timeout(PATIENCE):
                told, _ = await process.communicate(json.dumps(request).encode())
        except TimeoutError as late:
            process.kill()
            raise PreconditionFailed(f"{self._words[0]} took longer than {PATIENCE} seconds") from late
        if process.returncode != 0:
            raise PreconditionFailed(f"{self._words[0]} ended with {process.returncode} when asked to {request['do']}")
        return told.decode()
