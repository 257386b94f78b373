"""A checkpointer that keeps the threads of a graph in a Segue task."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from segue_client.device import Refused
from segue_client.task_state import TaskState

from segue_adapters.blocking import Blocking
from segue_adapters.langgraph import key, upkeep
from segue_adapters.langgraph.blocking_saver import BlockingSaver
from segue_adapters.langgraph.form import packed, unpacked
from segue_adapters.langgraph.later_id import sort_behind
from segue_adapters.langgraph.moved import CHANGED, ThreadMoved, fenced
from segue_adapters.langgraph.thread_log import Saved, ThreadLog


class TaskSaver(BlockingSaver):
    """Checkpoints of one device's grant. Raises `TaskMoved` once another device goes on with the task.

    `get`, `put` and the other methods without `a` need `blocking`, and a grant whose HTTP client was made in it.
    """

    def __init__(
        self, state: TaskState, *, serde: SerializerProtocol | None = None, blocking: Blocking | None = None
    ) -> None:
        super().__init__(serde=serde, blocking=blocking)
        self._log = ThreadLog(state)
        self._tips = dict[str, str | None]()
        self._seqs = dict[str, int]()

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that the config names, or else the newest; a graph goes on from the newest alone."""
        thread, namespace = _place(config)
        line = key.of_line(key.CHECKPOINTS, thread, namespace)
        if checkpoint_id := get_checkpoint_id(config):
            saved = await self._first(key.of_checkpoint(thread, namespace, str(checkpoint_id)))
            return None if saved is None else await self._tuple(saved)
        saved = await self._first(line)
        self._tips[line] = None if saved is None else saved.checkpoint_id
        if saved is None:
            return None
        sort_behind(saved.checkpoint_id)
        if namespace == "":
            await self._log.parts(thread).load(saved.forms, anew=True)
        return await self._tuple(saved)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - the base class names it
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Newest first, a namespace after the other where the config names none."""
        end = None if before is None else get_checkpoint_id(before)
        named = None if config is None else get_checkpoint_id(config)
        async with aclosing(self._within(config, end)) as found:
            async for saved in found:
                if limit is not None and limit <= 0:
                    return
                if (named and saved.checkpoint_id != named) or (end and saved.checkpoint_id >= end):
                    continue
                metadata = unpacked(saved.entry.value["metadata"], self.serde)
                if all(metadata.get(name) == value for name, value in (filter or {}).items()):
                    yield await self._tuple(saved)
                    limit = None if limit is None else limit - 1

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,  # noqa: ARG002 - what is new shows in the values themselves
    ) -> RunnableConfig:
        """Keep a checkpoint, and of its values what is new.

        Raises `ThreadMoved` if it is to follow the newest and another writer's follows that already.
        """
        thread, namespace = _place(config)
        parent, checkpoint_id = get_checkpoint_id(config), checkpoint["id"]
        parts = self._log.parts(thread)
        draft = parts.draft(self.serde)
        values = [[channel, draft.held(value)] for channel, value in checkpoint["channel_values"].items()]
        bare = {name: member for name, member in checkpoint.items() if name != "channel_values"}
        kept = {
            "thread": thread,
            "namespace": namespace,
            "id": checkpoint_id,
            "parent": parent,
            "checkpoint": packed(bare, self.serde),
            "metadata": packed(get_checkpoint_metadata(config, metadata), self.serde),
            "values": values,
        }
        its = key.of_checkpoint(thread, namespace, checkpoint_id)
        follows = key.of_next(thread, namespace, parent)
        entries = {**parts.entries(draft.new), follows: checkpoint_id, its: kept}
        with fenced():
            try:
                self._seqs[its] = await self._log.state.keep(entries, expect=self._expected(thread, namespace, parent))
            except Refused as refused:
                if refused.status != CHANGED:
                    raise
                raise ThreadMoved("the thread does not end any more where this checkpoint follows") from refused
        parts.kept(draft)
        self._tips[key.of_line(key.CHECKPOINTS, thread, namespace)] = checkpoint_id
        return _config(config["configurable"]["thread_id"], namespace, checkpoint_id)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote. What it has written before stays, but for errors, interrupts and the like."""
        thread, namespace = _place(config)
        checkpoint_key = key.of_checkpoint(thread, namespace, config["configurable"]["checkpoint_id"])
        parts = self._log.parts(thread)
        draft = parts.draft(self.serde)
        formed: Sequence[Any] = [
            [WRITES_IDX_MAP.get(channel, place), channel, draft.held(value)]
            for place, (channel, value) in enumerate(writes)
        ]
        whose = {"task": task_id, "path": task_path}
        entries = parts.entries(draft.new)
        for write in formed:
            if write[0] < 0:
                entries[key.of_writes(checkpoint_key, task_id, -write[0])] = {**whose, "writes": [write]}
        with fenced():
            if ordinary := [write for write in formed if write[0] >= 0]:
                await self._add(key.of_writes(checkpoint_key, task_id, 0), whose, ordinary, beside=entries)
            else:
                await self._log.state.keep(entries)
        parts.kept(draft)

    async def adelete_thread(self, thread_id: str) -> None:
        with fenced():
            await upkeep.delete_thread(self._log, str(thread_id))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        with fenced():
            await upkeep.delete_for_runs(self._log, run_ids, self.serde)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        with fenced():
            await upkeep.copy_thread(self._log, str(source_thread_id), str(target_thread_id))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Drop the past of threads at which no agent is at work, but for what delta channels are put together from."""
        if strategy not in ("keep_latest", "delete"):
            raise ValueError(f"{strategy!r} is no strategy: it is 'keep_latest' or 'delete'")
        with fenced():
            for thread in map(str, thread_ids):
                if strategy == "delete":
                    await upkeep.delete_thread(self._log, thread)
                else:
                    await upkeep.keep_latest(self._log, thread, self.serde)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What was written to these channels since their last snapshots, oldest first, and those snapshots."""
        histories: dict[str, DeltaChannelHistory] = {channel: {"writes": []} for channel in channels}
        open_ones = set(channels)
        parts = self._log.parts(_place(config)[0])
        async with aclosing(self._ancestors(config)) as ancestors:
            async for saved in ancestors:
                if not open_ones:
                    break
                theirs = [write for write in saved.written if write[1] in open_ones]
                seeds = {channel: form for channel, form in saved.values.items() if channel in open_ones}
                await parts.load([*seeds.values(), *(form for _, _, form in theirs)])
                for task, channel, form in reversed(theirs):
                    histories[channel]["writes"].append((task, channel, parts.value(form, self.serde)))
                for channel, form in seeds.items():
                    histories[channel]["seed"] = parts.value(form, self.serde)
                open_ones -= seeds.keys()
        for history in histories.values():
            history["writes"].reverse()
        return histories

    def _expected(self, thread: str, namespace: str, parent: str | None) -> dict[str, int]:
        """A checkpoint behind the newest is the only one there; behind any, that one is still there."""
        expected = dict[str, int]()
        line = key.of_line(key.CHECKPOINTS, thread, namespace)
        if line in self._tips and self._tips[line] == parent:
            expected[key.of_next(thread, namespace, parent)] = 0
        if parent is not None and (before := key.of_checkpoint(thread, namespace, parent)) in self._seqs:
            expected[before] = self._seqs[before]
        return expected

    async def _add(self, name: str, whose: dict[str, str], writes: Sequence[Any], *, beside: dict[str, Any]) -> None:
        """Keep writes of a task beside those that it has; by compare-and-set, for it may run on two devices."""
        before = None
        while True:
            written: Sequence[Any] = () if before is None else before.value["writes"]
            places = {write[0] for write in written}
            entry = {**whose, "writes": [*written, *(write for write in writes if write[0] not in places)]}
            try:
                await self._log.state.keep({**beside, name: entry}, expect={name: before.seq if before else 0})
            except Refused as refused:
                if refused.status != CHANGED:
                    raise
                before = await self._log.state.get(name)
            else:
                return

    async def _first(self, prefix: str) -> Saved | None:
        async with aclosing(self._log.newest_first(prefix)) as found:
            return await anext(found, None)

    def _within(self, config: RunnableConfig | None, end: str | None) -> AsyncGenerator[Saved, None]:
        """Those that the config names, as far as their keys tell."""
        if config is None:
            return self._log.newest_first()
        thread, namespace = str(config["configurable"]["thread_id"]), config["configurable"].get("checkpoint_ns")
        if namespace is None:
            return self._log.newest_first(key.of_thread(key.CHECKPOINTS, thread))
        line = key.of_line(key.CHECKPOINTS, thread, namespace)
        if end:
            self._tips.pop(line, None)  # whoever looks for an older one may be about to go on from it
        return self._log.newest_first(line, after=key.of_checkpoint(thread, namespace, end) if end else "")

    async def _ancestors(self, config: RunnableConfig) -> AsyncGenerator[Saved, None]:
        """Those that the config's checkpoint, or the newest, came of, newest first."""
        thread, namespace = _place(config)
        named = get_checkpoint_id(config)
        after = f"{key.of_checkpoint(thread, namespace, named)}/" if named else ""
        wanted, below = named, False
        line = self._log.newest_first(key.of_line(key.CHECKPOINTS, thread, namespace), after=after, page=100)
        async with aclosing(line) as found:
            async for saved in found:
                if wanted is not None and saved.checkpoint_id != wanted:
                    continue
                if below:
                    yield saved
                wanted, below = saved.parent, True
                if wanted is None:
                    return

    async def _tuple(self, saved: Saved) -> CheckpointTuple:
        parts = self._log.parts(saved.thread)
        await parts.load(saved.forms)
        self._seqs[saved.entry.key] = saved.entry.seq
        bare: Checkpoint = unpacked(saved.entry.value["checkpoint"], self.serde)
        values = {channel: parts.value(form, self.serde) for channel, form in saved.values.items()}
        return CheckpointTuple(
            config=_config(saved.thread, saved.namespace, saved.checkpoint_id),
            checkpoint={**bare, "channel_values": values},
            metadata=unpacked(saved.entry.value["metadata"], self.serde),
            parent_config=_config(saved.thread, saved.namespace, saved.parent) if saved.parent else None,
            pending_writes=[(task, name, parts.value(form, self.serde)) for task, name, form in saved.written],
        )


def _place(config: RunnableConfig) -> tuple[str, str]:
    """Thread and namespace."""
    configurable = config["configurable"]
    return str(configurable["thread_id"]), str(configurable.get("checkpoint_ns", ""))


def _config(thread: str, namespace: str, checkpoint_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id}}
