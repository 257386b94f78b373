"""What a campaign is fought on: the servers, their database and their memory, and the dice."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from postgresql_server import PostgreSQLServer, running_postgresql
from redis_server import RedisServer, running_redis

from campaign.cluster import Cluster, running_cluster


@dataclass(frozen=True)
class Ground:
    cluster: Cluster
    postgresql: PostgreSQLServer
    redis: RedisServer
    dice: Random
    outage: float
    """Seconds that something is away."""
    hands: ThreadPoolExecutor

    async def have(self, done: Callable[..., object], *arguments: object) -> None:
        """Have something started or stopped by a thread that lasts: processes die with the one that started them."""
        await asyncio.get_running_loop().run_in_executor(self.hands, done, *arguments)


@contextmanager
def held_ground(folder: Path, *, people: int, seed: int, outage: float) -> Iterator[Ground]:
    """A deployment with a PostgreSQL and a Redis of its own."""
    with running_postgresql() as postgresql, running_redis() as redis, ThreadPoolExecutor(1) as hands:
        database = postgresql.create_database()
        with running_cluster(folder, database=database, redis=redis.url, people=people) as cluster:
            yield Ground(cluster, postgresql, redis, Random(seed), outage, hands)
