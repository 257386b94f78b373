"""The items of one session in a task's state: read from the end; added, taken back, replaced by compare-and-set.

Every item is an entry of its own, so that nothing here depends on how many came before.
"""

import json
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from agents.items import TResponseInputItem
from segue.clock import Clock
from segue_client.device import Refused
from segue_client.task_state import BATCH, Entry, TaskState

from segue_adapters.openai_agents.branch import MAIN, Branch, Keys, first_main
from segue_adapters.openai_agents.refusal import CHANGED, fenced
from segue_adapters.openai_agents.turn import Placed, turns_after

TRIES = 50
"""Writers that may be first, one after the other, before giving up."""
TOGETHER = 50
"""Items that are added at the end of a segment; more, or larger ones, get a segment of their own first."""
TOGETHER_CHARACTERS = 50_000
PAGE = 1000

T = TypeVar("T")


class History:
    """Conversations of one session. What it writes raises `TaskMoved` once the task has gone on elsewhere."""

    def __init__(self, state: TaskState, keys: Keys, *, clock: Clock) -> None:
        self.state = state
        self.keys = keys
        self.clock = clock
        self.unfinished: str | None = None
        """Where a turn's answer is kept until the turn has ended."""
        self.speaking: str | None = None
        """The agent whose turn it is, if that is known."""

    async def branch(self, name: str, *, as_of: int | None = None) -> Branch | None:
        """As it is now, or was right after an event; None if there is none, or no more."""
        found = await self.state.get(self.keys.branch(name), as_of=as_of)
        if found is None:
            return first_main() if name == MAIN else None
        branch = Branch.from_value(found.value, seq=found.seq)
        return None if branch.gone else branch

    async def branches(self) -> list[Branch]:
        """All there are, also those that are gone: their names are not given again."""
        found = [Branch.from_value(one.value, seq=one.seq) async for one in self.state.scan(self.keys.branches)]
        return found if any(one.name == MAIN for one in found) else [first_main(), *found]

    async def newest(
        self, branch: Branch, *, page: int = PAGE, as_of: int | None = None
    ) -> AsyncGenerator[Placed, None]:
        """The items of the branch from its end."""
        for part in reversed(branch.path):
            behind = "" if part.end is None else self.keys.item(part.segment, part.end)
            prefix = self.keys.items(part.segment)
            scan = self.state.scan(prefix, after=behind, newest_first=True, page=page, as_of=as_of)
            async with aclosing(scan) as entries:
                async for entry in entries:
                    yield _placed(entry)

    async def last(self, branch: Branch, count: int, *, as_of: int | None = None) -> list[Placed]:
        """The last items of the branch, the newest first."""
        found: list[Placed] = []
        async with aclosing(self.newest(branch, page=min(count, PAGE), as_of=as_of)) as placed:
            async for each in placed:
                found.append(each)
                if len(found) == count:
                    break
        return found

    async def whole(self, branch: Branch) -> list[Placed]:
        """All items, in their order."""
        return [placed async for placed in self.newest(branch)][::-1]

    async def add(self, name: str, items: Sequence[TResponseInputItem]) -> None:
        """Items at the end of a branch, or of the main one if it is gone."""

        async def attempt() -> None:
            branch = await self.present(name)
            tail = await self.last(branch, 1)
            position = _end(branch, tail)
            if len(items) > TOGETHER or len(json.dumps(items)) > TOGETHER_CHARACTERS:
                await self.go_on_with(branch, position, items, tail)
            else:
                entries = self._entries(branch.tip.segment, position, items, tail)
                await self.keep(entries, drop=self._ended(), expect=self._unchanged(branch, tail))
            self.unfinished = None

        await self.retried(attempt)

    async def pop(self, name: str) -> TResponseInputItem | None:
        """Take the last item back; one that another branch has too stays there."""

        async def attempt() -> TResponseInputItem | None:
            branch = await self.present(name)
            last = await self.last(branch, 2)
            if not last:
                return None
            tail, before = last[0], last[1].turn if len(last) == 2 else 0
            expect = self._unchanged(branch, last)
            emptied = self.keys.usage(branch.name, tail.turn)
            drop = [emptied] if tail.turn != before and await self.state.get(emptied) else []
            if tail.position < branch.own_from:
                left = branch.cut(tail.position, segment=new_segment())
                await self.keep({self.keys.branch(branch.name): left.value}, drop=drop, expect=expect)
            else:
                await self.keep({}, drop=[tail.key, *drop], expect=expect)
            return tail.item

        return await self.retried(attempt)

    async def go_on_with(
        self, branch: Branch, at: int, items: Sequence[TResponseInputItem], last: Sequence[Placed]
    ) -> None:
        """Put items in the place of what the branch has from a position on: all of them are there, or none.

        Raises `Refused` 412 unless the branch still ends with the items `last`, the newest of which comes first.
        """
        segment = new_segment()
        before = [one for one in last if one.position < at][:1]
        if not before and at:
            before = await self.last(branch.cut(at, segment=segment), 1)
        await self.keep(self._entries(segment, at, items, before))
        ahead = branch.cut(at, segment=segment)
        record = {self.keys.branch(branch.name): ahead.value}
        await self.keep(record, drop=self._ended(), expect=self._unchanged(branch, last))

    async def forget(self, prefix: str, *, but: str | None = None) -> None:
        """Drop what nobody can reach any more."""
        await self.drop(
            [one.key async for one in self.state.scan(prefix, page=PAGE) if but is None or but not in one.key]
        )

    async def drop(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), BATCH):
            await self.keep({}, drop=keys[start : start + BATCH])

    async def present(self, name: str) -> Branch:
        return await self.branch(name) or await self.branch(MAIN) or first_main()

    async def keep(
        self, entries: dict[str, Any], *, drop: Sequence[str] = (), expect: dict[str, int] | None = None
    ) -> None:
        with fenced():
            await self.state.keep(entries, drop=drop, expect=expect)

    async def retried(self, attempt: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the attempt gives, made anew as long as another writer was first."""
        for _ in range(TRIES - 1):
            try:
                return await attempt()
            except Refused as refused:
                if refused.status != CHANGED:
                    raise
        return await attempt()

    def _ended(self) -> list[str]:
        return [] if self.unfinished is None else [self.unfinished]

    def _unchanged(self, branch: Branch, last: Sequence[Placed]) -> dict[str, int]:
        """What a write expects that goes on from where the branch ended: its path, its last item, and none behind."""
        expect = {self.keys.branch(branch.name): branch.seq, self.keys.item(branch.tip.segment, _end(branch, last)): 0}
        return expect | {one.key: one.seq for one in last[:1]}

    def _entries(
        self, segment: str, position: int, items: Sequence[TResponseInputItem], before: Sequence[Placed]
    ) -> dict[str, Any]:
        turns = turns_after(before[0].turn if before else 0, items)
        told = {"at": self.clock()} | ({} if self.speaking is None else {"by": self.speaking})
        return {
            self.keys.item(segment, number): {"item": item, "turn": turn, **told}
            for number, (item, turn) in enumerate(zip(items, turns, strict=True), start=position)
        }


def _placed(entry: Entry) -> Placed:
    position = int(entry.key.rpartition("/")[2])
    return Placed(entry.key, entry.seq, position, **{"by": None, **entry.value})


def _end(branch: Branch, last: Sequence[Placed]) -> int:
    """The position behind the last item; the newest comes first."""
    return last[0].position + 1 if last else branch.tip.start


def new_segment() -> str:
    return uuid.uuid4().hex[:16]
