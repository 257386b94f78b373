"""A store of items under namespaces in a Segue task: what an agent remembers beside its threads."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from langgraph.store.base import BaseStore, GetOp, Item, ListNamespacesOp, Op, PutOp, Result, SearchItem, SearchOp
from segue.clock import Clock, now
from segue_client.device import Refused
from segue_client.task_state import Entry, TaskState

from segue_adapters.blocking import Blocking
from segue_adapters.langgraph import key
from segue_adapters.langgraph.matching import common, fits, namespaces
from segue_adapters.langgraph.moved import CHANGED, fenced

LEVELS = 8
"""Levels of a namespace that have a place of their own in the key; those below share one."""
DIGITS = 16


@dataclass(frozen=True)
class _Kept:
    """An item as it is kept; times in seconds since the epoch. It lasts `minutes` from when it was last `touched`."""

    namespace: tuple[str, ...]
    key: str
    value: dict[str, Any]
    created: int
    updated: int
    touched: int
    minutes: float | None = None
    seq: int = 0

    @classmethod
    def of(cls, entry: Entry) -> "_Kept":
        return cls(**{**entry.value, "namespace": tuple(entry.value["namespace"]), "seq": entry.seq})

    @property
    def entry(self) -> dict[str, Any]:
        members = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "seq"}
        return {**members, "namespace": list(self.namespace)}

    def lasts(self, moment: int) -> bool:
        return self.minutes is None or moment < self.touched + self.minutes * 60

    def item(self, kind: type[Item]) -> Any:
        return kind(
            value=self.value,
            key=self.key,
            namespace=self.namespace,
            created_at=datetime.fromtimestamp(self.created, UTC),
            updated_at=datetime.fromtimestamp(self.updated, UTC),
        )


class TaskStore(BaseStore):
    """Items of one device's grant. Raises `TaskMoved` once another device goes on with the task.

    Values are JSON. There are no embeddings: a search with a `query` finds what its filter finds. `put`, `get` and the
    other methods without `a` need `blocking`, and a grant whose HTTP client was made in it.
    """

    supports_ttl = True

    def __init__(self, state: TaskState, *, blocking: Blocking | None = None, clock: Clock = now) -> None:
        self._state = state
        self._blocking = blocking
        self._clock = clock

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        if self._blocking is None:
            raise RuntimeError("without `blocking` a TaskStore serves the asynchronous methods of a graph alone")
        return self._blocking.run(self.abatch(ops))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Reads see what was there before; of several writes of one item the last counts; all are one change."""
        asked = list(ops)
        with fenced():
            gets = [op for op in asked if isinstance(op, GetOp)]
            found = await self._read([(op.namespace, op.key) for op in gets])
            read = {number: await self._result(op, found) for number, op in enumerate(asked)}
            await self._write({(op.namespace, op.key): op for op in asked if isinstance(op, PutOp)})
        return [read[number] for number in range(len(asked))]

    async def sweep_ttl(self) -> int:
        """Drop the items whose time is over, which nobody finds any more; how many there were."""
        over = [name async for name, kept in self._within(()) if not kept.lasts(self._clock())]
        with fenced():
            await self._state.keep({}, drop=over)
        return len(over)

    async def _result(self, op: Op, found: dict[str, _Kept]) -> Result:
        match op:
            case GetOp():
                kept = found.get(_name(op.namespace, op.key))
                await self._touch([kept] if kept and op.refresh_ttl else [])
                return kept.item(Item) if kept else None
            case SearchOp():
                items = await self._search(op)
                await self._touch(items if op.refresh_ttl else [])
                return [kept.item(SearchItem) for kept in items]
            case ListNamespacesOp():
                moment = self._clock()
                all_there = {kept.namespace async for _, kept in self._within(common(op)) if kept.lasts(moment)}
                return namespaces(all_there, op)
            case _:
                return None

    async def _search(self, op: SearchOp) -> list[_Kept]:
        """Those that were updated last come first."""
        moment, prefix = self._clock(), op.namespace_prefix
        found = [
            kept
            async for _, kept in self._within(prefix)
            if kept.namespace[: len(prefix)] == prefix and kept.lasts(moment) and fits(kept.value, op.filter)
        ]
        found.sort(key=lambda kept: (-kept.updated, kept.namespace, kept.key))
        return found[op.offset : op.offset + op.limit]

    async def _write(self, puts: dict[tuple[tuple[str, ...], str], PutOp]) -> None:
        if not puts:
            return
        before, moment = await self._read([place for place, op in puts.items() if op.value is not None]), self._clock()
        entries, drop = dict[str, Any](), list[str]()
        for (namespace, item_key), op in puts.items():
            name = _name(namespace, item_key)
            if op.value is None:
                drop.append(name)
                continue
            created = before[name].created if name in before else moment
            kept = _Kept(namespace, item_key, dict(op.value), created, moment, moment, op.ttl)
            entries[name] = kept.entry
        await self._state.keep(entries, drop=drop)

    async def _touch(self, read: Iterable[_Kept]) -> None:
        """What was read lasts its time from now on, if it has one, unless somebody writes it or we may not write."""
        for kept in read:
            if kept.minutes is None:
                continue
            name = _name(kept.namespace, kept.key)
            try:
                again = replace(kept, touched=self._clock())
                await self._state.keep({name: again.entry}, expect={name: kept.seq})
            except Refused as refused:
                if refused.status != CHANGED and refused.error != "stale-epoch":
                    raise

    async def _read(self, places: list[tuple[tuple[str, ...], str]]) -> dict[str, _Kept]:
        if not places:
            return {}
        found = await self._state.read([_name(namespace, item_key) for namespace, item_key in places])
        items = {name: _Kept.of(entry) for name, entry in found.items()}
        return {name: kept for name, kept in items.items() if kept.lasts(self._clock())}

    async def _within(self, prefix: tuple[str, ...]) -> AsyncIterator[tuple[str, _Kept]]:
        async for entry in self._state.scan(_place(prefix[:LEVELS])):
            yield entry.key, _Kept.of(entry)


def _place(levels: Iterable[str]) -> str:
    """Names are free, so keys have their hashes."""
    return key.ITEMS + "".join(f"{key.hashed(level, digits=DIGITS)}/" for level in levels)


def _name(namespace: tuple[str, ...], item_key: str) -> str:
    below = "\x00".join([*namespace[LEVELS:], item_key])
    return f"{_place(namespace[:LEVELS])}={key.hashed(below)}"
