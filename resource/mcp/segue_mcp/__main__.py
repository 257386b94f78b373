"""`segue mcp`: run the task store, and its tasks for MCP clients beside it."""

import sys

from segue_resource.__main__ import run_store
from segue_resource.serving import open_app
from segue_resource.settings import from_process
from starlette.applications import Starlette

from segue_mcp.app import mcp_beside


def main(argv: list[str]) -> int:
    """Run the task store with a door for MCP clients at /mcp."""
    return run_store(argv, name="mcp", description=main.__doc__ or "", factory="segue_mcp.__main__:factory")


def factory() -> Starlette:
    """One worker process's server, for uvicorn."""
    settings = from_process()
    return open_app(settings, beside=mcp_beside(settings.url))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
