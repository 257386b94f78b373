"""The command `segue lab`."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence

BAD_USAGE = 2


def main(argv: Sequence[str]) -> int:
    """Measure what the transfer policies are worth: scripted adversaries, and each mitigation off and on."""
    from segue_demo.running import CannotRun  # what the commands need brings both servers

    from segue_threats.attack import PreconditionFailed
    from segue_threats.relay import command as relay
    from segue_threats.sections import command as sections
    from segue_threats.staging.address import OneAddress, ServerFailed

    parser = argparse.ArgumentParser(prog="segue lab", description=main.__doc__)
    commands = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    relay.add(commands)
    sections.add(commands)
    options = parser.parse_args(argv)
    logging.getLogger("segue_authz").addHandler(logging.NullHandler())  # warns of what is done to it here
    try:
        return int(asyncio.run(options.run(options)))
    except (CannotRun, OneAddress, PreconditionFailed, ServerFailed) as reason:
        print(f"segue lab: nothing was measured: {reason}", file=sys.stderr)
        return BAD_USAGE
    except KeyboardInterrupt:
        return 130
