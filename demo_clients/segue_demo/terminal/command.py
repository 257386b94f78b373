"""The command `segue terminal`: a device that has a terminal and no page. `way_in.py` and `room.py` are the client."""

import argparse
import platform
from collections.abc import Sequence

import httpx2
from segue_client.device import Device

from segue_demo import loopback
from segue_demo.exit_status import exit_status
from segue_demo.site import DEFAULT_PORT, DESKTOP_ACTIONS, LOOPBACK_URI, Site
from segue_demo.terminal import room, way_in


def main(argv: Sequence[str]) -> int:
    """Continue a task in this terminal: ask for it, take it over with a code, or sign in and pass it on."""
    return exit_status(_run(_parser().parse_args(argv)), prog="segue terminal")


async def _run(options: argparse.Namespace) -> None:
    """The key lives as long as the program, so what was granted to it is withdrawn at the end."""
    async with httpx2.AsyncClient(timeout=20) as http:
        device = Device(issuer=options.authz, client_id=_client_id(options), http=http)
        if options.sign_in:
            grant = await loopback.sign_in(
                device, redirect_uri=options.redirect_uri, actions=sorted(DESKTOP_ACTIONS), open_it=options.open
            )
        elif options.code:
            grant = await way_in.claim(device, options.code, device_name=options.name)
        else:
            grant = await way_in.ask(device, device_name=options.name)
        try:
            await room.enter(grant, store=options.resource, agent=options.agent, device_name=options.name)
        finally:
            await grant.end()


def _client_id(options: argparse.Namespace) -> str:
    """A transfer names the application that may take it over; the demo's desktop names the demo's phone."""
    return str(options.client_id or (Site.phone_client_id if options.code else Site.terminal_client_id))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="segue terminal", description=main.__doc__)
    parser.add_argument("code", nargs="?", help="what another device shows for typing (default: ask for a task)")
    parser.add_argument("--sign-in", action="store_true", help="sign in with the browser of this machine")
    parser.add_argument("--name", default=f"Terminal on {platform.node()}"[:100], help="what this device calls itself")
    parser.add_argument("--authz", default=f"http://localhost:{DEFAULT_PORT}", metavar="URL", help="the issuer")
    parser.add_argument("--resource", default=f"http://localhost:{DEFAULT_PORT + 1}", metavar="URL", help="its store")
    parser.add_argument("--agent", default=f"http://localhost:{DEFAULT_PORT + 2}", metavar="URL", help="who answers")
    parser.add_argument("--client-id", metavar="ID", help="as what it is registered (default: as in the demo)")
    parser.add_argument("--redirect-uri", default=LOOPBACK_URI, metavar="URI", help="for --sign-in, as registered")
    parser.add_argument("--open", action="store_true", help="with --sign-in: open the browser")
    return parser
