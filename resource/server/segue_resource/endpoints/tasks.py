"""`/tasks`: the task a token opens, its name and budget, and everything a device needs to go on with it."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType
from segue.problem import Problem
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.event import Event
from segue_resource.domain.handoff import Handoff
from segue_resource.domain.participant import Role
from segue_resource.domain.refusal import NotActive
from segue_resource.domain.resume import Facts, facts, greeting
from segue_resource.domain.session import Session
from segue_resource.domain.task import Task
from segue_resource.domain.working_set import Item
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.header import required_version
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.paragraph import Paragraphs
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import Name, NewBudget, budget_of, require_name
from segue_resource.endpoints.task_request import answer, caller_of, mutate, show
from segue_resource.endpoints.tool_call_view import ShownCall, view
from segue_resource.stores import events, handoffs, participants, sessions, tasks, tool_calls, working_set
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.participants import Participant
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Reading, Writing

TAIL = 50
"""The last events that a resume shows."""
RESUME = {
    "task": Task,
    "greeting": str,
    "paragraph": str,
    "paragraph_source": Literal["store", "deployment"],
    "working_set": list[Item],
    "tool_calls": list[ShownCall],
    "events": list[Event],
    "sessions": list[Session],
    "participants": list[Participant],
    "handoffs": list[Handoff],
    "lead": Role | None,
    "cursor": int,
}


class TaskChange(Shape, frozen=True):
    """One or both; a budget of null is none."""

    name: Name | UnsetType = UNSET
    budget: NewBudget | UnsetType | None = UNSET


class TaskEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore, paragraphs: Paragraphs) -> None:
        self._store = store
        self._paragraphs = paragraphs

    def routes(self) -> list[Route]:
        return [
            route("/tasks", GET=self.list_tasks),
            route("/tasks/{task_id}", GET=self.show_task, PATCH=self.change),
            route("/tasks/{task_id}/resume", GET=self.resume),
        ]

    @operation("The tasks that the token opens", answers={200: {"tasks": list[Task]}})
    @requires("task:read")
    async def list_tasks(self, request: Request) -> Response:
        """Those the token opens: one."""
        task, head = await self._store.read(caller_of(request), tasks.task)
        return show({"tasks": [task]}, head=head)

    @operation("The task", answers={200: Task}, etag=True)
    @requires("task:read", task="task_id")
    async def show_task(self, request: Request) -> Response:
        task, head = await self._store.read(caller_of(request), tasks.task)
        return show(task, head=head, etag=task.version)

    @operation(
        "Rename the task, set its budget",
        body=TaskChange,
        headers=["If-Match!"],
        answers={200: Task},
        etag=True,
        refuses=[NotActive],
    )
    @requires("task:write", task="task_id")
    async def change(self, request: Request) -> Response:
        body, content = await read_body(request, TaskChange)
        version = required_version(request)
        if body.name is UNSET and body.budget is UNSET:
            raise Problem(400, "invalid-request", "The request changes nothing", "say name or budget")
        if body.name is not UNSET:
            require_name(body.name)

        def work(writing: Writing) -> Answer:
            changed = version
            if body.name is not UNSET:
                tasks.rename(writing, body.name, version=changed)
                changed += 1
            if body.budget is not UNSET:
                tasks.set_budget(writing, budget_of(body.budget), version=changed)
            task = tasks.task(writing)
            return answer(200, task, ETag=f'"{task.version}"')

        return await mutate(self._store, request, content, work)

    @operation("Everything a device needs to go on", answers={200: RESUME})
    @requires("task:read", task="task_id")
    async def resume(self, request: Request) -> Response:
        """One state of the task, read in one transaction; `cursor` says which."""
        (shown, found), head = await self._store.read(caller_of(request), _resume, releases="resume")
        text, source = await self._paragraphs.of(found)
        return show({**shown, "paragraph": text, "paragraph_source": source}, head=head)


def _resume(reading: Reading) -> tuple[dict[str, Any], Facts]:
    """Reads as many rows after a million events as after fifty."""
    task = tasks.task(reading)
    items = working_set.items(reading)
    calls = tool_calls.unfinished(reading)
    shown = {
        "task": msgspec.to_builtins(task),
        "greeting": greeting(task.name),
        "working_set": items,
        "tool_calls": [view(call, reading.caller) for call in calls],
        "events": events.tail(reading, most=TAIL),
        "sessions": sessions.live(reading),
        "participants": participants.living(reading),
        "handoffs": handoffs.living(reading),
        "lead": reading.lead,
        "cursor": reading.head,
    }
    return shown, facts(task, items, calls)
