"""`segue restored`: what follows a restore of the database, so that nothing of the past comes back to life."""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict

from segue.clock import now
from segue_storage.database import DatabaseUnavailable, open_database
from segue_storage.migrations import SchemaAhead, SchemaBehind
from segue_storage.setting import BadSetting

from segue_authz.serving import prepare_tables
from segue_authz.settings import Settings, from_process
from segue_authz.stores.restored import Voided, void_everything

_DETAIL = """\
A backup does not know what was used or withdrawn after it was made: a code that was redeemed would be good again, a
device that was taken away would have its task again. So run this after the backup is in its place and before a server
starts on it. People sign in anew and pass their tasks to their devices anew; tasks themselves are untouched.
Assertions of clients (private_key_jwt) are taken again once none can have been used before, after five minutes.
Access tokens that were given out since the backup live for up to five minutes more; `segue keys rotate --compromised`
ends those too. The task store's database, put back from a backup, has a command of its own: `segue tasks restored`."""


def main(argv: list[str]) -> int:
    """After the authorization server's database was restored: end every grant, sign-in, code and transfer in it."""
    parser = argparse.ArgumentParser(
        prog="segue restored",
        description=main.__doc__,
        epilog=_DETAIL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print for programs")
    options = parser.parse_args(argv)
    try:
        settings = from_process()
        prepare_tables(settings)
        voided = asyncio.run(_void(settings))
    except (BadSetting, SchemaAhead, SchemaBehind, DatabaseUnavailable) as fault:
        print(f"segue restored: {fault}", file=sys.stderr)
        return 1
    told = asdict(voided)
    print(json.dumps(told) if options.json else ", ".join(f"{number} {what} ended" for what, number in told.items()))
    return 0


async def _void(settings: Settings) -> Voided:
    database = open_database(settings.database)
    try:
        return await void_everything(database, now=now())
    finally:
        await database.aclose()
