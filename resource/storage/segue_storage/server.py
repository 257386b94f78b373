"""Running a server: its options, one process on embedded state, uvicorn, and a stop that lets answers end."""

import argparse
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import uvicorn

from . import logs, open_files
from .process_lock import hold
from .setting import BadSetting

DRAIN = 10
"""Seconds that open answers get to end after a signal to stop."""


def parse_options(argv: list[str], *, name: str, description: str, port: int, help_text: str) -> argparse.Namespace:
    """`host`, `port`, `workers`, `log`, `forwarded_allow_ips` and `check`."""
    parser = argparse.ArgumentParser(prog=f"segue {name}", description=description, epilog=help_text)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=port, help="port to listen on (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes; more than one needs PostgreSQL and Redis")
    parser.add_argument("--log", choices=("plain", "json"), default="plain", help="how to log (default: %(default)s)")
    parser.add_argument(
        "--forwarded-allow-ips",
        default="127.0.0.1",
        metavar="IPS",
        help="proxies whose X-Forwarded-For is believed (default: %(default)s)",
    )
    parser.set_defaults(name=name.upper())
    parser.add_argument("--check", action="store_true", help="print the effective settings and stop")
    return parser.parse_args(argv)


def run(factory: str, options: argparse.Namespace, *, embedded: str | None, prepare: Callable[[], None]) -> None:
    """Prepare and serve until a signal. `factory` names what makes one worker's app.

    `embedded` is the URL of a SQLite database, which one process alone serves; None for shared state.
    Raises `BadSetting`, `AlreadyHeld` and what `prepare` raises.
    """
    if embedded is not None and options.workers > 1:
        raise BadSetting(
            f"--workers is {options.workers}; more than 1 needs PostgreSQL and Redis:"
            f" set SEGUE_{options.name}_DATABASE and SEGUE_{options.name}_REDIS"
        )
    open_files.raise_limit()
    with hold(_lock_file(embedded)) if embedded is not None else nullcontext():
        prepare()
        uvicorn.run(
            factory,
            factory=True,
            host=options.host,
            port=options.port,
            workers=options.workers,
            http="segue_storage.http_protocol:HttpProtocol",
            ws="none",
            loop="uvloop" if sys.platform != "win32" else "asyncio",
            log_config=logs.configuration(options.log),
            access_log=False,
            server_header=False,
            forwarded_allow_ips=options.forwarded_allow_ips,
            timeout_graceful_shutdown=DRAIN,
        )


def _lock_file(database: str) -> Path:
    file = Path(database.removeprefix("sqlite:///") + ".lock")
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return file
