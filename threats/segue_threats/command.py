"""The command `segue threats`."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from segue.clock import now

from segue_threats import catalogue, configuration
from segue_threats.attacks import every
from segue_threats.catalogue import SEVERITIES, Catalogue
from segue_threats.chromium import found
from segue_threats.network import transport_to
from segue_threats.outcome import Ending, Outcome
from segue_threats.report import html, junit
from segue_threats.report.content import Report
from segue_threats.runner import Selection, run, visitors_of
from segue_threats.target import BadTarget, Configuration, discover

POLITE = 10.0
"""Requests a second to a server that somebody else may be using."""
BAD_USAGE = 2


def main(argv: Sequence[str]) -> int:
    """Attack an authorization server by the threat catalogue and report what held."""
    known = catalogue.load()
    options = _parser(known).parse_args(argv)
    selection = Selection(
        ids=frozenset(options.only),
        groups=frozenset(options.group),
        severities=frozenset(options.severity),
        destructive=options.destructive,
    )
    if options.list:
        _list(known, selection)
        return 0
    try:
        report = asyncio.run(_attacked(options, known, selection))
    except BadTarget as reason:
        print(f"segue threats: {reason}", file=sys.stderr)
        return BAD_USAGE
    except KeyboardInterrupt:
        return 130
    _write(report, options)
    return report.status


def _parser(known: Catalogue) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="segue threats",
        description=main.__doc__,
        epilog="Exit status: 0 if no threat of critical or high severity came true and none was skipped for a reason "
        "that counts; 1 if one came true; 3 if one could not be tried; 2 if the suite could not run.",
    )
    parser.add_argument("--target", metavar="URL", help="the issuer to attack (default: an instance of its own)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="clients and test people at the target (TOML)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="ID", choices=[each.id for each in known.threats]
    )
    parser.add_argument(
        "--group", action="append", default=[], choices=list(known.groups), metavar="GROUP", help="this group"
    )
    parser.add_argument("--severity", action="append", default=[], choices=SEVERITIES)
    parser.add_argument("--list", action="store_true", help="only list the threats and their attacks")
    parser.add_argument("--destructive", action="store_true", help="also attacks that may leave damage behind")
    parser.add_argument(
        "--browser", type=Path, metavar="FILE", help="the Chromium that attacks on pages drive (default: on PATH)"
    )
    parser.add_argument("--no-browser", action="store_true", help="leave out attacks that need a browser")
    parser.add_argument(
        "--rate", type=float, metavar="N", help=f"requests a second (default: {POLITE:g}; own instance: no limit)"
    )
    for form in ("json", "junit", "html"):
        parser.add_argument(f"--{form}", type=Path, metavar="FILE", help=f"write the report as {form}")
    parser.add_argument("--quiet", action="store_true", help="do not tell of every attack")
    return parser


async def _attacked(options: argparse.Namespace, known: Catalogue, selection: Selection) -> Report:
    begin, at = time.monotonic(), datetime.fromtimestamp(now(), UTC)
    async with (
        _chosen(options) as here,
        found(options.browser, here, wanted=not options.no_browser) as chromium,
    ):
        local = options.target is None and options.config is None
        rate = options.rate if options.rate is not None else 0 if local else POLITE
        verdicts = await run(
            await discover(here),
            known,
            every(),
            selection,
            visitors=visitors_of(here),
            rate=rate,
            transport=transport_to(here),
            tell=(lambda _: None) if options.quiet else _tell,
            chromium=chromium,
        )
    return Report(
        catalogue=known,
        verdicts=verdicts,
        issuer=here.issuer,
        local=local,
        at=f"{at:%Y-%m-%d %H:%M} UTC",
        seconds=time.monotonic() - begin,
        destructive=selection.destructive,
    )


@asynccontextmanager
async def _chosen(options: argparse.Namespace) -> AsyncIterator[Configuration]:
    """The named target, or one of our own. Raises `BadTarget`."""
    if options.config is not None:
        yield configuration.read(options.config, issuer=options.target)
    elif options.target is not None:
        raise BadTarget("a target needs --config FILE: which clients and test people may be used there")
    else:
        from segue_threats.local import local_instance  # brings both servers, which a target elsewhere does not need

        async with local_instance() as here:
            yield here


def _tell(outcome: Outcome) -> None:
    reason = "" if outcome.ending is Ending.HELD else f": {outcome.reason}"
    print(f"{outcome.ending:8} {outcome.attack.threat:12} {outcome.attack.name}{reason}", file=sys.stderr, flush=True)


def _list(known: Catalogue, selection: Selection) -> None:
    attacks = every()
    for threat in (each for each in known.threats if selection.takes(each)):
        print(f"{threat.id:12} {threat.severity:8} {threat.title}")
        own = [attack for attack in attacks if attack.threat == threat.id]
        for attack in own:
            print(f"{'':21} {attack.name}{' (--destructive)' if attack.destructive else ''}")
        for check in threat.checklist:
            print(f"{'':21} by hand: {check.do} {check.see}")
        if not own and not threat.checklist:
            why = f"waits for {threat.awaits}" if threat.awaits else threat.testable
            print(f"{'':21} {Ending.NOT_ATTACKED} ({why})")


def _write(report: Report, options: argparse.Namespace) -> None:
    if options.json:
        options.json.write_text(json.dumps(report.as_json(), indent=1, ensure_ascii=False) + "\n", "utf-8")
    if options.junit:
        options.junit.write_bytes(junit.render(report))
    if options.html:
        options.html.write_text(html.render(report), "utf-8")
    counts = ", ".join(f"{report.endings[ending]} {ending}" for ending in Ending if report.endings[ending])
    print(f"{len(report.outcomes)} attacks on {report.issuer} in {report.seconds:.0f} s. Threats: {counts}.")
    print(report.conclusion())
