"""The command `segue console`: where a human agent or a supervisor works. `desk.py` is the client."""

import argparse
import asyncio
import sys
import webbrowser
from collections.abc import Sequence

import httpx2

from segue_demo import loopback
from segue_demo.console import desk
from segue_demo.device import Device, Refused
from segue_demo.event_line import plain
from segue_demo.site import CONSOLE_ACTIONS, DEFAULT_PORT, LOOPBACK_URI, Site


def main(argv: Sequence[str]) -> int:
    """Take part in somebody's task as a human agent, warm or cold, or watch it as a supervisor."""
    options = _parser().parse_args(argv)
    try:
        asyncio.run(_run(options))
    except Refused as refused:
        print(f"segue console: {plain(refused.description)} ({refused.error})", file=sys.stderr)
        return 1
    except (httpx2.TransportError, OSError) as failure:
        print(f"segue console: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


async def _run(options: argparse.Namespace) -> None:
    """The key lives as long as the program, so what was granted to it is withdrawn at the end."""

    def show(url: str) -> None:
        print(f"Sign in and choose the task:\n{url}", flush=True)
        if options.open:
            webbrowser.open(url)

    async with httpx2.AsyncClient(timeout=20) as http:
        device = Device(issuer=options.authz, client_id=options.client_id, http=http)
        grant = await loopback.sign_in(
            device, redirect_uri=options.redirect_uri, actions=sorted(CONSOLE_ACTIONS), show=show
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
