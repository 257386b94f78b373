"""The demo up and answering, for as long as a context lasts."""

import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from segue.clock import now
from segue_authz import policy_file
from segue_authz.domain.policy import Policies
from segue_storage.process_lock import AlreadyHeld, hold
from segue_storage.setting import BadSetting

from segue_demo.certificate import self_made
from segue_demo.enrolled import OtherSite, Person
from segue_demo.servers import Certificate, PortTaken, listen, serving
from segue_demo.site import Site
from segue_demo.stack import open_stack


class CannotRun(Exception):
    """Why the demo cannot run, in words for the person who started it."""


@dataclass(frozen=True)
class Running:
    """The demo while it runs. `kept` says whether its state outlives it, `ledger` witnesses the jobs."""

    site: Site
    person: Person
    state: Path
    kept: bool
    ledger: Path
    certificate: Certificate | None


@asynccontextmanager
async def running(
    *, lan: str | None, base: int, state: Path | None, job_seconds: int, policy: Path | None = None
) -> AsyncIterator[Running]:
    """Five servers from port `base` on (0: any free ones). Raises `CannotRun`.

    `lan` is None for this machine alone, otherwise the address to serve https at, or empty to find it out.
    """
    policies = _policies(policy)
    host = "localhost" if lan is None else lan or _own_address()
    ports = [base and base + n for n in range(5)]
    with listening("127.0.0.1" if lan is None else host, ports) as listeners, held(state) as folder:
        site = Site.at(host, [listener.getsockname()[1] for listener in listeners], https=lan is not None)
        certificate = self_made(folder, host=host, now=now()) if site.self_made_certificate else None
        try:
            async with (
                open_stack(site, state=folder, job_seconds=job_seconds, policies=policies) as stack,
                serving(stack.apps, listeners, certificate=certificate),
            ):
                yield Running(site, stack.person, folder, state is not None, stack.ledger, certificate)
        except OtherSite as other:
            raise CannotRun(str(other)) from other


@contextmanager
def listening(host: str, ports: Sequence[int]) -> Iterator[list[socket.socket]]:
    """Hold the ports and let go of them, also when nothing came to serve them. Raises `CannotRun`."""
    try:
        listeners = listen(host, ports)
    except PortTaken as taken:
        raise CannotRun(str(taken)) from taken
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close()


@contextmanager
def held(wanted: Path | None) -> Iterator[Path]:
    """The folder of all state, held by this process alone; thrown away unless it was asked for. Raises `CannotRun`."""
    folder = (wanted or Path(tempfile.mkdtemp(prefix="segue-demo-"))).resolve()
    with ExitStack() as cleaning:
        if wanted is None:
            cleaning.callback(shutil.rmtree, folder, ignore_errors=True)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            cleaning.enter_context(hold(folder / "demo.lock"))
        except AlreadyHeld as other:
            raise CannotRun(f"{folder} is in use by another demo; stop that one, or use another --state") from other
        except OSError as failure:
            raise CannotRun(f"{folder} cannot be used: {failure.strerror or failure}") from failure
        yield folder


def _policies(file: Path | None) -> Policies:
    try:
        return policy_file.read(file)
    except BadSetting as bad:
        raise CannotRun(str(bad)) from bad


def _own_address() -> str:
    """This machine's address on the network it would use to go out; nothing is sent. Raises `CannotRun`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737: there is no such host
            return str(probe.getsockname()[0])
        except OSError as failure:
            raise CannotRun("this machine has no network; name its address: --lan ADDRESS") from failure
