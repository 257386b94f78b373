"""The command `segue demo`."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from segue.target_uri import require_identifier

from segue_demo.site import DEFAULT_PORT


def main(argv: Sequence[str]) -> int:
    """Run everything on this machine and take a task from a desktop page to a phone page."""
    options = _options(argv)
    from segue_demo import clients_session, demo_session, running  # they take a moment to import; --help needs none

    session = clients_session.run if options.authz else demo_session.rehearse if options.check else demo_session.run
    try:
        return asyncio.run(session(options))
    except running.CannotRun as reason:
        print(json.dumps({"error": str(reason)}) if options.json else f"segue demo: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(argv)
    if bool(options.authz) != bool(options.resource):
        parser.error("--authz and --resource go together")
    if options.authz and (options.check or options.open or options.policy or options.lan is not None):
        parser.error("--authz and --resource run the pages alone, without --check, --open, --policy and --lan")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="segue demo", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="transfer both ways over HTTP, print each step, and end")
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep everything here (default: a passing folder)")
    parser.add_argument(
        "--port",
        type=_port,
        metavar="BASE",
        help=f"five ports from here on (default: {DEFAULT_PORT}; --check: free ones)",
    )
    parser.add_argument(
        "--lan",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="serve https with a self-made certificate on the local network, for a real phone",
    )
    parser.add_argument("--open", action="store_true", help="open the desktop page in the browser")
    parser.add_argument(
        "--job-seconds", type=_seconds, metavar="N", help="how long the slow tool call takes (default: 45; --check: 4)"
    )
    parser.add_argument(
        "--authz", type=_server, metavar="URL", help="run agent backend and pages alone, with this server"
    )
    parser.add_argument("--resource", type=_server, metavar="URL", help="the task store that belongs to --authz")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="the transfer policy (default: balanced)")
    parser.add_argument("--json", action="store_true", help="print for programs")
    return parser


def _server(text: str) -> str:
    try:
        require_identifier(text, what="the address")
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from wrong
    return text


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1024 <= int(text) <= 65_531):
        raise argparse.ArgumentTypeError("a number from 1024 to 65531")
    return int(text)


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 3600):
        raise argparse.ArgumentTypeError("a number of seconds from 1 to 3600")
    return int(text)
