"""XD-OPS-04: the threat suite itself: it is run against a server that others use, and its report goes round.

Expected: no more than was asked for, at the pace that was asked for, nothing in the report that opens anything, and no
comfort from what was not tried.
"""

import json
import time
from collections.abc import Sequence

import httpx2

from segue_threats import catalogue, runner
from segue_threats.attack import Attack, Need, attack, registered
from segue_threats.evidence import Pace, Recording, Trail
from segue_threats.lab import Lab
from segue_threats.network import Transport, transport_to
from segue_threats.outcome import Ending, Verdict, exit_status
from segue_threats.redaction import SECRET, Redactor
from segue_threats.report import html, junit
from segue_threats.report.content import Report
from segue_threats.runner import Selection

THREAT = "XD-OPS-04"
TRIED = frozenset({"XD-DPOP-03", "XD-PUSH-06", "XD-TOK-06"})
"""Threats whose attacks meet most kinds of secrets."""
LONG = 12
"""Characters from which on a value that is found in a text is no coincidence."""


async def _run(
    lab: Lab, attacks: Sequence[Attack], *, ids: frozenset[str], transport: Transport | None = None
) -> list[Verdict]:
    here = lab.target.configuration
    return await runner.run(
        lab.target,
        catalogue.load(),
        attacks,
        Selection(ids=ids),
        visitors=runner.visitors_of(here),
        rate=0,
        transport=transport or transport_to(here),
        tell=lambda _: None,
    )


@attack(THREAT, Need.OWN)
async def damage_is_done_unasked(lab: Lab) -> None:
    """Choose an attack that may leave damage behind, without saying so, and see whether it is carried out."""
    carried_out = []

    async def damaging(_: Lab) -> None:
        carried_out.append("it was")

    for destructive in (True, False):
        lab.step(f"an attack is chosen that {'may leave' if destructive else 'leaves no'} damage behind")
        one = Attack(THREAT, "it damages", "Damage.", damaging, frozenset(), destructive=destructive)
        (found,) = [verdict for verdict in await _run(lab, [one], ids=frozenset({THREAT})) if verdict.selected]
        lab.holds(bool(carried_out) is not destructive, "an attack that may do damage is carried out unasked")
        lab.holds(found.ending is Ending.SKIPPED, f"an attack that shows nothing has {found.ending}")
        lab.proved += bool(carried_out)


@attack(THREAT, Need.OWN)
async def a_server_that_answers_nothing_passes(lab: Lab) -> None:
    """Run attacks against a server that refuses everything, and one that agrees to everything, and read the verdict."""
    honest = await _run(lab, registered(), ids=TRIED)
    lab.holds({verdict.ending for verdict in honest if verdict.selected} == {Ending.HELD}, "the honest server fails")
    lab.proved += 1
    for status in (403, 200, 500):
        lab.step(f"attacks are run against a server that answers {status} to everything")

        def transport(status: int = status) -> httpx2.AsyncBaseTransport:
            return httpx2.MockTransport(lambda _: httpx2.Response(status, json={}))

        verdicts = await _run(lab, registered(), ids=TRIED, transport=transport)
        held = [verdict.threat.id for verdict in verdicts if verdict.selected and verdict.ending is Ending.HELD]
        lab.holds(not held, f"a server that answers {status} to everything withstands {', '.join(held)}")
        lab.holds(exit_status(verdicts) in (1, 3), f"the run against it ends with {exit_status(verdicts)}")


@attack(THREAT, Need.OWN)
async def the_report_opens_something(lab: Lab) -> None:
    """Keep every secret that attacks meet, and look for all of them in the report, in each of its forms."""
    met: set[str] = {person.password for person in lab.target.configuration.people if person.password}
    honest = transport_to(lab.target.configuration)
    verdicts = await _run(lab, registered(), ids=TRIED, transport=lambda: _Listening(honest(), met))
    report = Report(
        catalogue=catalogue.load(),
        verdicts=verdicts,
        issuer=lab.target.issuer,
        local=True,
        at="now",
        seconds=1.0,
        destructive=False,
    )
    lab.step(f"{len(met)} secrets have gone by; each is looked for in the report")
    lab.holds(len(met) > 10, "hardly a secret was met, so the search proves nothing")
    lab.proved += any(verdict.ending is Ending.HELD for verdict in verdicts)
    forms = {"JSON": json.dumps(report.as_json()), "JUnit": junit.render(report).decode(), "HTML": html.render(report)}
    for form, text in forms.items():
        told = sum(secret in text for secret in met)
        lab.holds(not told, f"the report as {form} tells {told} secrets")
        lab.holds(report.suite in text or form == "JUnit", f"the report as {form} does not say which suite it is of")


class _Listening(httpx2.AsyncBaseTransport):
    """Keeps the secrets that go by."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, met: set[str]) -> None:
        self._inner = inner
        self._met = met

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._inner.handle_async_request(request)
        if "event-stream" not in answer.headers.get("Content-Type", ""):
            await answer.aread()
            self._met.update(cookie.partition("=")[2].partition(";")[0] for cookie in _cookies(answer))
            if "json" in answer.headers.get("Content-Type", ""):
                body = answer.json()
                told = body.items() if isinstance(body, dict) else ()
                self._met.update(str(value) for name, value in told if name in SECRET and len(str(value)) >= LONG)
        return answer

    async def aclose(self) -> None:
        await self._inner.aclose()


def _cookies(answer: httpx2.Response) -> list[str]:
    return [each for each in answer.headers.get_list("Set-Cookie") if len(each.partition(";")[0]) > LONG]


@attack(THREAT, Need.OWN)
async def a_server_is_flooded(lab: Lab) -> None:
    """Send as fast as the suite lets one, at a named rate, and count."""
    rate, burst, number, arrived = 100.0, 5, 30, []

    def note(_: httpx2.Request) -> httpx2.Response:
        arrived.append(time.monotonic())
        return httpx2.Response(200)

    lab.step(f"{number} requests are sent at {rate:g} a second, {burst} of them at once")
    way = Recording(httpx2.MockTransport(note), Trail(Redactor()), Pace(rate, burst=burst))
    async with httpx2.AsyncClient(transport=way) as http:
        for _ in range(number):
            lab.works(await http.get("https://id.example/"), "a request")
    lab.holds(len(arrived) == number, "requests were lost")
    lab.holds(arrived[-1] - arrived[0] >= (number - burst - 1) / rate, "the suite is faster than it was told to be")
