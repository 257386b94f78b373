"""`/task-cards`: what the authorization server shows where the person decides (specs/protocol.md section 9)."""

import re

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.refusal import TaskExists, TaskNotFound
from segue_resource.domain.task import NameSource
from segue_resource.domain.task_card import TaskCard
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.operation import Caller, operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.service_token import ServiceTokens
from segue_resource.endpoints.shape import Name, NewBudget, budget_of, require_name
from segue_resource.stores.task_cards import TaskCards

_TASK_ID = re.compile(r"tsk_[A-Za-z0-9_-]{1,64}", re.ASCII)


class NewTask(Shape, frozen=True):
    name: Name
    name_source: NameSource
    budget: NewBudget | None = None


class TaskCardEndpoints:
    """The handlers. Not for devices: task tokens mean nothing here."""

    def __init__(self, cards: TaskCards, tokens: ServiceTokens) -> None:
        self._cards = cards
        self._tokens = tokens

    def routes(self) -> list[Route]:
        return [
            route("/task-cards", GET=self.list_cards),
            route("/task-cards/{task_id}", GET=self.show_card, PUT=self.create),
        ]

    @operation(
        "Cards of the person's tasks", caller=Caller.AUTHORIZATION_SERVER, answers={200: {"cards": list[TaskCard]}}
    )
    async def list_cards(self, request: Request) -> Response:
        sub = await self._tokens.person(request)
        return _json({"cards": await self._cards.open_tasks(sub)})

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
        refuses=[TaskNotFound, TaskExists],
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
        )
        return _json(card, status=201 if new else 200)


def _task_id(request: Request) -> str:
    value = str(request.path_params["task_id"])
    if not _TASK_ID.fullmatch(value):
        raise TaskNotFound
    return value


def _json(value: object, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
