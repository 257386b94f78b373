"""Search through the history of a task: the log from its end on, by index where there is one (T20).

What is searched is what an ordinary reader of the log is shown, and what was written with an event: the item of the
working set, the arguments and the result of a tool call. A candidate of the index is opened and looked at like any
other event, so nothing is found that cannot be read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from segue_resource.domain.actor import Actor
from segue_resource.domain.elision import hiding
from segue_resource.domain.event import Event
from segue_resource.domain.refusal import CursorAhead
from segue_resource.domain.search import Excerpt, Query, SearchMode, excerpt, strings, terms_of
from segue_resource.domain.tool_call import ToolCall
from segue_resource.stores import events, tables
from segue_resource.stores.finding.search_index import Document, SearchIndex
from segue_resource.stores.history import elisions
from segue_resource.stores.history.lineage import stretches
from segue_resource.stores.keys.task_keys import TaskKeys
from segue_resource.stores.tool_call_row import from_row
from segue_resource.stores.unit import Reading
from segue_resource.stores.working_set import texts_of

WINDOW = 200
"""Events opened at once."""
OPENED = 2000
"""Events that one request opens: a page may come to an end before it is full."""
BATCH = 1000
"""Events put into the index in one transaction."""

_versions, _calls = tables.working_set_versions, tables.tool_calls
_ITEMS = sa.select(_versions).where(
    _versions.c.task_id == sa.bindparam("the_task"),
    _versions.c.item_id.in_(sa.bindparam("names", expanding=True)),
    _versions.c.seq.in_(sa.bindparam("numbers", expanding=True)),
    _versions.c.sealed.is_not(None),
)
_CALLS = sa.select(_calls).where(
    _calls.c.task_id == sa.bindparam("the_task"), _calls.c.call_id.in_(sa.bindparam("names", expanding=True))
)
_WITH_ARGUMENTS = "tool_call.proposed"
_WITH_OUTCOME = frozenset({"tool_call.succeeded", "tool_call.failed", "tool_call.denied", "tool_call.settled"})


@dataclass(frozen=True)
class Hit:
    """An event that was found. Its item or tool call, if it tells of one, is named in its body."""

    seq: int
    kind: str
    role: str
    at: int
    actor: Actor
    item_id: str | None
    call_id: str | None
    excerpt: Excerpt


@dataclass(frozen=True)
class Found:
    """Hits, newest first; `next_before` is where to go on, None at the beginning of the log."""

    hits: list[Hit]
    next_before: int | None


def find(reading: Reading, query: Query, *, before: int, most: int, mode: SearchMode) -> Found:
    """At most `most` hits below a place in the log. Raises `CursorAhead`, and `NoBeginnings` of a blind index."""
    if before > reading.head + 1:
        raise CursorAhead
    walk, inherited = _Walk(reading, query, most, before=before), _inherited(reading)
    if mode is not SearchMode.SCAN:
        index = index_of(reading, mode)
        index.require_answerable(query)
        walk.scan(index.through())
        walk.look_up(index, down_to=inherited)
    walk.scan(0)
    return walk.found()


def index_of(reading: Reading, mode: SearchMode) -> SearchIndex:
    """The index of the task of this transaction."""
    keys = {sub: reading.keys.derive(number, "search") for sub, number in reading.keys.living().items()}
    return SearchIndex(
        reading.connection,
        reading.caller.task_id,
        mode=mode,
        begins=_inherited(reading),
        keys={sub: key for sub, key in keys.items() if key is not None},
    )


def advance(reading: Reading, mode: SearchMode) -> bool:
    """Put the next events into the index; whether there are more. What another process has just added it leaves.

    An erasure waits meanwhile, so that it clears what was added too.
    """
    reading.keys.hold()
    index = index_of(reading, mode)
    before = index.through()
    after = min(before + BATCH, reading.head)
    if after == before:
        return False
    documents = [
        Document(event.seq, event.actor.sub, terms_of(texts))
        for event, texts in _opened(reading, range(before + 1, after + 1))
    ]
    return index.advance(documents, before=before, after=after) and after < reading.head


def _inherited(reading: Reading) -> int:
    """The last event that a fork shares with others. It is in the index of neither: the task's own words are."""
    return reading.origin.seq if reading.origin else 0


