"""Choosing the task on a page: one of the person's open tasks, or a new one with a name (A8, T4)."""

from dataclasses import dataclass

from segue_authz import pages
from segue_authz.domain.account import Account
from segue_authz.domain.refusal import AccessDenied
from segue_authz.domain.task_card import TaskCard
from segue_authz.endpoints.services import Services

NAME_LENGTH = 200
_NEW = "new"


@dataclass(frozen=True)
class NewTask:
    """A task to be begun. `name_source` says who named it."""

    name: str
    name_source: str


class NotChosen(Exception):
    """The form names no task that can be taken; the message is for the page."""


async def choices(services: Services, subject: str, task_id: str | None) -> list[TaskCard]:
    """What the page offers: all open tasks, or the one that was asked for. Raises `AccessDenied`."""
    if task_id is None:
        return await services.cards.open_tasks(subject)
    card = await services.cards.card(subject, task_id)
    if card is None:
        raise AccessDenied("there is no such task")
    return [card]


async def read_choice(
    services: Services, subject: str, form: dict[str, str], *, asked_task_id: str | None, asked_name: str | None
) -> TaskCard | NewTask:
    """The person's choice. Raises `NotChosen` and `AccessDenied`."""
    if form.get("task") != _NEW:
        offered = {card.task_id: card for card in await choices(services, subject, asked_task_id)}
        if form.get("task") in offered:
            return offered[form["task"]]
        raise NotChosen("Choose a task, or start a new one.")
    if asked_task_id is not None:
        raise AccessDenied("the client asked for another task")
    name = " ".join(form.get("name", "").split())
    if not 0 < len(name) <= NAME_LENGTH or not name.isprintable():
        raise NotChosen(f"Give the new task a name of at most {NAME_LENGTH} characters.")
    return NewTask(name, "agent_accepted" if name == asked_name else "person")


async def settle(services: Services, subject: str, choice: TaskCard | NewTask, *, seed: str) -> TaskCard:
    """The task itself; a new one is begun, under an identifier that a repeat with the same `seed` gets again."""
    if isinstance(choice, TaskCard):
        return choice
    task_id = "tsk_" + services.derivation.digest("new task", seed)[:22]
    return await services.cards.create(subject, task_id, name=choice.name, name_source=choice.name_source)


async def owner_name(services: Services, card: TaskCard | None, person: Account) -> str:
    """Whose task it is: the person's own, unless the task store says that it is somebody else's."""
    owner = person if card is None else await services.accounts.by_subject(card.owner)
    return owner.name if owner else ""


def given(asked: frozenset[str], cards: list[TaskCard], task_id: str | None) -> frozenset[str]:
    """What a page says that is asked for: of a task that was named, no more than the person's part in it gives."""
    return asked if task_id is None or not cards else asked & cards[0].actions


def as_choices(cards: list[TaskCard]) -> tuple[pages.TaskChoice, ...]:
    return tuple(
        pages.TaskChoice(card.task_id, card.name, card.state, card.last_at, card.role, tuple(sorted(card.actions)))
        for card in cards
    )
