"""`segue tasks sensitivity`: for which tasks the authorization server asks for more before it gives them."""

import argparse
import re
import secrets
import sys
from typing import Any

import sqlalchemy as sa
from segue.clock import now
from sqlalchemy.exc import NoResultFound

from segue_resource.operating.opened import FAULTS, opened
from segue_resource.operating.transaction import in_transaction
from segue_resource.stores.ending.own_writing import OPERATOR, open_own_writing
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.tasks import sensitivity_of, set_sensitivity

_DETAIL = """\
  segue tasks sensitivity TASK            prints it; a task is `normal` from its beginning
  segue tasks sensitivity TASK high       sets it

The authorization server's policy file says what a sensitivity means (`sensitivity.high`). No device and no person can
set it: whoever could lower it could take what it protects. It is told in the task's log.
The exit status is 0, 1 if there is no such task, 2 if nothing could be done."""
_WORD = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)


def add(subcommands: Any) -> None:
    parser = subcommands.add_parser(
        "sensitivity",
        help="say how sensitive a task is",
        description="Show or set how sensitive a task is.",
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", metavar="TASK")
    parser.add_argument("sensitivity", metavar="WORD", nargs="?", type=_word, help="such as normal or high")
    parser.set_defaults(run=sensitivity)


def sensitivity(options: argparse.Namespace) -> int:
    """The exit status."""
    try:
        with opened() as found:
            keeper = Keeper(found.master, secrets.token_bytes)

            def told(connection: sa.Connection) -> str:
                if options.sensitivity is None:
                    return sensitivity_of(connection, options.task)
                writing = open_own_writing(connection, options.task, keeper=keeper, now=now(), actor=OPERATOR)
                set_sensitivity(writing, options.sensitivity)
                writing.settle()
                return str(options.sensitivity)

            print(in_transaction(found, told))
    except NoResultFound:
        print(f"segue tasks sensitivity: {options.task} is not there", file=sys.stderr)
        return 1
    except FAULTS as fault:
        print(f"segue tasks sensitivity: {fault}", file=sys.stderr)
        return 2
    return 0


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise argparse.ArgumentTypeError("a sensitivity is a word of at most 32 lower-case letters, digits, - and _")
    return text
