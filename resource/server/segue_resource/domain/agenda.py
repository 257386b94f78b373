"""What the retention policy has in store for one task, and when: pausing, closing, archiving, dropping, erasing (T19).

Plain arithmetic on where the task stands. What a person does in the task moves its times; a hold takes all of it away.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from segue_resource.domain.lifecycle import ENDED, Status
from segue_resource.domain.retention import Retention


class Act(StrEnum):
    PAUSE = "pause"
    CLOSE = "close"
    ARCHIVE = "archive"
    DROP = "drop"
    ERASE = "erase"


class Tier(StrEnum):
    """What is dropped apart. `COMPACTED`: bodies that a summary replaces, while the task goes on too."""

    COMPACTED = "compacted"
    MESSAGES = "messages"
    VERSIONS = "versions"
    TOOL_CALLS = "tool_calls"
    ARTIFACTS = "artifacts"


AFTER_THE_END = (Tier.MESSAGES, Tier.VERSIONS, Tier.TOOL_CALLS, Tier.ARTIFACTS)


@dataclass(frozen=True)
class Standing:
    """Where a task stands. Times in seconds since the epoch.

    `reckoned_at`: since when the policy as it is now holds for the task. `in_doubt`: a tool call runs, or nobody knows
    what it did. `forked`: its past is that of living forks too. `compacted_at`: when the oldest summary was written
    whose originals are still there.
    """

    task_id: str
    retention_class: str
    status: Status
    last_at: int
    ended_at: int | None
    reckoned_at: int
    dropped: frozenset[Tier] = frozenset()
    held: bool = False
    in_doubt: bool = False
    forked: bool = False
    compacted_at: int | None = None


@dataclass(frozen=True)
class Due:
    """An act, and from when on it is done."""

    at: int
    act: Act
    tier: Tier | None = None


@dataclass(frozen=True)
class Expiry:
    """When the task will be closed, or erased once it has ended, if nobody touches it. Seconds; None if it will not."""

    closes_at: int | None
    erases_at: int | None


def agenda(standing: Standing, retention: Retention) -> list[Due]:
    """What comes while nobody touches the task, the first first. Empty while it is held, and once it is erased."""
    if standing.held or standing.status is Status.ERASED:
        return []
    ended = standing.status in ENDED
    following = _after_the_end(standing, retention) if ended else _before_the_end(standing, retention)
    return sorted([*_compacted(standing, retention), *following], key=lambda due: due.at)


def expiry_of(standing: Standing, retention: Retention) -> Expiry:
    """What people are told of it."""
    first = {due.act: due.at for due in reversed(agenda(standing, retention))}
    return Expiry(closes_at=first.get(Act.CLOSE), erases_at=first.get(Act.ERASE))


def _before_the_end(standing: Standing, retention: Retention) -> Iterator[Due]:
    """A task is closed by what is known of it: not while a tool call may have taken effect and a person has to say."""
    rules = retention.rules(standing.retention_class)
    if rules.pause_after is not None and standing.status is not Status.PAUSED:
        yield Due(standing.last_at + rules.pause_after, Act.PAUSE)
    if rules.close_after is not None and not standing.in_doubt:
        yield Due(_announced(standing, retention, standing.last_at + rules.close_after), Act.CLOSE)


def _after_the_end(standing: Standing, retention: Retention) -> Iterator[Due]:
    name, ended_at = standing.retention_class, standing.ended_at
    if ended_at is None:
        return
    archive_after = retention.rules(name).archive_after
    if archive_after is not None and standing.status is Status.CLOSED:
        yield Due(ended_at + archive_after, Act.ARCHIVE)
    for tier in AFTER_THE_END:
        kept = retention.kept(name, f"keep_{tier}")
        if kept is not None and tier not in standing.dropped:
            yield Due(_announced(standing, retention, ended_at + kept), Act.DROP, tier)
    erase_after = retention.kept(name, "erase_after")
    if erase_after is not None and not standing.forked:
        yield Due(_announced(standing, retention, ended_at + erase_after), Act.ERASE)


def _compacted(standing: Standing, retention: Retention) -> Iterator[Due]:
    kept = retention.kept(standing.retention_class, "keep_compacted")
    if kept is not None and standing.compacted_at is not None and Tier.MESSAGES not in standing.dropped:
        yield Due(_announced(standing, retention, standing.compacted_at + kept), Act.DROP, Tier.COMPACTED)


def _announced(standing: Standing, retention: Retention, at: int) -> int:
    """What cannot be undone is announced first, also to who slept while the policy was made stricter."""
    return max(at, standing.reckoned_at + retention.notice)
