"""Attacks on the pages, in Chromium: all hold against an instance of ours, and each flaw put in is told by its own."""

import asyncio
import base64
import ssl
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from chromium import executable
from playwright.async_api import Error
from segue_demo.certificate import self_made
from segue_threats.attack import Attack, Need
from segue_threats.attacks import every
from segue_threats.chromium import Chromium, found
from segue_threats.evidence import Pace, Trail
from segue_threats.outcome import Ending, Outcome
from segue_threats.redaction import Redactor
from segue_threats.runner import Selection
from segue_threats.window import open_window
from threat_flaws import PAGE_FLAWS, Flaw
from threat_instance import Instance, instance

PAGE_ATTACKS = [each for each in every() if Need.BROWSER in each.needs]


@dataclass(frozen=True)
class Watched:
    """An instance and one Chromium, in a loop that lives as long."""

    here: Instance
    chromium: Chromium
    loop: asyncio.Runner

    def fought(self, attack: Attack) -> Outcome:
        fight = self.here.fight(Selection(ids=frozenset({attack.threat})), [attack], self.chromium)
        (outcome,) = [outcome for verdict in self.loop.run(fight) for outcome in verdict.outcomes]
        return outcome


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with instance() as here, asyncio.Runner() as loop:
        closing = AsyncExitStack()
        chromium = loop.run(closing.enter_async_context(found(executable(), here.configuration)))
        assert isinstance(chromium, Chromium)
        yield Watched(here, chromium, loop)
        loop.run(closing.aclose())


@pytest.mark.requirement("U3")
@pytest.mark.parametrize("attack", PAGE_ATTACKS, ids=lambda attack: f"{attack.threat} {attack.name}")
def test_an_attack_on_the_pages_of_ours_is_tried_and_refused(watched: Watched, attack: Attack) -> None:
    outcome = watched.fought(attack)
    assert (outcome.ending, outcome.reason) == (Ending.HELD, "refused, and the honest path still works")
    pictures = [line for line in outcome.evidence if line.kind == "picture"]
    assert all(base64.b64decode(each.image).startswith(b"\x89PNG") for each in pictures)
    told = "\n".join(line.text for line in outcome.evidence)
    assert [person.username for person in watched.here.configuration.people if person.password in told] == []


@pytest.mark.requirement("U3")
@pytest.mark.parametrize("flaw", PAGE_FLAWS, ids=lambda flaw: flaw.name)
def test_a_flaw_of_the_pages_breaks_the_attack_that_is_meant_for_it(
    watched: Watched, flaw: Flaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    (attack,) = [each for each in PAGE_ATTACKS if (each.threat, each.name) == (flaw.threat, flaw.attack)]
    flaw.put_in(monkeypatch)
    outcome = watched.fought(attack)
    assert outcome.ending is Ending.BROKEN, outcome.reason
    assert any(line.image and line.text == "As it was found" for line in outcome.evidence)


class CountingPace(Pace):
    """Counts the turns that were taken."""

    taken = 0

    async def turn(self) -> None:
        self.taken += 1
        await super().turn()


@pytest.mark.requirement("U3", "XD-OPS-04")
@pytest.mark.parametrize(("rate", "least"), [(0, 0), (1000, 3)])
def test_the_browser_keeps_to_the_rate_with_everything_it_asks_for(watched: Watched, rate: float, least: int) -> None:
    issuer, pace = watched.here.configuration.issuer, CountingPace(rate)

    async def opened() -> str:
        window = await open_window(watched.chromium, Trail(Redactor()), pace, issuer=issuer, cookies={})
        await window.open(f"{issuer}/sign-in")
        title = await window.page.title()
        await window.page.context.close()
        return title

    assert watched.loop.run(opened()).startswith("Sign in")
    assert least <= pace.taken
    assert bool(pace.taken) == bool(rate)


@pytest.mark.requirement("U3")
@pytest.mark.parametrize("named", [True, False])
def test_a_server_under_roots_of_ones_own_is_opened_if_they_are_named(
    watched: Watched, tmp_path: Path, *, named: bool
) -> None:
    made = self_made(tmp_path, host="localhost", now=int(time.time()))
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(made.certificate, made.key)
    trust = ssl.create_default_context(cafile=made.certificate) if named else True

    def at(server: asyncio.Server) -> str:
        return f"https://localhost:{server.sockets[0].getsockname()[1]}"

    async def opened() -> str:
        async with (
            await asyncio.start_server(_answer, "localhost", 0, ssl=serving) as server,
            found(executable(), replace(watched.here.configuration, trust=trust, issuer=at(server))) as chromium,
        ):
            assert isinstance(chromium, Chromium)
            page = await (await chromium.context()).new_page()
            try:
                await page.goto(at(server))
            except Error as refused:
                return str(refused)
            return await page.title()

    told = watched.loop.run(opened())
    assert ("Here" if named else "ERR_CERT_AUTHORITY_INVALID") in told


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = b"<title>Here</title>"
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
    writer.close()


@pytest.mark.requirement("U3")
def test_every_attack_on_the_pages_has_a_flaw_that_it_tells() -> None:
    told = {(flaw.threat, flaw.attack) for flaw in PAGE_FLAWS}
    assert [f"{each.threat} {each.name}" for each in PAGE_ATTACKS if (each.threat, each.name) not in told] == []
