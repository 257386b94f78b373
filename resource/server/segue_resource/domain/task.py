"""A task: the unit of work that moves between devices, and what one token may do with it."""

from dataclasses import dataclass
from enum import StrEnum

from segue_resource.domain.actor import Actor
from segue_resource.domain.fork import Origin
from segue_resource.domain.lifecycle import Status


class NameSource(StrEnum):
    """Who gave the task its name: an agent alone, an agent and the person said yes, or the person."""

    AGENT_PROPOSED = "agent_proposed"
    AGENT_ACCEPTED = "agent_accepted"
    PERSON = "person"


class Access(StrEnum):
    """What is left to a token once its epoch is compared with the task's."""

    WRITE = "write"
    READ = "read"


@dataclass(frozen=True)
class Budget:
    """At most `limit` of a `unit` that whoever counts understands. What is counted, and by whom, is not said here.

    With `while_present`, nothing that spends begins while no person is there (`require_attended`).
    """

    unit: str
    limit: int
    while_present: bool = False


@dataclass(frozen=True)
class NameProposal:
    """A name that nobody has answered yet. `seq` is its event's; `at` in seconds since the epoch."""

    seq: int
    name: str
    at: int
    actor: Actor


@dataclass(frozen=True)
class Task:
    """`head` is the last sequence number of its log; `version` counts changes of its name and its budget.

    `forked_from` says which task holds its past, and up to which event, if it is a fork.

    Times in seconds since the epoch.
    """

    task_id: str
    name: str
    name_source: NameSource
    name_proposal: NameProposal | None
    status: Status
    budget: Budget | None
    owner: str
    epoch: int
    head: int
    version: int
    created_at: int
    access: Access
    forked_from: Origin | None = None

    @property
    def proposal_seq(self) -> int | None:
        return None if self.name_proposal is None else self.name_proposal.seq


def access(*, token_epoch: int, task_epoch: int) -> Access:
    """A token minted before the task moved away reads only (specs/protocol.md section 7)."""
    return Access.READ if token_epoch < task_epoch else Access.WRITE


def source_of(name: str, before: Task) -> NameSource:
    """Whose word a name is once the person has said it: to repeat what an agent proposed is to accept it."""
    if before.name_proposal is not None and name == before.name_proposal.name:
        return NameSource.AGENT_ACCEPTED
    if name == before.name and before.name_source is not NameSource.PERSON:
        return NameSource.AGENT_ACCEPTED
    return NameSource.PERSON
