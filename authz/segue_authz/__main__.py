"""`segue authz`: run the authorization server."""

import json
import sys
from typing import Any

from segue_storage.migrations import SchemaAhead, SchemaBehind
from segue_storage.process_lock import AlreadyHeld
from segue_storage.server import parse_options, run
from segue_storage.setting import BadSetting
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette

from segue_authz.serving import open_app, prepare
from segue_authz.settings import Settings, from_process
from segue_authz.tokens.signing_keys import NoSigningKey
from segue_authz.upstream import provider_file

_HELP = "settings are read from SEGUE_AUTHZ_* in the environment; the part's README lists them"


def main(argv: list[str]) -> int:
    """Run the authorization server."""
    options = parse_options(argv, name="authz", description=main.__doc__ or "", port=8400, help_text=_HELP)
    try:
        settings = from_process()
        if options.check:
            print(json.dumps(_shown(settings), indent=2))
            return 0
        settings.observing.require(workers=options.workers, extra="segue-authz")
        embedded = settings.database if settings.embedded else None
        run("segue_authz.__main__:factory", options, embedded=embedded, prepare=lambda: prepare(settings))
    except (BadSetting, NoSigningKey, SchemaBehind, SchemaAhead, AlreadyHeld, OSError, SQLAlchemyError) as fault:
        print(f"segue authz: {fault}", file=sys.stderr)
        return 1
    return 0


def _shown(settings: Settings) -> dict[str, Any]:
    """What is set, and the providers that the file names, which is read for that. Raises `BadSetting`."""
    providers = provider_file.read(settings.upstream)
    upstream = {"providers": {provider.name: provider.shown() for provider in providers}} if providers else {}
    return {**settings.shown(), **upstream}


def factory() -> Starlette:
    """One worker process's server, for uvicorn."""
    return open_app(from_process())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
