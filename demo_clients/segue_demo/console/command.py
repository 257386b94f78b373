"""The command `segue console`: where a human agent or a supervisor works. `desk.py` is the client."""

import argparse
from collections.abc import Sequence

import httpx2
from segue_client.device import Device

from segue_demo import loopback
from segue_demo.console import desk
from segue_demo.exit_status import exit_status
from segue_demo.site import CONSOLE_ACTIONS, DEFAULT_PORT, LOOPBACK_URI, Site


def main(argv: Sequence[str]) -> int:
    """Take part in somebody's task as a human agent, warm or cold, or watch it as a supervisor."""
    return exit_status(_run(_parser().parse_args(argv)), prog="segue console")


async def _run(options: argparse.Namespace) -> None:
    """The key lives as long as the program, so what was granted to it is withdrawn at the end."""
    async with httpx2.AsyncClient(timeout=20) as http:
        device = Device(issuer=options.authz, client_id=options.client_id, http=http)
        grant = await loopback.sign_in(
            device, redirect_uri=options.redirect_uri, actions=sorted(CONSOLE_ACTIONS), open_it=options.open
        )
        try:
            await desk.work(grant, store=options.resource)
        finally:
            await grant.end()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="segue console", description=main.__doc__)
    parser.add_argument("--authz", default=f"http://localhost:{DEFAULT_PORT}", metavar="URL", help="the issuer")
    parser.add_argument("--resource", default=f"http://localhost:{DEFAULT_PORT + 1}", metavar="URL", help="its store")
    parser.add_argument("--client-id", default=Site.console_client_id, metavar="ID", help="as what it is registered")
    parser.add_argument("--redirect-uri", default=LOOPBACK_URI, metavar="URI", help="as registered")
    parser.add_argument("--open", action="store_true", help="open the browser")
    return parser
