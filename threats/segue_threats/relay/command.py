"""`segue lab relay`: play the adversaries, print a table, write the report."""

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from segue.clock import now

from segue_threats.relay.adversaries import ADVERSARIES
from segue_threats.relay.experiment import Try, play
from segue_threats.relay.ground import PLAIN, grounds
from segue_threats.relay.result import Result
from segue_threats.report import relay as page
from segue_threats.staging.person import MODELS
from segue_threats.staging.segue_server import POLICIES

TRIES, SEED = 20, 1
_MARKS = {True: "+", False: "."}
_SERVERS = {"plain": PLAIN, **{name: name for name in POLICIES}}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Its options."""
    parser = commands.add_parser(
        "relay",
        help="play scripted adversaries under each transfer policy, beside a plain RFC 8628 server",
        description="Play scripted adversaries against real servers on this machine: Segue under the transfer "
        "policies off, balanced and strict, and a plain RFC 8628 server. Print how often each ends with what it "
        "wanted. The same seed repeats a run.",
        epilog="Exit status: 0 once all of it was played, whatever came of it; 2 if it could not be played.",
    )
    parser.add_argument("--tries", type=_number, default=TRIES, metavar="N", help=f"in each cell (default: {TRIES})")
    parser.add_argument("--seed", type=int, default=SEED, metavar="N", help=f"of all dice (default: {SEED})")
    for option, names in (("adversary", [each.slug for each in ADVERSARIES]), ("server", list(_SERVERS))):
        parser.add_argument(
            f"--{option}", action="append", default=[], choices=names, metavar=option.upper(), help=", ".join(names)
        )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report with its plot")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every try")
    parser.add_argument("--quiet", action="store_true", help="do not tell of every try")
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """The exit status. Raises `CannotRun`, `OneAddress`, `PreconditionFailed`, `ServerFailed`."""
    chosen = [each for each in ADVERSARIES if not options.adversary or each.slug in options.adversary]
    names = [each for name, each in _SERVERS.items() if not options.server or name in options.server]
    begin, at = time.monotonic(), datetime.fromtimestamp(now(), UTC)
    async with grounds(*names) as places:
        tell = (lambda _: None) if options.quiet else _tell
        made = await play(places, chosen, MODELS, tries=options.tries, seed=options.seed, tell=tell)
    seconds = time.monotonic() - begin
    result = Result(made, chosen, MODELS, names, options.tries, options.seed, f"{at:%Y-%m-%d %H:%M} UTC", seconds)
    _write(result, html=options.html, json_file=options.json)
    if not options.quiet:
        print(file=sys.stderr)
    each = "one try" if options.tries == 1 else f"{options.tries} tries"
    print(f"Successes of the adversary, {each} in each cell, seed {options.seed}, {seconds:.0f} s.\n")
    print(result.table())
    print(f"\n{result.conclusion()}")
    return 0


def _tell(done: Try) -> None:
    print(_MARKS[done.succeeded], end="", file=sys.stderr, flush=True)


def _write(result: Result, *, html: Path | None, json_file: Path | None) -> None:
    if html:
        html.write_text(page.render(result), "utf-8")
    if json_file:
        json_file.write_text(json.dumps(result.as_json(), indent=1) + "\n", "utf-8")


def _number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError("1 to 1000")
    return int(text)
