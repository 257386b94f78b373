"""`segue db`: what an operator does to the databases of the installed servers."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from importlib.metadata import EntryPoint, entry_points

from sqlalchemy.exc import SQLAlchemyError

from .migrations import BrokenReferences, SchemaAhead, ServersMustStop, TablesInUse, Upgraded, upgrade
from .setting import BadSetting

GROUP = "segue.migrations"
"""Entry points: a package with migrations, and its function from the environment to settings with a `database`."""

_FAULTS = (
    *(BadSetting, SchemaAhead, ServersMustStop, TablesInUse, BrokenReferences),
    *(SQLAlchemyError, ValueError, OSError, ImportError),
)


def db(argv: list[str]) -> int:
    """Bring the servers' databases to the tables of this release."""
    options = _options(argv)
    try:
        parts = sorted(entry_points(group=GROUP), key=_name)
        upgraded = [_upgrade(part, options) for part in parts]
    except _FAULTS as fault:
        print(f"segue db upgrade: {fault}", file=sys.stderr)
        return 1
    _show(upgraded, as_json=options.json)
    return 0


def _upgrade(part: EntryPoint, options: argparse.Namespace) -> Upgraded:
    return upgrade(options.database or _database_of(part), part.name, beside_servers=options.beside_servers)


def _database_of(part: EntryPoint) -> str:
    """The URL that the part itself would use. Raises `BadSetting`."""
    url: str = part.load()(os.environ).database  # noqa: TID251
    return url


def _show(upgraded: list[Upgraded], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(each) for each in upgraded]))
        return
    for each in upgraded:
        news = f"from {each.before or 'nothing'} to {each.after}" if each.before != each.after else f"at {each.after}"
        print(f"{each.package}: {news}")
    if not upgraded:
        print("no server is installed that has a database")


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="segue db", description=db.__doc__)
    upgrade_options = parser.add_subparsers(required=True).add_parser("upgrade", help=db.__doc__)
    upgrade_options.add_argument(
        "--database", metavar="URL", help="of all parts; without it each part's own settings name its database"
    )
    upgrade_options.add_argument(
        "--beside-servers",
        action="store_true",
        help="do nothing, and fail, unless servers of the release before may go on with the new tables",
    )
    upgrade_options.add_argument("--json", action="store_true", help="print for programs")
    return parser.parse_args(argv)


def _name(part: EntryPoint) -> str:
    return part.name
