"""Measures all ways in one run, in alternating rounds, so that whatever else the machine does hits them alike."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from segue.bench.node import Oauth4webapi
from segue.bench.request import Sender, Sent
from segue.bench.timing import Figures, figures
from segue.bench.way import Bare, Joserfc, Middleware, PyJwt, Unavailable, Way

BARE, KNOWN, NEW_TOKEN, NEW_DEVICE = "bare", "segue", "segue, new token", "segue, new device"
LIBRARIES = ("joserfc", "PyJWT", "oauth4webapi")
MOST_TIMES_BARE = 1.4
LEAST_TIMES_FASTER = 3.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was measured, and why the rest was not."""

    figures: dict[str, Figures]
    skipped: dict[str, str]

    def times_bare(self, way: str) -> float:
        """Its median as a multiple of the bare verification's."""
        return self.figures[way].median / self.figures[BARE].median

    def times_segue(self, way: str) -> float:
        """Its median as a multiple of the middleware's with a token it knows."""
        return self.figures[way].median / self.figures[KNOWN].median

    def targets(self) -> dict[str, bool]:
        """What was promised, and whether it is kept."""
        kept = {f"at most {MOST_TIMES_BARE} times the bare verification": self.times_bare(KNOWN) <= MOST_TIMES_BARE}
        for library in LIBRARIES:
            if library in self.figures:
                promise = f"at least {LEAST_TIMES_FASTER:g} times faster than {library}'s way"
                kept[promise] = self.times_segue(library) >= LEAST_TIMES_FASTER
        return kept


class _Contender(NamedTuple):
    name: str
    way: Way
    requests: Callable[..., list[Sent]]


def compare(*, rounds: int, requests: int, node_folder: Path) -> Comparison:
    """Serve `requests` new requests in each of `rounds` rounds by every way that can be had, one after the other."""
    sender = Sender()
    skipped: dict[str, str] = {}
    with ExitStack() as ending:
        contenders = list(_contenders(sender, skipped, ending, node_folder))
        times: dict[str, list[int]] = {contender.name: [] for contender in contenders}
        for number in range(rounds + 1):
            sender.renew()
            for name, way, make in contenders[number % len(contenders) :] + contenders[: number % len(contenders)]:
                taken = way.times(make(requests, nonce=way.nonce))
                times[name] += taken if number else []  # the first round only warms up
    return Comparison({name: figures(taken) for name, taken in times.items()}, skipped)


def _contenders(sender: Sender, skipped: dict[str, str], ending: ExitStack, folder: Path) -> Iterator[_Contender]:
    middleware = Middleware(sender)
    ending.callback(middleware.close)
    yield _Contender(BARE, Bare(), sender.known)
    yield _Contender(KNOWN, middleware, sender.known)
    yield _Contender(NEW_TOKEN, middleware, sender.new_token)
    yield _Contender(NEW_DEVICE, middleware, sender.new_device)
    jwk = sender.issuer.jwks["keys"][0]
    try:
        yield _Contender("joserfc", Joserfc(jwk), sender.known)
    except Unavailable as reason:
        skipped["joserfc"] = str(reason)
    try:
        yield _Contender("PyJWT", PyJwt(jwk), sender.known)
    except Unavailable as reason:
        skipped["PyJWT"] = str(reason)
    try:
        node = Oauth4webapi(jwk, folder=folder)
    except Unavailable as reason:
        skipped["oauth4webapi"] = str(reason)
        return
    ending.callback(node.close)
    yield _Contender("oauth4webapi", node, sender.known)
