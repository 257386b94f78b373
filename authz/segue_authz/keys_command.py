"""`segue keys`: the keys that sign, their schedule, and the change from one to the next without a failed request."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segue.clock import now as clock_now
from segue_storage.setting import BadSetting

from segue_authz.settings import from_process
from segue_authz.tokens import signing_keys
from segue_authz.tokens.mint import ACCESS_TOKEN_LIFETIME
from segue_authz.tokens.signing_keys import NoSigningKey, SigningKey

AHEAD = 3600
"""Seconds for which a key is published before it signs: longer than anybody keeps a copy of the set."""
OVERLAP = ACCESS_TOKEN_LIFETIME + 600
"""Seconds for which a key stays published after the last signature: a token's life, and clocks that differ."""


def main(argv: list[str]) -> int:
    """Show or rotate the keys that sign tokens."""
    parser = argparse.ArgumentParser(prog="segue keys", description=main.__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("show", help="print the keys with the time from which each signs")
    rotate = actions.add_parser(
        "rotate",
        help="add the next key and delete those that no living token is signed with",
        description="Add the next key, and delete those that no living token is signed with. Run it on a schedule.",
    )
    rotate.add_argument(
        "--in", dest="ahead", type=int, default=AHEAD, metavar="SECONDS", help=f"until it signs (default: {AHEAD})"
    )
    rotate.add_argument(
        "--compromised",
        action="store_true",
        help="sign with the new key at once and delete all others; resource servers drop them within five minutes",
    )
    for action in actions.choices.values():
        action.add_argument("--keys", type=Path, metavar="FOLDER", help="where they are (default: SEGUE_AUTHZ_KEYS)")
        action.add_argument("--json", action="store_true", help="print for programs")
    options = parser.parse_args(argv)
    try:
        folder = options.keys or from_process().keys
        if options.action == "rotate":
            _rotate(folder, options, now=clock_now())
        rows = _schedule(signing_keys.read(folder), now=clock_now())
    except (BadSetting, NoSigningKey, OSError) as fault:
        print(f"segue keys: {fault}", file=sys.stderr)
        return 1
    print(json.dumps(rows, indent=2) if options.json else "\n".join(_line(row) for row in rows))
    return 0


def _rotate(folder: Path, options: argparse.Namespace, *, now: int) -> None:
    if options.compromised:
        added = signing_keys.add(folder, signs_from=now)
        signing_keys.remove(folder, lambda key: key.kid != added.kid)
        return
    if options.ahead < 0:
        raise BadSetting("--in takes 0 seconds or more")
    keys = signing_keys.read(folder)
    if keys[-1].signs_from > now:
        raise BadSetting(f"the next key is there already, and signs from {_words(keys[-1].signs_from)}")
    unneeded = {kid for kid, end in _ends(keys).items() if end is not None and end + OVERLAP <= now}
    signing_keys.remove(folder, lambda key: key.kid in unneeded)
    signing_keys.add(folder, signs_from=now + options.ahead)


def _ends(keys: list[SigningKey]) -> dict[str, int | None]:
    """When each stops to sign: when the next one begins, if there is one."""
    return {key.kid: after.signs_from if after else None for key, after in zip(keys, [*keys[1:], None], strict=True)}


def _schedule(keys: list[SigningKey], *, now: int) -> list[dict[str, Any]]:
    current, ends = signing_keys.signing(keys, now=now), _ends(keys)
    rows = []
    for key in keys:
        end = ends[key.kid]
        state = "signs" if key is current else "next" if key.signs_from > now else "published"
        rows.append(
            {
                "kid": key.kid,
                "state": state,
                "signs_from": key.signs_from,
                "signs_until": end,
                "published_until": None if end is None else end + OVERLAP,
            }
        )
    return rows


def _line(row: dict[str, Any]) -> str:
    until = "until another is added" if row["signs_until"] is None else f"until {_words(row['signs_until'])}"
    return f"{row['state']:<10}{row['kid']}  signs from {_words(row['signs_from'])} {until}"


def _words(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
