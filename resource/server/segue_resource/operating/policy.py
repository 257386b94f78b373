"""`segue tasks policy`: the effective retention policy, with where each value comes from and what it does."""

import argparse
import json
import sys
import textwrap
from dataclasses import fields
from pathlib import Path
from typing import Any

from segue_storage.setting import BadSetting

from segue_resource import retention_file
from segue_resource.domain.retention import ALWAYS, FLOORS, MEANINGS, Retention, Rules, duration_text
from segue_resource.settings import from_process

_DETAIL = """\
Without SEGUE_RESOURCE_RETENTION the built-in values hold; they end too. A task has its class from its beginning: what
the authorization server says, else what the policy says for the client that asked for it, else default. Nothing is
touched while a hold stands (segue tasks hold). The exit status is 0, or 2 if the policy cannot be used."""
_WIDTH = 97


def add(subcommands: Any) -> None:
    parser = subcommands.add_parser(
        "policy",
        help="print the effective retention policy",
        description="Print each value of the retention policy, where it comes from, and what it does.",
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--file", type=Path, help="policy file (default: SEGUE_RESOURCE_RETENTION, else built in)")
    parser.add_argument("--class", dest="name", metavar="CLASS", help="as it holds for this class only")
    parser.add_argument("--json", action="store_true", help="print for programs")
    parser.set_defaults(run=policy)


def policy(options: argparse.Namespace) -> int:
    """The exit status."""
    try:
        retention = retention_file.read(options.file) if options.file else from_process().retention
        names = [options.name] if options.name else retention.names
        if not set(names) <= set(retention.names):
            raise BadSetting(f"there is no class {options.name!r}; those are {', '.join(retention.names)}")
    except BadSetting as fault:
        print(f"segue tasks policy: {fault}", file=sys.stderr)
        return 2
    rows = [*_floors(retention), *(row for name in names for row in _class(retention, name)), *_always()]
    print(json.dumps(rows, indent=2) if options.json else "\n".join(_lines(row) for row in rows))
    return 0


def _floors(retention: Retention) -> list[dict[str, Any]]:
    return [
        _row(None, name, getattr(retention, name), "set for all" if name in retention.set_for_all else "built in")
        for name in FLOORS
    ]


def _class(retention: Retention, name: str) -> list[dict[str, Any]]:
    """Values as they hold, with the floor where a value is below it."""
    rows = []
    for field in (field.name for field in fields(Rules)):
        value, origin = getattr(retention.rules(name), field), retention.origin(name, field)
        held = value if field in ("pause_after", "close_after", "archive_after") else retention.kept(name, field)
        if held != value:
            origin = f"debug_window; {origin}: {duration_text(value)}"
        rows.append(_row(name, field, held, origin))
    return rows


def _always() -> list[dict[str, Any]]:
    return [
        {"class": None, "setting": name, "value": value, "from": None, "does": does}
        for name, (value, does) in ALWAYS.items()
    ]


def _row(name: str | None, setting: str, value: int | None, origin: str) -> dict[str, Any]:
    does = MEANINGS[setting]
    return {"class": name, "setting": setting, "value": duration_text(value), "from": origin, "does": does}


def _lines(row: dict[str, Any]) -> str:
    origin = f" ({row['from']})" if row["from"] else ""
    first = f"{row['class'] or '':<10} {row['setting']} = {row['value']}{origin}"
    return f"{first}\n{textwrap.fill(row['does'], _WIDTH, initial_indent=' ' * 11, subsequent_indent=' ' * 11)}"
