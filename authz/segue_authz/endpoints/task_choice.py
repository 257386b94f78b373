"""Choosing the task on a page: one of the person's open tasks, or a new one with a name (A8, T4)."""

import logging
from dataclasses import dataclass

from segue_authz import pages
from segue_authz.domain.account import Account
from segue_authz.domain.refusal import AccessDenied
from segue_authz.domain.task_card import CardsUnavailable, Choice, TaskCard
from segue_authz.endpoints.services import Services
from segue_authz.pages.text import gettext

_LOG = logging.getLogger("segue_authz")
NAME_LENGTH = 200
_NEW = "new"


@dataclass(frozen=True)
class NewTask:
    """A task to be begun. `name_source` says who named it."""

    name: str
    name_source: str


class NotChosen(Exception):
    """The form names no task that can be taken; the message is for the page."""


async def choices(services: Services, subject: str, task_id: str | None, *, about: str | None = None) -> list[TaskCard]:
    """What the page offers: all open tasks, or the one that was asked for. Raises `AccessDenied`.

    What the client says the session is about orders them, if the task store can tell; what it cannot stops nobody.
    """
    if task_id is None:
        return await open_tasks(services, subject, about)
    card = await services.cards.card(subject, task_id)
    if card is None:
        raise AccessDenied("there is no such task")
    return [card]


async def open_tasks(services: Services, subject: str, about: str | None) -> list[TaskCard]:
    """The person's open tasks, before them the one that the session may continue."""
    if about is not None:
        try:
            return await services.cards.matching(subject, about)
        except CardsUnavailable as why:
            _LOG.warning("what a session may continue cannot be told: %s", why)
    return await services.cards.open_tasks(subject)


async def note_choice(
    services: Services, subject: str, card: TaskCard, *, session: str, about: str | None, new: bool
) -> None:
    """Tell the task store what was chosen of what; without its answer the person's decision stands all the same."""
    try:
        offered = [one for one in await open_tasks(services, subject, about) if not new or one.task_id != card.task_id]
        likely = [one.task_id for one in offered if one.because]
        choice = Choice(session, [one.task_id for one in offered], likely, card.task_id, new)
        await services.cards.note_choice(subject, choice)
    except CardsUnavailable as why:
        _LOG.warning("a choice cannot be noted: %s", why)


async def read_choice(
    services: Services, subject: str, form: dict[str, str], *, asked_task_id: str | None, asked_name: str | None
) -> TaskCard | NewTask:
    """The person's choice. Raises `NotChosen` and `AccessDenied`."""
    if form.get("task") != _NEW:
        offered = {card.task_id: card for card in await choices(services, subject, asked_task_id)}
        if form.get("task") in offered:
            return offered[form["task"]]
        raise NotChosen(gettext("Choose a task, or start a new one."))
    if asked_task_id is not None:
        raise AccessDenied("the client asked for another task")
    name = " ".join(form.get("name", "").split())
    if not 0 < len(name) <= NAME_LENGTH or not name.isprintable():
        raise NotChosen(gettext("Give the new task a name of at most %(limit)d characters.", limit=NAME_LENGTH))
    return NewTask(name, "agent_accepted" if name == asked_name else "person")


async def settle(
    services: Services, subject: str, choice: TaskCard | NewTask, *, seed: str, client_id: str
) -> TaskCard:
    """The task itself; a new one is begun for the client, under an identifier that the same `seed` gets again."""
    if isinstance(choice, TaskCard):
        return choice
    task_id = "tsk_" + services.derivation.digest("new task", seed)[:22]
    return await services.cards.create(
        subject, task_id, name=choice.name, name_source=choice.name_source, client_id=client_id
    )


async def owner_name(services: Services, card: TaskCard | None, person: Account) -> str:
    """Whose task it is: the person's own, unless the task store says that it is somebody else's."""
    owner = person if card is None else await services.accounts.by_subject(card.owner)
    return owner.name if owner else ""


def given(asked: frozenset[str], cards: list[TaskCard], task_id: str | None) -> frozenset[str]:
    """What a page says that is asked for: of a task that was named, no more than the person's part in it gives."""
    return asked if task_id is None or not cards else asked & cards[0].actions


def as_choices(cards: list[TaskCard]) -> tuple[pages.TaskChoice, ...]:
    return tuple(
        pages.TaskChoice(
            card.task_id,
            card.name,
            card.state,
            card.last_at,
            card.role,
            tuple(sorted(card.actions)),
            card.because,
            card.closes_at,
        )
        for card in cards
    )
