"""What `segue demo` does once its options are read: run until stopped, or rehearse both transfers."""

import argparse
import asyncio
import json
import ssl
import webbrowser
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict

from segue_demo import announcement, check
from segue_demo.running import Running, running
from segue_demo.servers import stop_signal
from segue_demo.site import DEFAULT_PORT


async def run(options: argparse.Namespace) -> int:
    """Run until SIGINT or SIGTERM. Raises `CannotRun`."""
    base, job_seconds = options.port or DEFAULT_PORT, options.job_seconds or 45
    stopped = stop_signal()
    async with _running(options, base=base, job_seconds=job_seconds) as demo:
        announcement.show(demo, as_json=options.json)
        if options.open:
            await asyncio.to_thread(webbrowser.open, f"{demo.site.desktop}/")
        await stopped.wait()
    return 0


async def rehearse(options: argparse.Namespace) -> int:
    """Transfer in both directions and tell of each step; 0 if all went as it must. Raises `CannotRun`."""
    steps: list[check.Step] = []

    def tell(step: check.Step) -> None:
        steps.append(step)
        if not options.json:
            announcement.tell_step(step)

    base, job_seconds = options.port or 0, options.job_seconds or 4
    async with _running(options, base=base, job_seconds=job_seconds) as demo:
        passed = await check.rehearse(demo.site, demo.person, ledger=demo.ledger, tell=tell, trust=_trust(demo))
    if options.json:
        print(json.dumps({"ok": passed, "steps": [asdict(step) for step in steps]}))
    else:
        announcement.tell_outcome(steps, passed=passed)
    return 0 if passed else 1


def _running(options: argparse.Namespace, *, base: int, job_seconds: int) -> AbstractAsyncContextManager[Running]:
    return running(lan=options.lan, base=base, state=options.state, job_seconds=job_seconds, policy=options.policy)


def _trust(demo: Running) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=demo.certificate.certificate) if demo.certificate else True