class _Walk:
    """One request's way through the log, from its end on."""

    def __init__(self, reading: Reading, query: Query, most: int, *, before: int) -> None:
        self._reading = reading
        self._query = query
        self._most = most
        self._place = before  # from here on everything was looked at
        self._left = OPENED
        self._held = elisions.reaching(reading, 1)
        self._hits: list[Hit] = []

    def scan(self, down_to: int) -> None:
        """Open all events above a place."""
        while self._place > down_to + 1 and not self._ended:
            first = max(down_to + 1, self._place - min(WINDOW, self._left))
            self._look_at(range(first, self._place), through=first)

    def look_up(self, index: SearchIndex, *, down_to: int) -> None:
        """Open the candidates of the index above a place, which has everything from there to here."""
        while self._place > down_to + 1 and not self._ended:
            most = min(WINDOW, self._left)
            candidates = index.candidates(self._query, before=self._place, most=most)
            through = candidates[-1] if len(candidates) == most else down_to + 1
            self._look_at(candidates[::-1], through=through)

    def found(self) -> Found:
        return Found(self._hits, self._place if self._place > 1 else None)

    @property
    def _ended(self) -> bool:
        return len(self._hits) == self._most or self._left <= 0

    def _look_at(self, numbers: Sequence[int], *, through: int) -> None:
        """With that, everything from `through` on was looked at, unless the page is full before."""
        self._left -= len(numbers)
        for event, texts in reversed(list(_opened(self._reading, numbers))):
            if hiding(self._held, event.seq, event.kind) is None and self._query.matches(terms_of(texts)):
                self._hits.append(_hit(event, excerpt(texts, self._query)))
                if len(self._hits) == self._most:
                    self._place = event.seq
                    return
        self._place = through


def _opened(reading: Reading, numbers: Sequence[int]) -> Iterator[tuple[Event, list[str]]]:
    """The events of those numbers with all that was written with each."""
    found = events.named(reading, numbers) if numbers else []
    items, calls = _items(reading, found), _calls_of(reading, found)
    for event in found:
        yield event, [*_plain(event), *items.get(event.seq, ()), *calls.get(event.seq, ())]


def _plain(event: Event) -> Iterable[str]:
    """What the body says, without ids and words of the store's own."""
    if event.kind.startswith(("tool_call.", "working_set.")):
        return strings(event.body.get("title", ""))
    return strings(event.body)


def _items(reading: Reading, found: Sequence[Event]) -> dict[int, list[str]]:
    changed = {event.seq: event.body.get("item_id", "") for event in found if event.kind == "working_set.changed"}
    rows = _written(reading, _ITEMS, changed)
    return {row.seq: [texts_of(row, keys)["body"]] for row, keys in rows}


def _calls_of(reading: Reading, found: Sequence[Event]) -> dict[int, list[str]]:
    kinds = {event.seq: event.kind for event in found if event.kind in {_WITH_ARGUMENTS, *_WITH_OUTCOME}}
    names = {event.seq: event.body.get("call_id", "") for event in found if event.seq in kinds}
    calls = {row.call_id: from_row(row, keys) for row, keys in _written(reading, _CALLS, names)}
    return {seq: list(strings(_said(kinds[seq], calls[name]))) for seq, name in names.items() if name in calls}


def _written(
    reading: Reading, statement: sa.Select[Any], names: Mapping[int, str]
) -> Iterator[tuple[sa.Row[Any], TaskKeys]]:
    """The rows of those names that the events of those numbers tell of, each with the keys that open it."""
    if not names:
        return
    for part in stretches(reading, min(names), max(names)):
        here = {seq: name for seq, name in names.items() if part.first <= seq <= part.last}
        asked = {"the_task": part.task_id, "names": list({*here.values()}), "numbers": list(here)}
        for row in reading.connection.execute(statement, asked):
            yield row, reading.keys.of(part.task_id)


def _said(kind: str, call: ToolCall) -> Any:
    return call.arguments if kind == _WITH_ARGUMENTS else [call.result, call.error]


def _hit(event: Event, shown: Excerpt) -> Hit:
    return Hit(
        seq=event.seq,
        kind=event.kind,
        role=event.role,
        at=event.at,
        actor=event.actor,
        item_id=event.body.get("item_id") if event.kind.startswith("working_set.") else None,
        call_id=event.body.get("call_id") if event.kind.startswith("tool_call.") else None,
        excerpt=shown,
    )
