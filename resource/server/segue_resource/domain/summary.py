"""What a summary is made from, and the one that the store writes without a model: counts and titles, nothing invented.

The same events give the same words. A deployment may have its own model write the summary from the same `Material`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from segue_resource.domain.compaction import FOLD, MAX_SUMMARY
from segue_resource.domain.elision import transient
from segue_resource.domain.event import Event
from segue_resource.domain.resume import sentence

SPEAKERS: Mapping[str, tuple[str, str]] = {
    "customer": ("{} event is the customer's", "{} events are the customer's"),
    "agent": ("{} is an agent's", "{} are an agent's"),
    "human_agent": ("{} is a human agent's", "{} are a human agent's"),
    "system": ("{} is a system's", "{} are a system's"),
}
CHANGED = "working_set.changed"
PROPOSED = "tool_call.proposed"
CLIPPED = MAX_SUMMARY // FOLD - 1
"""Characters of each summary that the store takes over into a summary of summaries."""


@dataclass(frozen=True)
class Said:
    """What somebody said, as `role`; `body` as it was appended."""

    seq: int
    kind: str
    role: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Material:
    """All that a summary is made from: what was said in the range, or the summaries that lie in it, oldest first.

    `words` is the summary that is made without a model.
    """

    task_id: str
    from_seq: int
    to_seq: int
    said: list[Said]
    summaries: list[str]
    words: str


SummaryWriter = Callable[[Material], Awaitable[str]]
"""A deployment's own way to write a summary. May raise anything: the range then stays in detail until the next time."""


def of_events(task_id: str, range_: tuple[int, int], events: Sequence[Event]) -> Material:
    """`events` are those of the range that hold, in their order."""
    said = [Said(one.seq, one.kind, one.role, one.body) for one in events if transient(one.kind)]
    return Material(task_id, *range_, said, [], words(events) if said else "What was said here was taken back.")


def of_summaries(task_id: str, range_: tuple[int, int], summaries: Sequence[str]) -> Material:
    """A summary of summaries: the store takes the beginning of each."""
    return Material(task_id, *range_, [], list(summaries), "\n".join(_clipped(text) for text in summaries))


def words(events: Sequence[Event]) -> str:
    """When, how much of whom, and what was written down, as the store's own events in the range say."""
    begun, ended = _day(events[0]), _day(events[-1])
    when = f"On {begun}" if begun == ended else f"From {begun} to {ended}"
    titles: dict[str, tuple[str, str]] = {}
    for event in events:
        if event.kind == CHANGED and event.body:
            titles[event.body["item_id"]] = (event.body["type"], event.body["title"])
    decisions = [title for kind, title in titles.values() if kind == "decision"]
    others = [title for kind, title in titles.values() if kind != "decision"]
    calls = [event.body.get("title", "") for event in events if event.kind == PROPOSED]
    parts = [
        f"{when}, events {events[0].seq} to {events[-1].seq}: {_counted(events)}.",
        *sentence(decisions, "{} decision was written down", "{} decisions were written down"),
        *sentence(others, "{} other item was written down", "{} other items were written down"),
        *sentence([call for call in calls if call], "{} tool call was proposed", "{} tool calls were proposed"),
    ]
    return " ".join(parts)


def _counted(events: Sequence[Event]) -> str:
    spoken = [event.role for event in events if transient(event.kind)]
    counts = {role: spoken.count(role) for role in SPEAKERS}
    return ", ".join(SPEAKERS[role][count > 1].format(count) for role, count in counts.items() if count)


def _day(event: Event) -> str:
    return datetime.fromtimestamp(event.at, UTC).date().isoformat()


def _clipped(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= CLIPPED else f"{line[: CLIPPED - 1].rstrip()}…"
