"""From an append to the readers who follow: many of one task, and many tasks of one reader each.

The server is one process; the readers and the writer are another one, on bare sockets. A time is from the request that
appends to the moment at which a reader has received the event, so the commit is in it.
"""

import resource
import secrets
from collections.abc import Sequence
from contextlib import suppress

from segue.testing import TestDevice

from segue_bench.ground import create_database, postgresql, redis
from segue_bench.measure import Figure, Of, Plan, Result, Say, Target, at_most
from segue_bench.subjects.live.readers import Connection, Readers, Slow, Writer
from segue_bench.subjects.live.served import ServedStore, served_store

READERS, QUICK_READERS = 1_000, 100
BOUND = 50.0
"""Milliseconds in which 99 of 100 readers have an event."""
A_DEVICE = 20
"""Streams of one device: how many it may have is limited."""
PAUSE = 0.05
"""Seconds between two events: somebody reads them."""
ONE, EACH = "all of one task", "one of each task"


def run(plan: Plan, say: Say) -> Result:
    """Measure on a server of its own. Raises `Missing`."""
    readers = QUICK_READERS if plan.quick else READERS
    rounds = plan.often(100, quick=10)
    _allow_files(2 * readers + 200)
    taken: dict[str, list[list[float]]] = {}
    conditions: dict[str, str] = {}
    with postgresql() as cluster, redis() as memory:
        for what, tasks in ((ONE, 1), (EACH, readers)):
            say(f"{readers} readers, {what}")
            with served_store(create_database(cluster), memory) as store:
                names = [f"tsk_{number}" for number in range(tasks)]
                _begin(store, names)
                before, used = store.served.resident_bytes(), store.served.cpu_seconds()
                following, writer = _follow(store, names, readers)
                idle = (store.served.resident_bytes() - before) / readers / 1000
                conditions[f"memory of a stream, {what}"] = f"{idle:.0f} kB"
                conditions[f"processor time to begin a stream, {what}"] = (
                    f"{1000 * (store.served.cpu_seconds() - used) / readers:.2f} ms"
                )
                used = store.served.cpu_seconds()
                taken[what] = _events(following, writer, names, readers // tasks, rounds)
                spent = 1000 * (store.served.cpu_seconds() - used) / rounds
                conditions[f"processor time of an event, {what}"] = f"{spent:.1f} ms"
                following.close()
    figures = [
        Figure.times(f"{readers:,} readers, {what}", times, of=Of.SEGUE, unit="ms", group="until a reader has it")
        for what, times in taken.items()
    ]
    return Result(figures, [_target(figure, conditions) for figure in figures], conditions)


def _target(figure: Figure, conditions: dict[str, str]) -> Target:
    assert figure.p99 is not None
    what = figure.what.partition(", ")[2]
    reason = f"the server's own time for an event is {conditions[f'processor time of an event, {what}']}"
    return at_most(f"{figure.what}, 99 of 100", figure.p99, BOUND, unit=" ms", reason=reason)


def _begin(store: ServedStore, task_ids: Sequence[str]) -> None:
    connection = Connection(store.address)
    for task_id in task_ids:
        headers = {"Authorization": f"Bearer {store.service_token()}", "Content-Type": "application/json"}
        connection.ask("PUT", f"/task-cards/{task_id}", headers, b'{"name": "Measured", "name_source": "person"}')
        status, _ = connection.answer()
        if status != 201:
            raise Slow(f"a new task was answered with {status}")
    connection.socket.close()


def _follow(store: ServedStore, task_ids: Sequence[str], readers: int) -> tuple[Readers, Writer]:
    """Open all streams, and a writer to all tasks."""
    device = TestDevice()
    writer = Writer(store.address, device, {task_id: store.token(device, task_id) for task_id in task_ids})
    writer.append(task_ids[0], "the first word, which brings the nonce")
    following = Readers()
    for number in range(readers):
        task_id = task_ids[number % len(task_ids)]
        if number % A_DEVICE == 0:
            device = TestDevice()
        token = store.token(device, task_id)
        url = f"{store.address}/tasks/{task_id}/events"
        headers = device.headers("GET", url, token, nonce=writer.nonce)
        following.open(Connection(store.address), f"/tasks/{task_id}/events?after=1", headers)
    following.drain(2.0)
    return following, writer


def _events(
    following: Readers, writer: Writer, task_ids: Sequence[str], readers: int, rounds: int
) -> list[list[float]]:
    """Milliseconds until each reader of a task has each event of it."""
    taken = []
    writer.connect()
    for number in range(rounds + 3):
        word = secrets.token_hex(8)
        began = writer.append(task_ids[number * 7 % len(task_ids)], word)
        times = following.heard(word.encode(), by=readers)
        following.drain(PAUSE)
        if number >= 3:  # the first ones warm up
            taken.append([1000 * (time - began) for time in times])
    return taken


def _allow_files(count: int) -> None:
    """As many open connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(count, hard)), hard))
