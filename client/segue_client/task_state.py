"""The state an agent keeps in its task: entries under keys, of any size (specs/protocol.md section 8.6).

Keys are ordered, so what belongs together shares a prefix and what comes later sorts later. They are readable in the
store's database: make them of ids and numbers, and keep words in the values, which are sealed.
"""

import hashlib
import json
import math
import uuid
from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from segue_client.grant import Grant

BATCH = 100
"""Entries of one request."""
BATCH_BYTES = 200_000
LARGE = 60_000
"""Characters of JSON from which on a value is kept in pieces."""
DEEP = 24
"""Levels of nesting from which on a value is kept as text."""
READ = 100
"""Keys asked for in one request."""
_PIECES = "pieces/"
_TEXT, _JOINED = "$text", "$pieces"
_SAFE = 2**53


@dataclass(frozen=True)
class Entry:
    """What was last kept under the key, and in which event."""

    key: str
    seq: int
    value: Any


class TaskState:
    """The kept state of one grant's task at one store. Every method raises `Refused` when the store says no."""

    def __init__(self, grant: Grant, *, store: str) -> None:
        self._grant = grant
        self._store = store
        self._state = f"{store}/tasks/{grant.task_id}/state"
        self._pieces: set[str] = set()

    async def keep(
        self,
        entries: Mapping[str, Any],
        *,
        drop: Collection[str] = (),
        expect: Mapping[str, int] | None = None,
        key: str | None = None,
    ) -> int:
        """Write entries and drop others; the number of the last event.

        All or nothing if it fits one request (100 entries, 200,000 bytes). More goes in several requests, the pieces of
        large values before all else and then in order, of which the last drops and compares: what others lead to comes
        last. `expect` has the `seq` that a key must still have, 0 for none; otherwise nothing of the last request
        happens, and `Refused` 412 has `body["current"]`.
        Repeats with the same idempotency `key` are answered like the first time.
        """
        split = [self._split(name, value) for name, value in entries.items()]
        pieces = [piece for each in split for piece in each[:-1]]
        written = [each[-1] for each in split] + [{"key": name, "dropped": True} for name in drop]
        batches = _batches(pieces + written)
        if len(batches) > 1:
            batches = _batches(pieces) + _batches(written)
        key, last = key or str(uuid.uuid4()), 0
        for number, batch in enumerate(batches):
            body = _change(batch)
            if expect and number == len(batches) - 1:
                body["expect"] = dict(expect)
            headers = {"Idempotency-Key": f"{key}.{number}"}
            answer = await self._grant.request("POST", self._state, audience=self._store, headers=headers, json=body)
            last = int(self._grant.accepted(answer)["last"])
        self._pieces.update(piece["key"] for piece in pieces)
        return last

    async def get(self, key: str, *, as_of: int | None = None) -> Entry | None:
        return (await self.read([key], as_of=as_of)).get(key)

    async def read(self, keys: Collection[str], *, as_of: int | None = None) -> dict[str, Entry]:
        """What is kept under these keys, now or right after the event `as_of`; keys without an entry are left out."""
        found = await self._read(keys, as_of=as_of)
        return {entry.key: entry for entry in await self._joined(list(found.values()), as_of=as_of)}

    async def scan(
        self, prefix: str, *, after: str = "", newest_first: bool = False, page: int = 100, as_of: int | None = None
    ) -> AsyncGenerator[Entry, None]:
        """The entries whose keys begin with `prefix`, in the order of their keys, a page at a time.

        `newest_first` turns the order round. `after` is a key: those behind it, in the order of reading.
        """
        asked = {"limit": str(page), "order": "desc" if newest_first else "asc"} | (
            {"prefix": prefix} if prefix else {}
        )
        if as_of is not None:
            asked["as_of"] = str(as_of)
        while True:
            answer = await self._grant.call(
                "GET", self._state, audience=self._store, params={**asked, "after": after} if after else asked
            )
            for entry in await self._joined([_entry(raw) for raw in answer["entries"]], as_of=as_of):
                yield entry
            if answer["next_after"] is None:
                return
            after = answer["next_after"]

    async def _read(self, keys: Collection[str], *, as_of: int | None) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        left = list(dict.fromkeys(keys))
        while left:
            asked: dict[str, Any] = {"keys": left[:READ]}
            if as_of is not None:
                asked["as_of"] = as_of
            answer = await self._grant.call("POST", f"{self._state}/read", audience=self._store, json=asked)
            found |= {raw["key"]: _entry(raw) for raw in answer["entries"]}
            left = [*answer["left"], *left[READ:]]
        return found

    def _split(self, name: str, value: Any) -> list[dict[str, Any]]:
        """The value as it is, or, where that is too large or too deep, as text, or as pieces of text before it."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if _is_unicode(text):
            value = value if _plain(value) else {_TEXT: text}
        else:
            text = json.dumps(value, separators=(",", ":"))
            value = {_TEXT: text}
        if len(text) < LARGE:
            return [{"key": name, "value": value}]
        pieces = [text[start : start + LARGE] for start in range(0, len(text), LARGE)]
        keys = [_PIECES + hashlib.sha256(piece.encode()).hexdigest() for piece in pieces]
        new = {key: piece for key, piece in zip(keys, pieces, strict=True) if key not in self._pieces}
        return [{"key": key, "value": piece} for key, piece in new.items()] + [{"key": name, "value": {_JOINED: keys}}]

    async def _joined(self, entries: list[Entry], *, as_of: int | None) -> list[Entry]:
        wanted = [key for entry in entries for key in _pieces_of(entry.value)]
        pieces = await self._read(wanted, as_of=as_of) if wanted else {}
        return [Entry(entry.key, entry.seq, _whole(entry.value, pieces)) for entry in entries]


def _entry(raw: Mapping[str, Any]) -> Entry:
    return Entry(raw["key"], raw["seq"], raw["value"])


def _batches(entries: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    batches: list[list[dict[str, Any]]] = [[]]
    size = 0
    for entry in entries:
        its = len(json.dumps(entry).encode())
        if batches[-1] and (len(batches[-1]) == BATCH or size + its > BATCH_BYTES):
            batches.append([])
            size = 0
        batches[-1].append(entry)
        size += its
    return batches if entries else []


def _is_unicode(text: str) -> bool:
    """Half a surrogate pair is a character of Python's and of no JSON that is sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _change(batch: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "keep": {entry["key"]: entry["value"] for entry in batch if "value" in entry},
        "drop": [entry["key"] for entry in batch if "value" not in entry],
    }


def _plain(value: Any, depth: int = 0) -> bool:
    """Whether the store takes it as it is: not too deep, no integer of more than 53 bits, none of our own marks."""
    match value:
        case dict():
            inside = all(_plain(member, depth + 1) for member in value.values())
            return inside and depth < DEEP and not {_TEXT, _JOINED} & value.keys()
        case list() | tuple():
            return depth < DEEP and all(_plain(member, depth + 1) for member in value)
        case bool():
            return True
        case int():
            return -_SAFE < value < _SAFE
        case float():
            return math.isfinite(value)
        case _:
            return True


def _pieces_of(value: Any) -> list[str]:
    return value[_JOINED] if isinstance(value, dict) and value.keys() == {_JOINED} else []


def _whole(value: Any, pieces: Mapping[str, Entry]) -> Any:
    if keys := _pieces_of(value):
        return json.loads("".join(pieces[key].value for key in keys))
    if isinstance(value, dict) and value.keys() == {_TEXT}:
        return json.loads(value[_TEXT])
    return value
