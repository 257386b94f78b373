"""authz on one core beside oidc-provider on one core: the requests of a device, over connections that stay open.

PostgreSQL, Redis and the load have the other cores. Everything that is asked was prepared: codes are approved, tokens
issued, proofs signed. Both servers check the proof, demand a nonce and refuse a replay; both mint an ES256 token for
one audience and rotate the refresh token. What authz says is durable in PostgreSQL; the peer keeps all in Redis, which
keeps nothing on disk.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import psycopg
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from segue.device_key import DeviceKey

from segue_bench import timing
from segue_bench.ground import create_database, postgresql, redis
from segue_bench.measure import Figure, Missing, Of, Plan, Result, Say, Target, at_least, at_most, ratio
from segue_bench.subjects.authz.contender import ASK, POLL, REDEEM, REFRESH, STATUS, WAYS, Contender
from segue_bench.subjects.authz.own import authz
from segue_bench.subjects.authz.peer import oidc_provider
from segue_bench.subjects.authz.sending import CONNECTIONS, send

TIMES = {POLL: 2.0, REFRESH: 2.0, REDEEM: 2.0, ASK: 1.0}
"""How many times as fast as the peer each is to be."""
FLOORS = 1.8
"""How many times its floor a minted token may cost."""
DEVICES = 64
ROUNDS, QUICK_ROUNDS = 5, 2
REQUESTS, QUICK_REQUESTS = 1_500, 200
"""Of each way in one round."""
WARMING = 300
"""Not counted: connections are opened, statements prepared, and what is compiled while it runs is compiled."""


class Measured:
    """Requests a second, processor time and waiting of each way, by round."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self.rates: dict[str, list[float]] = {way: [] for way in WAYS}
        self.microseconds: dict[str, list[float]] = {way: [] for way in WAYS}
        self.milliseconds: dict[str, list[list[float]]] = {way: [] for way in WAYS}

    def warm(self, count: int) -> None:
        for way in WAYS:
            send(self.contender.port, self.contender.requests(way, count), status=STATUS[way])

    def measure(self, way: str, count: int) -> None:
        """One round."""
        requests = self.contender.requests(way, count)
        before = self.contender.served.cpu_seconds()
        sent = send(self.contender.port, requests, status=STATUS[way])
        used = self.contender.served.cpu_seconds() - before
        self.rates[way].append(count / sent.seconds)
        self.microseconds[way].append(1_000_000 * used / count)
        self.milliseconds[way].append(sent.milliseconds)

    def figures(self, of: Of) -> tuple[dict[str, Figure], dict[str, Figure], dict[str, Figure]]:
        """By way: rates, processor times, and how long a request waits among as many as there are connections."""
        name = self.contender.name
        rates = {w: Figure.rates(name, self.rates[w], of=of, group=w) for w in WAYS}
        times = {
            w: Figure.rates(name, self.microseconds[w], of=of, unit="µs", group=f"processor time of a {w}")
            for w in WAYS
        }
        waits = {
            w: Figure.times(name, self.milliseconds[w], of=of, unit="ms", group=f"time of a {w} among {CONNECTIONS}")
            for w in WAYS
        }
        return rates, times, waits


def run(plan: Plan, say: Say) -> Result:
    """Measure both by turns. Raises `Missing`."""
    rounds, count = plan.often(ROUNDS, quick=QUICK_ROUNDS), QUICK_REQUESTS if plan.quick else REQUESTS
    warming = min(WARMING, count)
    prepared = warming + rounds * count
    keys = [DeviceKey.generate() for _ in range(DEVICES)]
    missing = {}
    with ExitStack() as stack:
        core = stack.enter_context(_others_elsewhere())
        cluster, memory = stack.enter_context(postgresql()), stack.enter_context(redis())
        floors = _floors(create_database(cluster), 100 if plan.quick else 500)
        database = create_database(cluster)
        own = Measured(stack.enter_context(authz(database, memory, count=prepared, keys=keys, core=core)))
        both = [own]
        try:
            provider = oidc_provider(
                stack.enter_context(redis()), count=prepared, key=keys[0], core=core, into=plan.peers, say=say
            )
            both.append(Measured(stack.enter_context(provider)))
        except Missing as reason:
            missing["oidc-provider"] = str(reason)
        for one in both:
            one.warm(warming)
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            for way in WAYS:
                for one in both:
                    one.measure(way, count)
    return _result(own, both[1:], floors, missing)


def _result(own: Measured, peers: Sequence[Measured], floors: Sequence[Figure], missing: dict[str, str]) -> Result:
    rates, times, waits = own.figures(Of.SEGUE)
    theirs = [peer.figures(Of.PEER) for peer in peers]
    figures = [*floors]
    for mine, its in zip((rates, times, waits), zip(*theirs, strict=True) if theirs else ((),) * 3, strict=True):
        for way in WAYS:
            figures += [mine[way], *(each[way] for each in its)]
    targets: list[Target] = []
    for their_rates, their_times, _ in theirs:
        for way, bound in TIMES.items():
            reason = f"by processor time of the server it is {ratio(their_times[way], times[way]):.2f} times"
            targets.append(
                at_least(f"{way} beside oidc-provider", ratio(rates[way], their_rates[way]), bound, reason=reason)
            )
    floor = sum(figure.median for figure in floors)
    for way in (REFRESH, REDEEM):
        reason = f"its processor time is {times[way].median / floor:.2f} times the floor"
        cost = 1_000_000 / rates[way].median / floor
        targets.append(at_most(f"a token minted by {way}, in floors", cost, FLOORS, reason=reason))
    return Result(
        figures=figures,
        targets=targets,
        missing=missing,
        notes=[
            "A device that asks proves its key to authz, and what it asks is durable; the peer takes no proof there.",
            "For redemptions authz asks the task store for the tasks' names, over HTTP, for those that wait together.",
            "The task store is a small program on another core here, which knows every task.",
            "The floor of a token is one ES256 verification, one signature and one durable commit of 300 bytes.",
            f"Both are asked over {CONNECTIONS} connections, and what waits at authz is committed together.",
        ],
    )


def _floors(database: str, times: int) -> list[Figure]:
    """What nobody can do without who checks a proof, signs a token and makes it durable."""
    key, content, how = ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(400), ec.ECDSA(SHA256())
    signature, public = key.sign(content, how), key.public_key()
    verified = timing.each(lambda _: public.verify(signature, content, how), range(times))
    signed = timing.each(lambda _: key.sign(content, how), range(times))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE floor (content bytea)")
        body = secrets.token_bytes(300)
        committed = timing.each(
            lambda _: connection.execute("INSERT INTO floor VALUES (%s)", [body], prepare=True), range(times)
        )
    named = {"ES256 verification": verified, "ES256 signature": signed, "durable commit of 300 bytes": committed}
    return [Figure.times(name, [taken], of=Of.FLOOR, group="floors") for name, taken in named.items()]


@contextmanager
def _others_elsewhere() -> Iterator[int]:
    """The core of the server that is asked; this process and all that it starts have the others, if there are any."""
    cores = os.sched_getaffinity(0)
    first, *others = sorted(cores)
    os.sched_setaffinity(0, others or cores)
    try:
        yield first
    finally:
        os.sched_setaffinity(0, cores)
