"""The checkpoints of a task's threads, each with what was written to it, newest first."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from segue_client.task_state import Entry, TaskState

from segue_adapters.langgraph import key
from segue_adapters.langgraph.form import Form
from segue_adapters.langgraph.parts import Parts

PAGE = 25


@dataclass(frozen=True)
class Saved:
    """One checkpoint as it is kept. `writes` are entries too."""

    entry: Entry
    writes: list[Entry]

    @property
    def thread(self) -> str:
        return str(self.entry.value["thread"])

    @property
    def namespace(self) -> str:
        return str(self.entry.value["namespace"])

    @property
    def checkpoint_id(self) -> str:
        return str(self.entry.value["id"])

    @property
    def parent(self) -> str | None:
        parent = self.entry.value["parent"]
        return None if parent is None else str(parent)

    @property
    def values(self) -> dict[str, Form]:
        """The forms of the channels' values."""
        return dict(self.entry.value["values"])

    @property
    def written(self) -> list[tuple[str, str, Form]]:
        """Task, channel and form of each write, in the order in which a step applies them."""
        found = [
            (each.value["path"], each.value["task"], place, channel, form)
            for each in self.writes
            for place, channel, form in each.value["writes"]
        ]
        found.sort(key=lambda write: write[:3])
        return [(task, channel, form) for _, task, _, channel, form in found]

    @property
    def forms(self) -> list[Form]:
        return [*self.values.values(), *(form for _, _, form in self.written)]


class ThreadLog:
    """Checkpoints in the state of one task, and the parts of their values."""

    def __init__(self, state: TaskState) -> None:
        self.state = state
        self._parts = dict[str, Parts]()

    def parts(self, thread: str) -> Parts:
        return self._parts.setdefault(thread, Parts(self.state, thread))

    def forget(self, thread: str) -> None:
        """Nothing of the thread's parts is taken for kept any more."""
        self._parts.pop(thread, None)

    async def newest_first(
        self, prefix: str = key.CHECKPOINTS, *, after: str = "", page: int = PAGE
    ) -> AsyncGenerator[Saved, None]:
        """Those whose keys begin with `prefix`, a namespace after the other; of one, those before the key `after`."""
        writes = list[Entry]()
        async with aclosing(self.state.scan(prefix, after=after, newest_first=True, page=page)) as entries:
            async for entry in entries:
                if not key.is_checkpoint(entry.key):
                    writes.append(entry)
                    continue
                yield Saved(entry, [write for write in writes if write.key.startswith(f"{entry.key}/")])
                writes.clear()

    async def drop(self, thread: str, doomed: Iterable[Saved]) -> None:
        """Drop these checkpoints of the thread, what was written to them, and the parts that no other leads to."""
        names = dict[str, Any]()
        for saved in doomed:
            names[saved.entry.key] = None
            names |= dict.fromkeys(write.key for write in saved.writes)
            for before in (saved.parent, saved.checkpoint_id):
                names[key.of_next(thread, saved.namespace, before)] = None
        await self.state.keep({}, drop=names)
        self.forget(thread)
        needed = set[str]()
        async with aclosing(self.newest_first(key.of_thread(key.CHECKPOINTS, thread))) as left:
            async for saved in left:
                needed |= await self.parts(thread).load(saved.forms)
        prefix = key.of_thread(key.PARTS, thread)
        kept = [entry.key async for entry in self.state.scan(prefix)]
        await self.state.keep({}, drop=[name for name in kept if name.removeprefix(prefix) not in needed])
        self.forget(thread)
