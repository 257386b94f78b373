"""A task in the real store and a model of it, driven in any order: what is durable is never lost (G13).

Further acts on the log become further rules of a subclass; `hidden` is what the model believes they take away.
"""

import secrets
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from made_tables import fresh_tables
from segue_resource.domain.actor import Actor, Caller
from segue_resource.domain.compaction import Writer
from segue_resource.domain.event import NewEvent
from segue_resource.domain.refusal import NothingToCompact, Overlaps
from segue_resource.domain.task import NameSource
from segue_resource.domain.working_set import Content, ItemStatus, ItemType
from segue_resource.stores import events, new_task, working_set
from segue_resource.stores.history import compactions
from segue_resource.stores.history.compactions import Range
from segue_resource.stores.keys import master_key
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.unit import Writing, open_reading, open_writing
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine

TASK, OWNER = "tsk_tiers", "usr_owner"
TRANSIENT, DURABLE = ("message", "thought"), ("fact", "decision.made")
KIND = st.sampled_from(TRANSIENT * 3 + DURABLE)
ITEM = st.sampled_from(("a", "b", "c"))
CALLER = Caller(OWNER, "client", "dev_1", TASK, 1, None, frozenset())


class TiersMachine(RuleBasedStateMachine):
    """The log with what each event said, the items with every version, and the ranges that a summary tells."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        url = f"sqlite:///{self._folder.name}/tiers.db"
        fresh_tables(url, "segue_resource")
        self._engine = open_engine(parse_database_url(url))
        self._connection = self._engine.connect()
        master = master_key.load_or_create(Path(self._folder.name, "master.key"), random=secrets.token_bytes)
        self._keeper = Keeper(master, secrets.token_bytes)
        self._transaction(self._begin)
        self.log: dict[int, tuple[str, str]] = {1: ("task.created", "")}
        self.items: dict[str, tuple[int, Content]] = {}
        self.versions: list[tuple[str, int, str]] = []
        self.ranges: list[tuple[int, int]] = []
        self.count = 0

    def teardown(self) -> None:
        self._connection.close()
        self._engine.dispose()
        self._folder.cleanup()

    @rule(kinds=st.lists(KIND, min_size=1, max_size=8))
    def append(self, kinds: list[str]) -> None:
        new = [NewEvent(kind, "agent", {"text": self._text()}) for kind in kinds]
        first, _ = self.write(lambda writing: events.append(writing, new, session_id=None))
        for seq, event in enumerate(new, first):
            self.log[seq] = (event.kind, event.body["text"])

    @rule(item_id=ITEM)
    def put(self, item_id: str) -> None:
        content = self._content()
        if item_id in self.items:
            version = self.items[item_id][0]
            item = self.write(lambda writing: working_set.replace(writing, item_id, content, version=version))
        else:
            item = self.write(lambda writing: working_set.create(writing, item_id, content))
        self._has(item_id, item.version, content)

    @rule(ends=st.tuples(st.integers(1, 200), st.integers(1, 200)), with_fact=st.booleans())
    def compact(self, ends: tuple[int, int], with_fact: bool) -> None:
        head = max(self.log)
        from_seq, to_seq = sorted(1 + end % head for end in ends)
        name = f"fact-{self.count}"
        facts = [(name, self._content(source_seq=to_seq))] if with_fact else []
        try:
            made = self.write(
                lambda writing: compactions.compact(
                    writing, Range(to_seq, from_seq), "s", by=Writer.CALLER, facts=facts
                )
            )
        except (Overlaps, NothingToCompact):
            return
        for item_id, content in facts:
            self._has(item_id, 1, content)
        self.log[made.by_seq] = ("log.compacted", "")
        self.ranges.append((from_seq, to_seq))

    @precondition(lambda self: self.ranges)
    @rule(more=st.integers(0, 5))
    def fold(self, more: int) -> None:
        """A summary of summaries."""
        to_seq = min(max(self.log), max(last for _, last in self.ranges) + more)
        made = None
        try:
            made = self.write(lambda writing: compactions.compact(writing, Range(to_seq, 1), "all", by=Writer.CALLER))
        except Overlaps:
            return
        self.log[made.by_seq] = ("log.compacted", "")
        self.ranges.append((1, to_seq))

    @invariant()
    def everything_durable_is_there(self) -> None:
        items = {item.item_id: item for item in self.read(working_set.items)}
        assert {name: (item.version, said(item)) for name, item in items.items()} == {
            name: (version, said(content)) for name, (version, content) in self.items.items()
        }
        full = self._pages(full=True)
        assert [(event.seq, event.kind, msgspec.json.decode(event.body).get("text", "")) for event in full] == [
            (seq, kind, text) for seq, (kind, text) in sorted(self.log.items())
        ]

    @rule(after=st.integers(0, 200), most=st.integers(1, 50))
    def read_on(self, after: int, most: int) -> None:
        """From any place, in pages of any size: what is not hidden, once and in order."""
        after %= max(self.log) + 1
        shown = [event.seq for event in self._pages(after=after, most=most)]
        assert shown == [seq for seq in sorted(self.log) if seq > after and not self.hidden(seq)]

    def hidden(self, seq: int) -> bool:
        return self.log[seq][0] in TRANSIENT and any(first <= seq <= last for first, last in self.ranges)

    def write(self, work: Any) -> Any:
        def transaction(connection: sa.Connection) -> Any:
            writing = open_writing(connection, CALLER, keeper=self._keeper, now=1, expected=1)
            before = writing.head
            result = work(writing)
            self._note_own(writing, before)
            writing.settle()
            return result

        return self._transaction(transaction)

    def read(self, work: Any) -> Any:
        def transaction(connection: sa.Connection) -> Any:
            return work(open_reading(connection, CALLER, keeper=self._keeper, now=1))

        return self._transaction(transaction)

    def _note_own(self, writing: Writing, before: int) -> None:
        """What the store logs of changes of the working set; the rules know the rest."""
        for seq in range(before + 1, writing.head + 1):
            self.log.setdefault(seq, ("working_set.changed", ""))

    def _pages(self, *, after: int = 0, most: int = 1000, full: bool = False) -> list[Any]:
        found: list[Any] = []
        while True:
            page = self.read(partial(events.page, after=after, most=most, full=full))
            assert page.events or page.next_after == page.head
            found += page.events
            after = page.next_after
            if after == page.head:
                return found

    def _has(self, item_id: str, version: int, content: Content) -> None:
        self.items[item_id] = (version, content)

    def _content(self, source_seq: int | None = None) -> Content:
        return Content(ItemType.FACT, self._text(), self._text(), ItemStatus.SETTLED, source_seq)

    def _text(self) -> str:
        self.count += 1
        return f"text {self.count}"

    def _begin(self, connection: sa.Connection) -> None:
        task = new_task.NewTask(TASK, OWNER, "Tiers", NameSource.PERSON, None)
        new_task.insert(connection, task, actor=Actor(OWNER, None, None), keeper=self._keeper, now=1)

    def _transaction(self, work: Any) -> Any:
        """What is refused leaves nothing."""
        self._connection.exec_driver_sql("BEGIN IMMEDIATE")
        log = dict(getattr(self, "log", {}))
        try:
            result = work(self._connection)
        except BaseException:
            self._connection.exec_driver_sql("ROLLBACK")
            self.log = log
            raise
        self._connection.exec_driver_sql("COMMIT")
        return result


def said(content: Any) -> tuple[Any, ...]:
    """What an item says, and where it was drawn from."""
    return content.type, content.title, content.body, content.status, content.source_seq
