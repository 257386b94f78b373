"""What a protected request costs, beside bare cryptography and libraries that check as much or less.

All ways serve by turns, a round each, so that whatever else the machine does hits them alike.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from segue_bench.measure import Figure, Missing, Of, Plan, Result, Say, Target, at_least, at_most, fastest_tenth, ratio
from segue_bench.profile import profiled
from segue_bench.subjects.middleware.library import NODE, PYTHON, library
from segue_bench.subjects.middleware.request import Sender, Sent
from segue_bench.subjects.middleware.way import Bare, BareTwice, Middleware, Way

BARE, TWICE = "bare ES256 verification", "two bare verifications"
KNOWN, NEW_TOKEN, NEW_DEVICE = "Segue, a token it knows", "Segue, a new token", "Segue, a new token of a new device"
SEEN, FIRST = "a request with a token seen before", "the first request with a token"
MOST_OF_FLOOR = 1.4
LEAST_FASTER = 3
REQUESTS = 200
"""Of each way in a round."""
NOTES = (
    (
        "The bare verification takes the point of the proof's key, makes a key of it, and checks the signature; of two "
        "the first is the token's, by the issuer's key. The middleware is measured from the scope to the last message "
        "sent, with withdrawals, epoch, nonce and the memory of uses."
    ),
    (
        "The libraries verify token and proof anew for each request, as their documents show it. What they leave to "
        "their caller is done around joserfc, PyJWT and jose; oauth4webapi and express-oauth2-jwt-bearer check neither "
        "a nonce nor a replay here. Each serves in a process of its own, and times itself."
    ),
)


class _Contender(NamedTuple):
    what: str
    of: Of
    group: str
    way: Way
    requests: Callable[..., list[Sent]]


def run(plan: Plan, say: Say) -> Result:
    """Serve new requests by every way that can be had."""
    sender = Sender()
    missing: dict[str, str] = {}
    conditions: dict[str, str] = {}
    with ExitStack() as ending:
        middleware = Middleware(sender)
        ending.callback(middleware.close)
        contenders = [
            _Contender(BARE, Of.FLOOR, SEEN, Bare(), sender.known),
            _Contender(KNOWN, Of.SEGUE, SEEN, middleware, sender.known),
        ]
        for name in (*PYTHON, *NODE):
            try:
                way = library(name, sender.issuer.jwks["keys"][0], plan, say)
            except Missing as reason:
                missing[name] = str(reason)
                continue
            ending.callback(way.close)
            conditions[name] = way.version
            contenders.append(_Contender(name, Of.PEER, SEEN, way, sender.known))
        contenders += [
            _Contender(TWICE, Of.FLOOR, FIRST, BareTwice(sender.issuer.private_key.public_key()), sender.new_token),
            _Contender(NEW_TOKEN, Of.SEGUE, FIRST, middleware, sender.new_token),
            _Contender(NEW_DEVICE, Of.SEGUE, FIRST, middleware, sender.new_device),
        ]
        times = _times(contenders, plan.often(30, quick=6), sender, say)
        requests = sender.known(REQUESTS, nonce=middleware.nonce)
        profile = profiled(lambda: middleware.times(requests))
    figures = [Figure.times(each.what, times[each.what], of=each.of, group=each.group) for each in contenders]
    targets = list(_targets({figure.what: figure for figure in figures}, times))
    return Result(figures, targets, conditions, missing, NOTES, profile)


def _times(contenders: Sequence[_Contender], rounds: int, sender: Sender, say: Say) -> dict[str, list[list[float]]]:
    """Of each way, for each round, microseconds of each request. One more round, the first, only warms up."""
    times: dict[str, list[list[float]]] = {contender.what: [] for contender in contenders}
    for number in range(rounds + 1):
        say(f"round {number} of {rounds}")
        sender.renew()
        first = number % len(contenders)
        for what, _, _, way, make in [*contenders[first:], *contenders[:first]]:
            taken = way.times(make(REQUESTS, nonce=way.nonce))
            times[what] += [taken] if number else []
    return times


def _targets(figures: Mapping[str, Figure], times: Mapping[str, list[list[float]]]) -> Iterator[Target]:
    def reason(one: str, other: str) -> str:
        """What shares the core costs Python more than it costs one long call into C."""
        undisturbed = fastest_tenth(times[one]) / fastest_tenth(times[other])
        return f"of the fastest tenth of the requests, which nothing disturbed, it is {undisturbed:.2f} times"

    for what, floor in ((KNOWN, BARE), (NEW_TOKEN, TWICE), (NEW_DEVICE, TWICE)):
        measured = ratio(figures[what], figures[floor])
        yield at_most(f"{what}, against {floor}", measured, MOST_OF_FLOOR, reason=reason(what, floor))
    for peer in (*PYTHON, *NODE):
        if peer in figures:
            measured = ratio(figures[peer], figures[KNOWN])
            yield at_least(f"faster than {peer}", measured, LEAST_FASTER, reason=reason(peer, KNOWN))
