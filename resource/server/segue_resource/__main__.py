"""`segue resource`: run the task store."""

import json
import sys

from segue_storage.migrations import SchemaAhead, SchemaBehind
from segue_storage.process_lock import AlreadyHeld
from segue_storage.server import parse_options, run
from segue_storage.setting import BadSetting
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette

from segue_resource.serving import open_app, prepare
from segue_resource.settings import from_process
from segue_resource.stores.keys.master_key import BadKeyFile

_HELP = "settings are read from SEGUE_RESOURCE_* and SEGUE_AUTHZ_ISSUER in the environment; the README lists them"


def main(argv: list[str]) -> int:
    """Run the task store."""
    return run_store(argv, name="resource", description=main.__doc__ or "", factory="segue_resource.__main__:factory")


def run_store(argv: list[str], *, name: str, description: str, factory: str) -> int:
    """Run a command whose server is the task store; `factory` names what makes it. The exit status."""
    options = parse_options(argv, name=name, description=description, port=8401, help_text=_HELP)
    options.name = "RESOURCE"  # whose settings these are, whatever the command is called
    try:
        settings = from_process()
        if options.check:
            print(json.dumps(settings.shown(), indent=2))
            return 0
        settings.observing.require(workers=options.workers, extra="segue-resource")
        embedded = settings.database if settings.embedded else None
        run(factory, options, embedded=embedded, prepare=lambda: prepare(settings))
    except (BadSetting, BadKeyFile, SchemaBehind, SchemaAhead, AlreadyHeld, OSError, SQLAlchemyError) as fault:
        print(f"segue {name}: {fault}", file=sys.stderr)
        return 1
    return 0


def factory() -> Starlette:
    """One worker process's server, for uvicorn."""
    return open_app(from_process())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
