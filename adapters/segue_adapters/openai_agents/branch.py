"""A branch of a conversation: a path through segments of items, of which branches share what they have in common.

Only the last segment of a path grows, and it is the last of no other path. So a branch costs as much at item 10,000 as
at item 10: nothing is copied, and an item that another branch reads too is never dropped, but left behind.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

MAIN = "main"


@dataclass(frozen=True)
class Part:
    """The items of one segment at positions from `start` on, up to `end`; the last part of a path has no end."""

    segment: str
    start: int
    end: int | None = None


@dataclass(frozen=True)
class Branch:
    """`shared`: what lies at positions before it is on another branch's path too. `seq`: the event that kept this."""

    name: str
    path: tuple[Part, ...]
    created_at: int
    shared: int = 0
    gone: bool = False
    seq: int = 0

    @property
    def tip(self) -> Part:
        return self.path[-1]

    @property
    def own_from(self) -> int:
        """The first position whose item may be dropped."""
        return max(self.tip.start, self.shared)

    def cut(self, at: int, *, segment: str) -> "Branch":
        """The path up to that position, from where it goes on in a segment of its own."""
        kept = [
            replace(part, end=at if part.end is None else min(part.end, at)) for part in self.path if part.start < at
        ]
        return replace(self, path=(*kept, Part(segment, at)), shared=0)

    def shared_until(self, at: int) -> "Branch":
        """As it is once another branch has what lies before that position too."""
        return replace(self, shared=max(self.shared, at))

    def fork(self, at: int, *, name: str, segment: str, created_at: int) -> "Branch":
        return replace(self.cut(at, segment=segment), name=name, created_at=created_at, seq=0)

    @property
    def value(self) -> dict[str, Any]:
        path = [[part.segment, part.start, part.end] for part in self.path]
        told = {"name": self.name, "path": path, "created_at": self.created_at, "shared": self.shared}
        return {**told, "gone": True} if self.gone else told

    @classmethod
    def from_value(cls, value: Mapping[str, Any], *, seq: int) -> "Branch":
        path = tuple(Part(*part) for part in value["path"])
        gone = value.get("gone", False)
        return cls(value["name"], path, value["created_at"], shared=value["shared"], gone=gone, seq=seq)


def first_main() -> Branch:
    """The branch that every conversation begins with, before anything of it is kept."""
    return Branch(MAIN, (Part(MAIN, 0),), created_at=0)


@dataclass(frozen=True)
class Keys:
    """Where a session keeps what, in keys that tell nothing: its id and its branches' names may be words."""

    base: str

    @classmethod
    def of(cls, session_id: str) -> "Keys":
        return cls(f"openai-agents/{digest(session_id)}")

    def item(self, segment: str, position: int) -> str:
        return f"{self.items(segment)}{position:010d}"

    def items(self, segment: str) -> str:
        return f"{self.base}/items/{segment}/"

    def branch(self, name: str) -> str:
        return f"{self.branches}{digest(name)}"

    @property
    def branches(self) -> str:
        return f"{self.base}/branches/"

    def usage(self, name: str, turn: int | None = None) -> str:
        return f"{self.usages}{digest(name)}/" + ("" if turn is None else f"{turn:08d}")

    @property
    def usages(self) -> str:
        return f"{self.base}/usage/"

    def answer(self, segment: str, position: int) -> str:
        return f"{self.base}/answers/{segment}/{position:010d}"

    @property
    def current(self) -> str:
        return f"{self.base}/current"

    @property
    def paused(self) -> str:
        return f"{self.base}/paused"

    def contents(self) -> Iterator[str]:
        """The prefixes of all that is said in a session."""
        yield from (f"{self.base}/items/", self.usages, f"{self.base}/answers/", self.paused)


def digest(words: str) -> str:
    return hashlib.sha256(words.encode(errors="surrogatepass")).hexdigest()[:24]
