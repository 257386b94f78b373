"""The command `segue thief`. `thief.py` is what a thief does, `victim.py` who it is done to."""

import argparse
import asyncio
import getpass
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict

import httpx2
from segue_client.device import Refused

from segue_demo.enrolled import Person
from segue_demo.running import CannotRun, running
from segue_demo.site import DEFAULT_PORT, Site
from segue_demo.thief.finding import Finding
from segue_demo.thief.thief import Thief
from segue_demo.thief.victim import overheard

GOODS = ("codes", "tokens", "refresh_tokens", "bound_cookies", "cookies")
"""The cookies come last, for they end the session that all the rest is done in, and the refresh tokens late, for they
end the grant."""


def main(argv: Sequence[str]) -> int:
    """Show what a stolen code, token, refresh token and cookie are worth; 0 if all of it is worth nothing."""
    options = _options(argv)
    try:
        findings = asyncio.run(_run(options))
    except (CannotRun, Refused, httpx2.HTTPError) as failure:
        print(f"segue thief: nothing was found out: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(json.dumps([asdict(found) for found in findings]))
    else:
        _conclude(findings)
    return 0 if all(found.worthless for found in findings) else 1


async def _run(options: argparse.Namespace) -> list[Finding]:
    findings = []
    async with (
        _scene(options) as (site, person),
        overheard(site, person) as victim,
        httpx2.AsyncClient(timeout=20) as http,
    ):
        thief = Thief(victim, http=http, with_keys=options.with_keys)
        for goods in (each for each in GOODS if each in options.goods):
            async for found in getattr(thief, goods)():
                findings.append(found)
                if not options.json:
                    _tell(found)
    return findings


@asynccontextmanager
async def _scene(options: argparse.Namespace) -> AsyncIterator[tuple[Site, Person]]:
    """Servers that run elsewhere, or a demo of its own."""
    if options.authz:
        password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        pages = options.redirect_uri.rstrip("/")
        yield Site(options.authz, options.resource, "", pages, pages), Person(options.username, password)
        return
    async with running(lan=None, base=0, state=None, job_seconds=1) as demo:
        yield demo.site, demo.person


def _tell(found: Finding) -> None:
    print(f"{found.stolen}: {found.tried}")
    print(f"    answer   {found.answer}")
    print(f"    rule     {found.because}")
    print(f"    worth    {'nothing' if found.worthless else 'SOMETHING'}", flush=True)


def _conclude(findings: Sequence[Finding]) -> None:
    worthy = [found for found in findings if not found.worthless]
    print(f"{len(findings)} attempts, {len(findings) - len(worthy)} of them worth nothing.")
    for found in worthy:
        print(f"Worth something: a stolen {found.stolen}, {found.tried}.")


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="segue thief", description=main.__doc__)
    parser.add_argument("goods", nargs="*", default=GOODS, metavar="GOODS", help=f"some of: {', '.join(GOODS)}")
    parser.add_argument("--with-keys", action="store_true", help="let the thief have the devices' keys as well")
    parser.add_argument("--authz", metavar="URL", help="rob somebody here (default: a demo that is started for it)")
    parser.add_argument("--resource", metavar="URL", help="the task store that belongs to --authz")
    parser.add_argument("--username", default="demo", help="who is robbed; the password is read from standard input")
    parser.add_argument(
        "--redirect-uri",
        default=f"http://localhost:{DEFAULT_PORT + 3}/",
        metavar="URI",
        help=f"as registered there for the client {Site.desktop_client_id}",
    )
    parser.add_argument("--json", action="store_true", help="print for programs")
    options = parser.parse_args(argv)
    if unknown := set(options.goods) - set(GOODS):
        parser.error(f"there is nothing to steal called {', '.join(sorted(unknown))}")
    if bool(options.authz) != bool(options.resource):
        parser.error("--authz and --resource go together")
    return options
