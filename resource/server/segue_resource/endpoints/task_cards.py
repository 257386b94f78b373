"""`/task-cards`: what the authorization server shows where the person decides (specs/protocol.md section 9)."""

import re
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.refusal import TaskExists, TaskNotFound, UnknownClass
from segue_resource.domain.stitching import MAX_HINT, Candidate
from segue_resource.domain.task import NameSource
from segue_resource.domain.task_card import TaskCard, TaskName
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.operation import Caller, operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.service_token import ServiceTokens, require_asked
from segue_resource.endpoints.shape import Identifier, Name, NewBudget, budget_of, require_name
from segue_resource.stores.finding.stitching import Choice, Stitching
from segue_resource.stores.task_cards import LISTED, TaskCards

_TASK_ID = re.compile(r"tsk_[A-Za-z0-9_-]{1,64}", re.ASCII)


class NewTask(Shape, frozen=True):
    name: Name
    name_source: NameSource
    budget: NewBudget | None = None
    retention_class: Annotated[str, Meta(max_length=32)] | None = None
    client_id: Annotated[str, Meta(min_length=1, max_length=2000)] | None = None


class NewSession(Shape, frozen=True):
    """What is known of a session before it has a task: its first message or its subject. Never kept."""

    about: Annotated[str, Meta(min_length=1, max_length=MAX_HINT)]


TaskId = Annotated[str, Meta(pattern=r"^tsk_[A-Za-z0-9_-]{1,64}\Z")]


class Asked(Shape, frozen=True):
    """A person, and a task of theirs."""

    sub: Annotated[str, Meta(min_length=1, max_length=255)]
    task_id: TaskId


class Names(Shape, frozen=True):
    asked: Annotated[list[Asked], Meta(min_length=1, max_length=64)]


TaskIds = Annotated[list[TaskId], Meta(max_length=LISTED)]


class Chosen(Shape, frozen=True):
    """`session` is the authorization server's name for the decision. `offered` and `likely` were on its page."""

    session: Identifier
    offered: TaskIds
    likely: TaskIds
    chosen: TaskId
    new: bool


class Match(Struct, frozen=True):
    """How well the session fits the task, from 0 to 1; `reason` is made of our words and of the task's own."""

    score: float
    reason: str
    likely: bool


class MatchedCard(Struct, frozen=True):
    """`match` is null where nothing is in common."""

    card: TaskCard
    match: Match | None


class TaskCardEndpoints:
    """The handlers. Not for devices: task tokens mean nothing here."""

    def __init__(self, cards: TaskCards, stitching: Stitching, tokens: ServiceTokens) -> None:
        self._cards = cards
        self._stitching = stitching
        self._tokens = tokens

    def routes(self) -> list[Route]:
        return [
            route("/task-cards", GET=self.list_cards),
            route("/task-cards/match", POST=self.match),
            route("/task-cards/choices", POST=self.note_choice),
            route("/task-cards/names", POST=self.names),
            route("/task-cards/{task_id}", GET=self.show_card, PUT=self.create),
        ]

    @operation(
        "Cards of the person's tasks", caller=Caller.AUTHORIZATION_SERVER, answers={200: {"cards": list[TaskCard]}}
    )
    async def list_cards(self, request: Request) -> Response:
        sub = await self._tokens.person(request)
        return _json({"cards": await self._cards.open_tasks(sub)})

    @operation(
        "Cards of the person's tasks, and which of them a new session may continue",
        caller=Caller.AUTHORIZATION_SERVER,
        body=NewSession,
        answers={200: {"cards": list[MatchedCard]}},
    )
    async def match(self, request: Request) -> Response:
        sub = await self._tokens.person(request)
        body, _ = await read_body(request, NewSession)
        cards = await self._cards.open_tasks(sub)
        found = await self._stitching.candidates(cards, body.about)
        return _json({"cards": [MatchedCard(card, _match(found.get(card.task_id))) for card in cards]})

    @operation(
        "What the person chose for a new session",
        caller=Caller.AUTHORIZATION_SERVER,
        body=Chosen,
        answers={200: {"noted": bool}},
    )
    async def note_choice(self, request: Request) -> Response:
        sub = await self._tokens.person(request)
        body, _ = await read_body(request, Chosen)
        choice = Choice(body.session, body.offered, body.likely, body.chosen, body.new)
        return _json({"noted": await self._stitching.note(sub, choice)})

    @operation(
        "How tasks of several persons are called",
        caller=Caller.AUTHORIZATION_SERVER,
        body=Names,
        answers={200: {"names": list[TaskName | None]}},
    )
    async def names(self, request: Request) -> Response:
        digest = await self._tokens.question(request)
        body, content = await read_body(request, Names)
        require_asked(content, digest)
        return _json({"names": await self._cards.names([(one.sub, one.task_id) for one in body.asked])})

    @operation(
        "The card of a task", caller=Caller.AUTHORIZATION_SERVER, answers={200: TaskCard}, refuses=[TaskNotFound]
    )
    async def show_card(self, request: Request) -> Response:
        sub = await self._tokens.person(request)
        return _json(await self._cards.card(sub, _task_id(request)))

    @operation(
        "A new task",
        caller=Caller.AUTHORIZATION_SERVER,
        body=NewTask,
        answers={200: TaskCard, 201: TaskCard},
        refuses=[TaskNotFound, TaskExists, UnknownClass],
    )
    async def create(self, request: Request) -> Response:
        sub = await self._tokens.person(request)
        body, _ = await read_body(request, NewTask)
        require_name(body.name)
        card, new = await self._cards.create(
            sub,
            _task_id(request),
            name=body.name,
            name_source=body.name_source,
            budget=budget_of(body.budget),
            retention_class=body.retention_class,
            client_id=body.client_id,
        )
        return _json(card, status=201 if new else 200)


def _match(found: Candidate | None) -> Match | None:
    return None if found is None else Match(round(found.score, 3), found.reason, found.likely)


def _task_id(request: Request) -> str:
    value = str(request.path_params["task_id"])
    if not _TASK_ID.fullmatch(value):
        raise TaskNotFound
    return value


def _json(value: object, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
