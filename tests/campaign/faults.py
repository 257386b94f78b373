"""What breaks, and is mended. Each fault ends when everything is there again; it answers what it did, in words."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress

import psycopg

from campaign.cluster import Instance
from campaign.ground import Ground
from campaign.wire import MOMENTS, Moment, Trap, Wire

Fault = Callable[[Ground], Awaitable[str]]

AWAITED = 20.0
"""Seconds within which the work comes to a write point that it has come to before."""


async def nothing(ground: Ground) -> str:
    """To see that what is found elsewhere comes of the fault."""
    await asyncio.sleep(ground.outage)
    return "nothing"


async def processes_killed(ground: Ground) -> str:
    """kill -9 of one process of each server, at any time."""
    victims = [ground.dice.choice(ground.cluster.of(kind)) for kind in ("authz", "resource")]
    for victim in victims:
        await asyncio.sleep(ground.dice.uniform(0, 0.5))
        ground.cluster.kill(victim)
    await ground.have(ground.cluster.start, *victims)
    return f"killed {' and '.join(victim.name for victim in victims)}"


async def killed_at_a_write(ground: Ground) -> str:
    """kill -9 of the process that comes to a write first, before PostgreSQL has it or after it has done it."""
    kind, point, moment = _drawn(ground)
    return await kill_at(ground, kind, point, moment)


async def kill_at(ground: Ground, kind: str, point: str, moment: Moment) -> str:
    by_wire = {id(instance.database): instance for instance in ground.cluster.of(kind)}
    killed: list[Instance] = []

    def spring(wire: Wire) -> None:
        killed.append(by_wire[id(wire)])
        ground.cluster.kill(killed[0])

    trap = Trap(point, moment, springs=spring)
    if not await _spring(ground, kind, trap):
        return f"nobody came to {point}"
    await ground.have(ground.cluster.start, *killed)
    return f"killed {killed[0].name} {moment} {point}"


async def cut_at_a_write(ground: Ground) -> str:
    """The connection to PostgreSQL breaks at a write, and nothing else does."""
    kind, point, moment = _drawn(ground)
    return await cut_at(ground, kind, point, moment)


async def cut_at(ground: Ground, kind: str, point: str, moment: Moment) -> str:
    if not await _spring(ground, kind, Trap(point, moment, springs=lambda _: None)):
        return f"nobody came to {point}"
    return f"cut {kind} off {moment} {point}"


async def postgresql_restarted_fast(ground: Ground) -> str:
    """Transactions are rolled back, connections closed with a word (SIGINT)."""
    return await _restarted(ground, signal.SIGINT)


async def postgresql_restarted_immediately(ground: Ground) -> str:
    """As in a crash: connections break, and what was committed comes from the log (SIGQUIT)."""
    return await _restarted(ground, signal.SIGQUIT)


async def postgresql_out_of_connections(ground: Ground) -> str:
    """Others hold all connections; the servers have lost theirs."""
    with ExitStack() as held:
        taken = 0
        for _ in range(100):
            ground.cluster.wires.cut(*ground.cluster.database_wires())
            with suppress(psycopg.OperationalError):
                while True:
                    held.enter_context(await asyncio.to_thread(psycopg.connect, ground.postgresql.url))
                    taken += 1
            if taken >= ground.postgresql.CONNECTIONS:
                break
            await asyncio.sleep(0.02)
        await asyncio.sleep(ground.outage)
    return f"{taken} connections held by others"


async def postgresql_slow(ground: Ground) -> str:
    """Each message takes a while."""
    with _changed(ground.cluster.database_wires(), delay=0.05):
        await asyncio.sleep(ground.outage)
    return "50 ms each way"


async def postgresql_locked(ground: Ground) -> str:
    """Somebody holds the tables that are written most, and then lets go."""

    def hold() -> None:
        with psycopg.connect(ground.cluster.database) as connection:
            connection.execute("LOCK TABLE task_heads, grants, transfers IN EXCLUSIVE MODE")
            time.sleep(held)

    held = 3 * ground.outage
    await asyncio.to_thread(hold)
    return f"tables locked for {held:.1f} s"


async def redis_gone(ground: Ground) -> str:
    """Nobody listens there; then one does, and remembers nothing."""
    await ground.have(ground.redis.stop)
    await asyncio.sleep(ground.outage)
    await ground.have(ground.redis.start)
    return f"away for {ground.outage} s, and back empty"


async def redis_restarted_empty(ground: Ground) -> str:
    """Away no longer than a restart takes."""
    await ground.have(ground.redis.stop)
    await ground.have(ground.redis.start)
    return "restarted, empty"


async def redis_paused(ground: Ground) -> str:
    """Connections stay, and nothing is answered."""
    ground.redis.suspend()
    await asyncio.sleep(ground.outage)
    ground.redis.resume()
    return f"stopped for {ground.outage} s"


async def redis_partitioned(ground: Ground) -> str:
    """One process of each server cannot reach it; the others can."""
    apart = [ground.dice.choice(ground.cluster.of(kind)) for kind in ("authz", "resource")]
    with _changed([instance.redis for instance in apart], silent=True):
        await asyncio.sleep(2 * ground.outage)
    return f"{' and '.join(instance.name for instance in apart)} apart from it for {2 * ground.outage} s"


OF_PROCESSES = (processes_killed, killed_at_a_write, cut_at_a_write)
OF_POSTGRESQL = (
    postgresql_restarted_fast,
    postgresql_restarted_immediately,
    postgresql_out_of_connections,
    postgresql_slow,
    postgresql_locked,
)
OF_REDIS = (redis_gone, redis_restarted_empty, redis_paused, redis_partitioned)


def _drawn(ground: Ground) -> tuple[str, str, Moment]:
    """A server, one of the write points that it has come to, the more likely the more often, and a moment."""
    kind = ground.dice.choice(["authz", "resource"])
    return kind, ground.dice.choice(sorted(ground.cluster.write_points(kind).elements())), ground.dice.choice(MOMENTS)


async def _spring(ground: Ground, kind: str, trap: Trap) -> bool:
    """Set the trap at all processes of the server; whether it sprang."""
    wires = [instance.database for instance in ground.cluster.of(kind)]
    with _changed(wires, trap=trap):
        return await asyncio.to_thread(trap.sprung.wait, AWAITED)


async def _restarted(ground: Ground, how: signal.Signals) -> str:
    await ground.have(ground.postgresql.stop, how)
    await asyncio.sleep(ground.dice.uniform(0, 0.5))
    await ground.have(ground.postgresql.start)
    return f"stopped with {how.name}, and started"


class _changed:  # noqa: N801
    """Set something of some wires, and put it back."""

    def __init__(self, wires: Sequence[Wire], **settings: object) -> None:
        self._wires = wires
        self._settings = settings
        self._before = [{name: getattr(wire, name) for name in settings} for wire in wires]

    def __enter__(self) -> None:
        for wire in self._wires:
            for name, value in self._settings.items():
                setattr(wire, name, value)

    def __exit__(self, *_: object) -> None:
        for wire, before in zip(self._wires, self._before, strict=True):
            for name, value in before.items():
                setattr(wire, name, value)
