"""What the log of a task says of the state beside it, folded from its first event to its last.

An event that cannot be read, or is missing, may have said anything of its kind: whatever was told before it is not
sure any more, until something later tells it again.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from segue_resource.domain.event import LOST, REPAIRED, written_by_the_store
from segue_resource.domain.kept_state import PREFIX as STATE
from segue_resource.domain.lifecycle import Status
from segue_resource.domain.participant import Role
from segue_resource.stores.ending.own_writing import OPERATOR, STORE

ANCHORED = (
    *("status", "epoch", "lead", "working_set_version"),
    *("version", "proposal_seq", "name_source", "budget", "name"),
)
"""What a repair tells anew, as it stands by then, so that it is sure again."""

REVERTED = "task.reverted"


@dataclass(frozen=True)
class Told:
    """One of the store's own events."""

    seq: int
    kind: str
    at: int
    sub: str
    client_id: str | None
    device_id: str | None
    epoch: int
    body: dict[str, Any]


@dataclass(frozen=True)
class Fact:
    """What was told, and by which event."""

    value: Any
    seq: int


class Account:
    """Is told every event in its order, then asked."""

    def __init__(self) -> None:
        self.facts: dict[str, Fact] = {}
        self.by_seq: dict[int, Told] = {}
        self._by_topic: dict[str, list[Told]] = defaultdict(list)
        self._unsure: dict[int, str | None] = {}
        self.last_at = 0

    def tell(self, row: Any, body: dict[str, Any]) -> None:
        """An event that opened."""
        if row.sub not in (STORE.sub, OPERATOR.sub):  # what the store does by itself is no activity
            self.last_at = max(self.last_at, row.at)
        if row.kind == LOST:
            self.doubt(row.seq, None)
        elif written_by_the_store(row.kind) and not row.kind.startswith(STATE):  # which nothing lies beside
            told = Told(row.seq, row.kind, row.at, row.sub, row.client_id, row.device_id, self._epoch(), body)
            self.by_seq[row.seq] = told
            self._by_topic[_topic(row.kind)].append(told)
            self._fold(told)

    def doubt(self, seq: int, kind: str | None) -> None:
        """What event `seq` says is not known, and neither is its kind where that is None."""
        self._unsure[seq] = kind

    def expired(self, seq: int) -> bool:
        """Whether the log says that what it told by this event, beside numbers and kinds, is no more kept."""
        dropped = (told.body for told in self.of("log") if told.kind == "log.expired")
        return any(body["from"] <= seq <= body["to"] for body in dropped)

    def of(self, topic: str) -> Sequence[Told]:
        """The events whose kind begins so."""
        return self._by_topic[topic]

    def sure(self, topic: str, *, since: int) -> bool:
        """Whether nothing after the event `since` may have told otherwise."""
        return not any(seq > since and kind in (None, topic) for seq, kind in self._topics())

    def may_tell(self, seq: int | None, topic: str) -> bool:
        """Whether it is not known what the event of this number says, and it may be of that topic."""
        return seq is not None and any(found == seq and kind in (None, topic) for found, kind in self._topics())

    def sure_fact(self, name: str, topic: str) -> Fact | None:
        """None where the log does not say, or not for sure."""
        fact = self.facts.get(name)
        return fact if fact is not None and self.sure(topic, since=fact.seq) else None

    def _topics(self) -> list[tuple[int, str | None]]:
        return [(seq, None if kind is None else _topic(kind)) for seq, kind in self._unsure.items()]

    def _epoch(self) -> int:
        return self.facts["epoch"].value if "epoch" in self.facts else 0

    def _fold(self, told: Told) -> None:
        body, seq = told.body, told.seq
        match told.kind:
            case "task.created" | "task.forked" if "owner" in body:  # the parent's own log tells of its fork too
                opening = {name: body.get(name) for name in ("status", "epoch", "owner", "name", "name_source")}
                rest = {"budget": body.get("budget"), "sensitivity": body.get("sensitivity"), "created_at": told.at}
                begins = {"lead": Role.AGENT.value, "working_set_version": 0, "version": 1, "proposal_seq": None}
                begins |= {"ended_at": None, **{name: body.get(name) for name in ("parent_task_id", "parent_seq")}}
                self._set(seq, opening | rest | begins)
            case "task.status_changed":
                self._set(seq, {"status": body["to"]})
                if body["to"] == Status.CLOSED:
                    self._set(seq, {"ended_at": told.at})
            case "task.erased":
                self._set(seq, {"status": Status.ERASED})
            case kind if kind == REVERTED:
                self._count("working_set_version", by=len(body["working_set"]))
            case "task.moved":
                self._set(seq, {"epoch": body["epoch"]})
            case "task.renamed":
                named = {"name": body["name"], "name_source": body["name_source"], "proposal_seq": None}
                self._set(seq, named)
                self._count("version")
            case "task.budget_changed":
                self._set(seq, {"budget": body["budget"]})
                self._count("version")
            case "task.sensitivity_changed":
                self._set(seq, {"sensitivity": body["sensitivity"]})
            case "task.name_proposed":
                self._set(seq, {"proposal_seq": seq})
            case "task.name_declined":
                self._set(seq, {"proposal_seq": None})
            case "handoff.accepted":
                self._set(seq, {"lead": body["to_role"]})
            case "handoff.returned":
                self._set(seq, {"lead": body["from_role"]})
            case "working_set.changed" | "working_set.deleted":
                self._count("working_set_version")
            case kind if kind == REPAIRED:
                self._set(seq, {name: body[name] for name in ANCHORED if name in body})

    def _set(self, seq: int, values: dict[str, Any]) -> None:
        self.facts |= {name: Fact(value, seq) for name, value in values.items()}

    def _count(self, name: str, *, by: int = 1) -> None:
        """More of it. Since when it is counted stays as it was: an event that is missing in between is one too few."""
        if name in self.facts:
            fact = self.facts[name]
            self.facts[name] = Fact(fact.value + by, fact.seq)


def _topic(kind: str) -> str:
    return kind.partition(".")[0]
