"""`segue policy show`: the effective transfer policy, with what each setting does and where RFC 10027 asks for it."""

import argparse
import json
import os
import sys
import textwrap
from pathlib import Path
from typing import Any

from segue_storage.setting import BadSetting

from segue_authz import policy_file
from segue_authz.domain.policy import MITIGATIONS, TransferPolicy

_ENVIRONMENT = os.environ  # noqa: TID251


def main(argv: list[str]) -> int:
    """Show the transfer policy: the 17 mitigations of RFC 10027 and their values."""
    parser = argparse.ArgumentParser(prog="segue policy", description=main.__doc__)
    show = parser.add_subparsers(dest="action", required=True).add_parser("show", help="print the effective values")
    show.add_argument("--file", type=Path, help="policy file (default: SEGUE_AUTHZ_POLICY, else the preset balanced)")
    show.add_argument("--client", default="", help="as it holds for this client")
    show.add_argument("--sensitivity", help="as it holds for tasks of this sensitivity")
    show.add_argument("--json", action="store_true", help="print for programs")
    options = parser.parse_args(argv)
    configured = _ENVIRONMENT.get("SEGUE_AUTHZ_POLICY")
    try:
        policies = policy_file.read(options.file or (Path(configured) if configured else None))
    except BadSetting as fault:
        print(f"segue policy: {fault}", file=sys.stderr)
        return 1
    rows = _rows(policies.effective(options.client, options.sensitivity))
    print(json.dumps(rows, indent=2) if options.json else "\n".join(_lines(row) for row in rows))
    return 0


def _rows(policy: TransferPolicy) -> list[dict[str, Any]]:
    return [
        {
            "section": mitigation.section,
            "mitigation": mitigation.slug,
            "name": mitigation.name,
            "value": "always" if mitigation.setting is None else _plain(getattr(policy, mitigation.setting)),
            "does": mitigation.does,
        }
        for mitigation in MITIGATIONS
    ]


def _lines(row: dict[str, Any]) -> str:
    value = row["value"]
    text = ", ".join(value) or "any" if isinstance(value, list) else str(value)
    does = textwrap.fill(row["does"], 88, initial_indent=" " * 9, subsequent_indent=" " * 9)
    return (
        textwrap.fill(f"{row['section']:<8} {row['mitigation']} = {text}", 97, subsequent_indent=" " * 9) + f"\n{does}"
    )


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value
