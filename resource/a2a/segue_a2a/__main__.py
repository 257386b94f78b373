"""`segue a2a`: run the task store, and its tasks for A2A clients beside it."""

import sys

from segue_resource.__main__ import run_store
from segue_resource.serving import open_app
from segue_resource.settings import from_process
from starlette.applications import Starlette

from segue_a2a.app import a2a_beside


def main(argv: list[str]) -> int:
    """Run the task store with a door for A2A clients at /a2a."""
    return run_store(argv, name="a2a", description=main.__doc__ or "", factory="segue_a2a.__main__:factory")


def factory() -> Starlette:
    """One worker process's server, for uvicorn."""
    settings = from_process()
    return open_app(settings, beside=a2a_beside(settings.url))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
