"""The methods of a checkpointer that block, by those that do not."""

from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from segue_adapters.blocking import Blocking

T = TypeVar("T")


class BlockingSaver(BaseCheckpointSaver[int]):
    """Runs the asynchronous methods in `blocking`."""

    def __init__(self, *, serde: SerializerProtocol | None, blocking: Blocking | None) -> None:
        super().__init__(serde=serde)
        self._blocking = blocking

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return self._blocked(self.aget_tuple(config))

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - the base class names it
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        return self._loop().iterate(self.alist(config, filter=filter, before=before, limit=limit))

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return self._blocked(self.aput(config, checkpoint, metadata, new_versions))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        self._blocked(self.aput_writes(config, writes, task_id, task_path))

    def delete_thread(self, thread_id: str) -> None:
        self._blocked(self.adelete_thread(thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        self._blocked(self.adelete_for_runs(run_ids))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        self._blocked(self.acopy_thread(source_thread_id, target_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        self._blocked(self.aprune(thread_ids, strategy=strategy))

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        return self._blocked(self.aget_delta_channel_history(config=config, channels=channels))

    def _loop(self) -> Blocking:
        if self._blocking is None:
            raise RuntimeError("without `blocking` a TaskSaver serves the asynchronous methods of a graph alone")
        return self._blocking

    def _blocked(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop().run(work)
        finally:
            work.close()
