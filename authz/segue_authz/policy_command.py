"""`segue policy show`: the policy in force for transfers and for sign-ins, where each value is from, what it does."""

import argparse
import json
import os
import sys
import textwrap
from pathlib import Path
from typing import Any

from segue_storage.setting import BadSetting

from segue_authz import policy_file
from segue_authz.domain.policy import MITIGATIONS, Policies
from segue_authz.domain.sign_in_policy import SETTINGS, SignInPolicies

_ENVIRONMENT = os.environ  # noqa: TID251


def main(argv: list[str]) -> int:
    """Show the policy: the 17 mitigations of RFC 10027, what a decision needs of the sign-in, and their values."""
    parser = argparse.ArgumentParser(prog="segue policy", description=main.__doc__)
    show = parser.add_subparsers(dest="action", required=True).add_parser(
        "show",
        help="print the effective values",
        description="Print for each mitigation of RFC 10027 section 6.1 its value, where that comes from (the preset, "
        "the policy file, the client, the task's sensitivity), and what it does. What is `always` has no setting. Then "
        "the same for the four settings of `sign_in_policy`.",
    )
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
    rows = _rows(policies, options.client, options.sensitivity)
    rows += _sign_in_rows(policies.sign_in, options.client, options.sensitivity)
    print(json.dumps(rows, indent=2) if options.json else "\n".join(_lines(row) for row in rows))
    return 0


def _rows(policies: Policies, client_id: str, sensitivity: str | None) -> list[dict[str, Any]]:
    policy = policies.effective(client_id, sensitivity)
    rows = []
    for mitigation in MITIGATIONS:
        setting = mitigation.setting
        value = _plain(getattr(policy, setting)) if setting else "always"
        rows.append(
            {
                "section": mitigation.section,
                "mitigation": mitigation.slug,
                "name": mitigation.name,
                "value": value,
                "from": policies.origin(setting, client_id, sensitivity) if setting else None,
                "does": mitigation.does,
            }
        )
    return rows


def _sign_in_rows(policies: SignInPolicies, client_id: str, sensitivity: str | None) -> list[dict[str, Any]]:
    policy = policies.effective(client_id, sensitivity)
    return [
        {
            "sign_in": setting,
            "value": getattr(policy, setting),
            "from": policies.origin(setting, client_id, sensitivity),
            "does": does,
        }
        for setting, does in SETTINGS.items()
    ]


def _lines(row: dict[str, Any]) -> str:
    value, origin = row["value"], f" ({row['from']})" if row["from"] else ""
    text = ", ".join(value) or "any" if isinstance(value, list) else str(value)
    section, setting = row.get("section", "sign-in"), row.get("mitigation") or row["sign_in"]
    first = textwrap.fill(f"{section:<8} {setting} = {text}{origin}", 97, subsequent_indent=" " * 9)
    return f"{first}\n{textwrap.fill(row['does'], 97, initial_indent=' ' * 9, subsequent_indent=' ' * 9)}"


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value
