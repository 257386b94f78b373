"""A Redis cluster: masters that divide the slots, and replicas of the first one that take over when it fails."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis_server import RedisServer
from server_process import PATIENCE, binary, free_port, own

MASTERS = 3
SLOTS = 16384
NODE_TIMEOUT = 1.0
"""Seconds after which a silent member counts as failed."""


class RedisCluster:
    """`masters` in the order of their slots, then `replicas` of the first."""

    def __init__(self, folder: Path, *, replicas: int) -> None:
        self.masters = [_member(folder, f"master-{number}") for number in range(MASTERS)]
        self.replicas = [_member(folder, f"replica-{number}") for number in range(replicas)]

    @property
    def members(self) -> list[RedisServer]:
        return self.masters + self.replicas

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{member.port}" for member in self.members)

    def start(self) -> None:
        buses = [_start(member) for member in self.members]
        for number, master in enumerate(self.masters):
            master.ask("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
            first, next_first = (SLOTS * each // MASTERS for each in (number, number + 1))
            master.ask("CLUSTER", "ADDSLOTSRANGE", str(first), str(next_first - 1))
            master.ask("CLUSTER", "MEET", "127.0.0.1", str(self.masters[0].port), str(buses[0]))
        for replica in self.replicas:
            replica.ask("CLUSTER", "MEET", "127.0.0.1", str(self.masters[0].port), str(buses[0]))
        self.await_all("CLUSTER INFO", b"cluster_known_nodes:%d" % len(self.members))
        name = self.masters[0].ask("CLUSTER", "MYID").split(b"\r\n")[1].decode()
        for replica in self.replicas:
            _await(lambda replica=replica: replica.ask("CLUSTER", "REPLICATE", name) == b"+OK\r\n")
            _await(lambda replica=replica: b"master_link_status:up" in replica.ask("INFO", "replication"))
        self.await_all("CLUSTER INFO", b"cluster_state:ok")

    def await_all(self, question: str, answer: bytes) -> None:
        for member in self.members:
            _await(lambda member=member: answer in member.ask(*question.split()))

    def move(self, slot: int, old: RedisServer, new: RedisServer) -> None:
        """As the specification of Redis cluster has it, "Live reconfiguration"."""
        old_name, new_name = (server.ask("CLUSTER", "MYID").split(b"\r\n")[1].decode() for server in (old, new))
        new.ask("CLUSTER", "SETSLOT", str(slot), "IMPORTING", old_name)
        old.ask("CLUSTER", "SETSLOT", str(slot), "MIGRATING", new_name)
        keys = old.ask("CLUSTER", "GETKEYSINSLOT", str(slot), "1000").decode().split("\r\n")[2::2]
        old.ask("MIGRATE", "127.0.0.1", str(new.port), "", "0", "5000", "KEYS", *keys)
        for server in (new, old):
            server.ask("CLUSTER", "SETSLOT", str(slot), "NODE", new_name)

    def empty(self) -> None:
        for master in self.masters:
            master.ask("FLUSHALL")

    def stop(self) -> None:
        for member in self.members:
            member.resume()
            member.stop()


def _member(folder: Path, name: str) -> RedisServer:
    own_folder = folder / name
    own_folder.mkdir()
    own(own_folder)
    return RedisServer(own_folder)


def _start(member: RedisServer) -> int:
    """The port of its cluster bus. A part of the slots that nobody has leaves the rest as they are."""
    bus = free_port()
    settings = {
        "cluster-enabled": "yes",
        "cluster-port": bus,
        "cluster-node-timeout": round(NODE_TIMEOUT * 1000),
        "cluster-require-full-coverage": "no",
        "cluster-allow-replica-migration": "no",
        "repl-diskless-sync-delay": 0,
    }
    member.start(*(word for name, value in settings.items() for word in (f"--{name}", str(value))))
    return bus


def _await(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > until:
            pytest.fail("the cluster does not come together")
        time.sleep(0.05)


@contextmanager
def running_redis_cluster(*, replicas: int = 0) -> Iterator[RedisCluster]:
    """An empty cluster, running; stopped at the end."""
    binary("redis-server")
    with tempfile.TemporaryDirectory(prefix="segue-redis-cluster-") as name:
        own(Path(name))
        cluster = RedisCluster(Path(name), replicas=replicas)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
