"""What is done to whole threads: deleted, copied, pruned, and rid of runs."""

from collections import defaultdict
from collections.abc import Collection
from contextlib import aclosing
from dataclasses import dataclass, field

from langgraph.checkpoint.serde.base import SerializerProtocol

from segue_adapters.langgraph import key
from segue_adapters.langgraph.form import unpacked
from segue_adapters.langgraph.thread_log import Saved, ThreadLog

COUNTERS = "counters_since_delta_snapshot"
"""The member of a checkpoint's metadata that names its delta channels that have no snapshot there."""


async def delete_thread(log: ThreadLog, thread: str) -> None:
    """Checkpoints first: a part that is left over does no harm."""
    for kind in (key.CHECKPOINTS, key.NEXTS, key.PARTS):
        names = [entry.key async for entry in log.state.scan(key.of_thread(kind, thread))]
        await log.state.keep({}, drop=names)
    log.forget(thread)


async def copy_thread(log: ThreadLog, source: str, target: str) -> None:
    """All of it, parts first: nothing leads to what is not there yet."""
    parts = key.of_thread(key.PARTS, source), key.of_thread(key.PARTS, target)
    copies = {parts[1] + entry.key.removeprefix(parts[0]): entry.value async for entry in log.state.scan(parts[0])}
    await log.state.keep(copies)
    saved = key.of_thread(key.CHECKPOINTS, source), key.of_thread(key.CHECKPOINTS, target)
    copies = {}
    async for entry in log.state.scan(saved[0]):
        value = {**entry.value, "thread": target} if key.is_checkpoint(entry.key) else entry.value
        copies[saved[1] + entry.key.removeprefix(saved[0])] = value
    await log.state.keep(copies)


async def delete_for_runs(log: ThreadLog, run_ids: Collection[str], serde: SerializerProtocol) -> None:
    doomed = defaultdict[str, list[Saved]](list)
    async with aclosing(log.newest_first(page=100)) as found:
        async for saved in found:
            if unpacked(saved.entry.value["metadata"], serde).get("run_id") in run_ids:
                doomed[saved.thread].append(saved)
    for thread, theirs in doomed.items():
        await log.drop(thread, theirs)


@dataclass
class _Line:
    """What of a namespace has to stay: `parent` too while the delta channels in `missing` have found no snapshot."""

    parent: str | None
    missing: set[str] = field(default_factory=set)

    def needs(self, saved: Saved) -> bool:
        return bool(self.missing) and saved.checkpoint_id == self.parent

    def reach(self, saved: Saved) -> None:
        self.parent = saved.parent
        self.missing -= saved.values.keys()


async def keep_latest(log: ThreadLog, thread: str, serde: SerializerProtocol) -> None:
    """Of each namespace its newest checkpoint, and those before it that delta channels are put together from."""
    lines, doomed = dict[str, _Line](), list[Saved]()
    async with aclosing(log.newest_first(key.of_thread(key.CHECKPOINTS, thread), page=100)) as found:
        async for saved in found:
            line = lines.get(saved.namespace)
            if line is None:
                counters = unpacked(saved.entry.value["metadata"], serde).get(COUNTERS, ())
                lines[saved.namespace] = line = _Line(saved.checkpoint_id, set(counters))
            elif not line.needs(saved):
                doomed.append(saved)
                continue
            line.reach(saved)
    if doomed:
        await log.drop(thread, doomed)
