"""`segue tasks hold`: nothing of a task is deleted while somebody looks into an incident, or the law wants it kept."""

import argparse
import json
import secrets
import sys
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from segue.clock import now
from sqlalchemy.exc import NoResultFound

from segue_resource.domain.refusal import NotFound, TooMuch
from segue_resource.domain.retention import HoldKind
from segue_resource.operating.opened import FAULTS, Opened, opened
from segue_resource.operating.transaction import in_transaction
from segue_resource.stores.ending import holds
from segue_resource.stores.ending.holds import Hold
from segue_resource.stores.ending.own_writing import OPERATOR, OwnWriting, open_own_writing
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.task_keys import TaskKeys

_DETAIL = """\
  segue tasks hold TASK --reason "case 4711" --kind legal      prints the id of the hold
  segue tasks hold TASK                                        lists the holds that stand
  segue tasks hold TASK --release HOLD

While a hold stands the retention policy leaves the task alone and nobody can erase it. People work in it as before.
The audit of the task says that a hold was placed and released, and of which kind; the reason is for operators alone.
The exit status is 0, 1 if there is no such task or hold, 2 if nothing could be done."""
REASON = 500
"""Characters."""


def add(subcommands: Any) -> None:
    parser = subcommands.add_parser(
        "hold",
        help="keep a task as it is, or let it go again",
        description="Place, list and release holds on a task.",
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", metavar="TASK")
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--reason", type=_reason, help="place a hold, and say why in a line of at most 500 characters")
    act.add_argument("--release", metavar="HOLD", help="release a hold")
    parser.add_argument("--kind", type=HoldKind, choices=list(HoldKind), default=HoldKind.INCIDENT)
    parser.add_argument("--json", action="store_true", help="print for programs")
    parser.set_defaults(run=hold)


def hold(options: argparse.Namespace) -> int:
    """The exit status."""
    try:
        with opened() as found:
            for held in _holds(found, options):
                print(json.dumps(asdict(held)) if options.json else _line(held))
    except (NoResultFound, NotFound):
        print(f"segue tasks hold: {options.task} or its hold is not there", file=sys.stderr)
        return 1
    except TooMuch:
        print(f"segue tasks hold: {options.task} has {holds.MOST} holds; release one first", file=sys.stderr)
        return 1
    except FAULTS as fault:
        print(f"segue tasks hold: {fault}", file=sys.stderr)
        return 2
    return 0


def _holds(found: Opened, options: argparse.Namespace) -> list[Hold]:
    keeper = Keeper(found.master, secrets.token_bytes)

    def writing(connection: sa.Connection) -> OwnWriting:
        return open_own_writing(connection, options.task, keeper=keeper, now=now(), expected=0, actor=OPERATOR)

    def place(connection: sa.Connection) -> list[Hold]:
        own = writing(connection)
        held = holds.place(own, options.kind, options.reason, random=secrets.token_bytes)
        own.settle()
        return [held]

    def release(connection: sa.Connection) -> list[Hold]:
        own = writing(connection)
        holds.release(own, options.release)
        own.settle()
        return []

    def listed(connection: sa.Connection) -> list[Hold]:
        keys = TaskKeys(connection, options.task, keeper=keeper, now=now())
        return holds.of_task(connection, options.task, keys=keys)

    return in_transaction(found, place if options.reason else release if options.release else listed)


def _line(held: Hold) -> str:
    return f"{held.hold_id} {held.kind} since {held.placed_at}: {held.reason}"


def _reason(text: str) -> str:
    if not 0 < len(text) <= REASON or not text.isprintable():
        raise argparse.ArgumentTypeError(f"a reason is one line of at most {REASON} characters")
    return text
