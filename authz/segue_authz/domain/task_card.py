"""What the pages show of a task, as the task store tells it (specs/protocol.md section 9)."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class TaskCard:
    """`state` is one line made from the working set; `last_at` in seconds since the epoch. `owner` is a subject.

    `role` is what the person who asks is in the task, `actions` all that this gives them there. `because` is why a new
    session may continue it, in words of the task store and of the task; empty where it does not claim that.
    `closes_at` is when the task will be closed if nobody touches it, None if it will not.
    """

    task_id: str
    name: str
    state: str
    owner: str
    sensitivity: str
    running_tool_calls: int
    last_at: int
    role: str
    actions: frozenset[str]
    because: str = ""
    closes_at: int | None = None


@dataclass(frozen=True)
class TaskName:
    """What a task is called, and whose it is: a subject."""

    name: str
    owner: str


@dataclass(frozen=True)
class Choice:
    """What the person chose on a page, as ids. `session` names the decision."""

    session: str
    offered: list[str]
    likely: list[str]
    chosen: str
    new: bool


@dataclass(frozen=True)
class Invitation:
    """What a person sees who has an invitation's code. `invited_by` is a subject; times in seconds since the epoch."""

    invitation_id: str
    task_id: str
    task_name: str
    role: str
    actions: frozenset[str]
    invited_by: str
    expires_at: int


class NotInvited(Exception):
    """No invitation that is open has this code."""


class CannotJoin(Exception):
    """The invitation is good, and yet the person cannot take part; the message is for the page."""


class CardsUnavailable(Exception):
    """The task store did not answer as it should; nothing can be decided about its tasks now."""


class TaskCards(Protocol):
    """The task store as the authorization server sees it. Every call may raise `CardsUnavailable`."""

    async def open_tasks(self, subject: str) -> list[TaskCard]:
        """The person's open tasks, newest activity first."""
        ...

    async def matching(self, subject: str, about: str) -> list[TaskCard]:
        """The same tasks, before them the one that a session about this may continue."""
        ...

    async def note_choice(self, subject: str, choice: Choice) -> None:
        """For the figures of the task store. Repeating it is harmless."""
        ...

    async def card(self, subject: str, task_id: str) -> TaskCard | None:
        """One task of the person, or None if there is none of that id."""
        ...

    async def name(self, subject: str, task_id: str) -> TaskName | None:
        """How one task of the person is called now, or None if there is none of that id."""
        ...

    async def create(self, subject: str, task_id: str, *, name: str, name_source: str, client_id: str) -> TaskCard:
        """A new task owned by the person, begun for a client. Repeating it is harmless."""
        ...

    async def invitation(self, subject: str, code: str) -> Invitation:
        """What the person is invited to. Raises `NotInvited` and `CannotJoin`."""
        ...

    async def accept(self, subject: str, code: str) -> None:
        """The person takes part from now on, once for all who have the code. Raises `NotInvited` and `CannotJoin`."""
        ...

    async def decline(self, subject: str, code: str) -> None:
        """Nobody takes part by this code any more. Raises `NotInvited`."""
        ...
