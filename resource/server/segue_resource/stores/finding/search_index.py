"""The full-text index of the log: FTS5 on SQLite, `tsvector` under GIN on PostgreSQL, one port for both (T20).

It is derived from the log, task by task and only once somebody has searched there, up to `through`; whoever searches
reads what comes after `through` in the log itself. So it may be late or gone, and is never wrong by that. What it finds
are candidates: the caller opens them and looks again.

With `SearchMode.BLIND` it holds no words, but an HMAC of each under a key that comes of the writer's data key: the
database tells which events of one person in one task share a word, not which word, and nothing once the key is
destroyed. With `SearchMode.READABLE` it holds the words themselves, so that beginnings of words can be looked for.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from segue_resource.domain.search import Query, SearchMode
from segue_resource.stores import tables

BATCH = 1000
"""Documents dropped at once."""

_documents = tables.search_documents
_states = tables.search_states

_its = _documents.c.task_id == sa.bindparam("the_task")
_STATE = sa.select(_states.c.through).where(
    _states.c.task_id == sa.bindparam("the_task"), _states.c.mode == sa.bindparam("the_mode")
)
_BEGIN_STATE = sa.insert(_states)
_FORGET_STATE = sa.delete(_states).where(_states.c.task_id == sa.bindparam("the_task"))
_ADVANCE = (
    sa.update(_states)
    .where(
        _states.c.task_id == sa.bindparam("the_task"),
        _states.c.mode == sa.bindparam("the_mode"),
        _states.c.through == sa.bindparam("before"),
    )
    .values(through=sa.bindparam("after"))
    .returning(_states.c.through)
)
_ADD = sa.insert(_documents)
_SOME = sa.select(_documents.c.id, _documents.c.terms).where(_its).limit(sa.bindparam("most"))
_DROP = sa.delete(_documents).where(_documents.c.id == sa.bindparam("the_id"))
_FTS_ADD = sa.text(
    "INSERT INTO search_terms(rowid, terms) SELECT id, terms FROM search_documents"
    " WHERE task_id = :the_task AND seq > :before AND seq <= :after"
)
_FTS_DROP = sa.text("INSERT INTO search_terms(search_terms, rowid, terms) VALUES ('delete', :id, :terms)")
_FTS_MERGE = sa.text("INSERT INTO search_terms(search_terms) VALUES ('optimize')")
"""By hand and not by triggers, which SQLite does not let touch a virtual table unless it trusts the whole schema."""
_MATCHES = {
    "sqlite": sa.text("id IN (SELECT rowid FROM search_terms WHERE search_terms MATCH :the_query)"),
    "postgresql": sa.text("array_to_tsvector(string_to_array(terms, ' ')) @@ CAST(:the_query AS tsquery)"),
}
_CANDIDATES = (
    sa.select(_documents.c.seq)
    .where(_its, _documents.c.seq < sa.bindparam("before"))
    .order_by(_documents.c.seq.desc())
    .limit(sa.bindparam("most"))
)


class NoBeginnings(Exception):
    """The index is blind: it knows whole words alone."""


@dataclass(frozen=True)
class Document:
    """The words of one event, which `sub` wrote."""

    seq: int
    sub: str
    terms: frozenset[str]


BlindKeys = Mapping[str, bytes]
"""By person, the key under which their words are hashed."""


class SearchIndex:
    """The index of one task within one transaction, from the event behind `begins` on.

    Made for `BLIND` and `READABLE` alone.
    """

    def __init__(
        self, connection: sa.Connection, task_id: str, *, mode: SearchMode, begins: int, keys: BlindKeys
    ) -> None:
        self._connection = connection
        self._task_id = task_id
        self._mode = mode
        self._begins = begins
        self._keys = keys
        self._mark = "ÿ" + hashlib.sha256(task_id.encode()).hexdigest()[:16]  # no word is spelled so

    def through(self) -> int:
        """The last event that is in the index; the one behind which it begins for none."""
        asked = {"the_task": self._task_id, "the_mode": self._mode}
        return self._connection.execute(_STATE, asked).scalar_one_or_none() or self._begins

    def advance(self, documents: Sequence[Document], *, before: int, after: int) -> bool:
        """Put the events that follow `before`, up to `after`, into the index. False, and no change, if it is not there.

        What an index of another mode has is forgotten first.
        """
        try:
            with self._connection.begin_nested():
                return self._advance(documents, before=before, after=after)
        except IntegrityError:  # another process began it at this moment
            return False

    def require_answerable(self, query: Query) -> None:
        """Raises `NoBeginnings` if the index is blind and the query asks for beginnings of words."""
        if self._mode is SearchMode.BLIND and query.beginnings:
            raise NoBeginnings

    def candidates(self, query: Query, *, before: int, most: int) -> list[int]:
        """Events below a place that may be found, newest first."""
        expression = self._expression(query)
        if expression is None:
            return []
        matches = _MATCHES[self._connection.dialect.name].bindparams(the_query=expression)
        asked = {"the_task": self._task_id, "before": before, "most": most}
        return list(self._connection.execute(_CANDIDATES.where(matches), asked).scalars())

    def _advance(self, documents: Sequence[Document], *, before: int, after: int) -> bool:
        if before == self._begins:
            while forget(self._connection, self._task_id) == BATCH:
                pass
            self._connection.execute(_BEGIN_STATE, {"task_id": self._task_id, "mode": self._mode, "through": before})
        asked = {"the_task": self._task_id, "the_mode": self._mode, "before": before, "after": after}
        if self._connection.execute(_ADVANCE, asked).scalar_one_or_none() is None:
            return False
        if documents:
            self._connection.execute(_ADD, [self._row(document) for document in documents])
            if _has_fts(self._connection):
                self._connection.execute(_FTS_ADD, asked)
        return True

    def _row(self, document: Document) -> dict[str, Any]:
        key = self._keys.get(document.sub)
        terms = [self._mark, *sorted(self._spelled(term, key) for term in document.terms)]
        return {
            "id": document_id(self._task_id, document.seq),
            "task_id": self._task_id,
            "seq": document.seq,
            "sub": document.sub,
            "terms": " ".join(terms),
        }

    def _spelled(self, term: str, key: bytes | None) -> str:
        if self._mode is SearchMode.READABLE:
            return term
        return blinded(term, key) if key else self._mark

    def _expression(self, query: Query) -> str | None:
        """The query as the database wants it: for a blind index once for each person who wrote here."""
        if self._mode is SearchMode.READABLE:
            return self._all_of(sorted(query.words), sorted(query.beginnings))
        ways = [self._all_of(sorted(blinded(word, key) for word in query.words), []) for key in self._keys.values()]
        return self._joined(ways, "OR", "|") if ways else None

    def _all_of(self, words: Iterable[str], beginnings: Iterable[str]) -> str:
        """Terms hold letters and digits alone, so nothing has to be quoted but the quotes say what is a word."""
        if _has_fts(self._connection):
            parts = [f'"{word}"' for word in (self._mark, *words)] + [f'"{part}" *' for part in beginnings]
            return "(" + " AND ".join(parts) + ")"
        parts = [f"'{word}'" for word in (self._mark, *words)] + [f"'{part}':*" for part in beginnings]
        return "(" + " & ".join(parts) + ")"

    def _joined(self, ways: Sequence[str], sqlite: str, postgresql: str) -> str:
        operator = sqlite if _has_fts(self._connection) else postgresql
        return f" {operator} ".join(ways)


def document_id(task_id: str, seq: int) -> int:
    """The number by which FTS5 knows a document: the same for the same event."""
    return int.from_bytes(hashlib.sha256(f"{task_id}\0{seq}".encode()).digest()[:8]) >> 1


def blinded(term: str, key: bytes) -> str:
    """The spelling of a word in a blind index: 96 bits, in letters and digits."""
    return "w" + hmac.digest(key, term.encode(), hashlib.sha256)[:12].hex()


def forget(
    connection: sa.Connection, task_id: str, *, sub: str | None = None, numbers: Sequence[int] | None = None
) -> int:
    """Take at most `BATCH` documents of a task out of the index; how many. Nothing else deletes documents.

    With `sub` those of what that person wrote, with `numbers` those of these events; without, the next search begins
    the index anew once all are gone.
    """
    statement = _SOME
    if sub is not None:
        statement = statement.where(_documents.c.sub == sub)
    if numbers is not None:
        statement = statement.where(_documents.c.seq.in_(numbers))
    rows = connection.execute(statement, {"the_task": task_id, "most": BATCH}).all()
    if rows and _has_fts(connection):
        connection.execute(_FTS_DROP, [{"id": row.id, "terms": row.terms} for row in rows])
    if rows:
        connection.execute(_DROP, [{"the_id": row.id} for row in rows])
    if sub is None and numbers is None:
        connection.execute(_FORGET_STATE, {"the_task": task_id})
    return len(rows)


def merge(connection: sa.Connection) -> None:
    """After an erasure: FTS5 keeps words that were dropped until it merges its parts."""
    if _has_fts(connection):
        connection.execute(_FTS_MERGE)


def _has_fts(connection: sa.Connection) -> bool:
    return connection.dialect.name == "sqlite"
