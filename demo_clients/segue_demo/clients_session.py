"""`segue demo --authz URL --resource URL`: the agent backend and the two pages, for servers that run elsewhere."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from starlette.types import ASGIApp

from segue_demo import agent_backend, desktop, phone
from segue_demo.running import held, listening
from segue_demo.servers import serving, stop_signal
from segue_demo.site import DEFAULT_PORT, PHONE_ACTIONS, Site


async def run(options: argparse.Namespace) -> int:
    """Run until SIGINT or SIGTERM. Raises `CannotRun`."""
    base = options.port or DEFAULT_PORT
    site = Site.beside(options.authz, options.resource, base=base)
    stopped = stop_signal()
    with listening("127.0.0.1", [base + 2, base + 3, base + 4]) as listeners, held(options.state) as state:
        ledger = state / "jobs.jsonl"
        async with serving(_apps(site, ledger=ledger, job_seconds=options.job_seconds or 45), listeners):
            print(_for_programs(site, ledger) if options.json else _for_people(site, state), flush=True)
            await stopped.wait()
    return 0


def _apps(site: Site, *, ledger: Path, job_seconds: int) -> Sequence[ASGIApp]:
    agent = agent_backend.create_app(issuer=site.issuer, audience=site.agent, ledger=ledger, job_seconds=job_seconds)
    return agent, desktop.create_app(site), phone.create_app(site)


def _for_people(site: Site, state: Path) -> str:
    """With the commands that make these clients known there."""
    return f"""Segue demo pages for {site.issuer} and {site.store}.

1. Desktop    {site.desktop}/
2. Phone      {site.phone}/

The authorization server needs SEGUE_AUTHZ_AUDIENCES={site.agent} in its environment, and these two clients:
  segue client add {site.desktop_client_id} --name "Segue demo desktop" \\
    --redirect-uri {site.desktop_redirect_uri}
  segue client add {site.phone_client_id} --name "Segue demo phone" \\
    --consumption-uri {site.phone_consumption_uri} \\
    --actions "{" ".join(sorted(PHONE_ACTIONS))}"

State: {state}
Stop with Ctrl-C."""


def _for_programs(site: Site, ledger: Path) -> str:
    members = {name: getattr(site, name) for name in ("issuer", "store", "agent")}
    members |= {"desktop": f"{site.desktop}/", "phone": f"{site.phone}/", "ledger": str(ledger)}
    return json.dumps(members)
