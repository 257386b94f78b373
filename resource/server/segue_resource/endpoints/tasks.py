"""`/tasks`: the task a token opens, its name and budget, and everything a device needs to go on with it."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType
from segue.problem import Problem
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.agenda import Expiry
from segue_resource.domain.artifact import Artifact, ReadFirst, is_text
from segue_resource.domain.context import Context
from segue_resource.domain.elision import Elided, newest_summaries
from segue_resource.domain.event import Event
from segue_resource.domain.handoff import Handoff
from segue_resource.domain.participant import Role
from segue_resource.domain.refusal import NotActive
from segue_resource.domain.resume import Facts, facts, greeting
from segue_resource.domain.session import Session
from segue_resource.domain.task import Task
from segue_resource.domain.usage import Usage, reserved
from segue_resource.domain.working_set import Item
from segue_resource.endpoints.body import Shape, read_body
from segue_resource.endpoints.context import TOKEN_BUDGET, token_budget, within
from segue_resource.endpoints.header import required_version
from segue_resource.endpoints.operation import operation
from segue_resource.endpoints.paragraph import Paragraphs
from segue_resource.endpoints.route import route
from segue_resource.endpoints.shape import Name, NewBudget, budget_of, require_name
from segue_resource.endpoints.task_request import answer, caller_of, mutate, show
from segue_resource.endpoints.tool_call_view import ShownCall, view
from segue_resource.stores import events, handoffs, participants, sessions, tasks, tool_calls, working_set
from segue_resource.stores.billing import usage
from segue_resource.stores.ending.retention import Outlook
from segue_resource.stores.files import artifacts
from segue_resource.stores.files.blob_rows import Manifest
from segue_resource.stores.files.contents import Contents
from segue_resource.stores.history import elisions
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.participants import Participant
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Reading, Writing

TAIL = 50
"""The last events that a resume shows."""
SUMMARIES = 8
"""The last summaries that it shows."""
RESUME = {
    "task": Task,
    "greeting": str,
    "paragraph": str,
    "paragraph_source": Literal["store", "deployment"],
    "read_first": list[ReadFirst],
    "working_set": list[Item],
    "tool_calls": list[ShownCall],
    "events": list[Event],
    "summaries": list[Elided],
    "context": Context | None,
    "sessions": list[Session],
    "participants": list[Participant],
    "handoffs": list[Handoff],
    "lead": Role | None,
    "usage": Usage,
    "expiry": Expiry,
    "cursor": int,
}


class TaskChange(Shape, frozen=True):
    """One or both; a budget of null is none."""

    name: Name | UnsetType = UNSET
    budget: NewBudget | UnsetType | None = UNSET


class TaskEndpoints:
    """The handlers."""

    def __init__(self, store: TaskStore, paragraphs: Paragraphs, contents: Contents, outlook: Outlook) -> None:
        self._outlook = outlook
        self._store = store
        self._paragraphs = paragraphs
        self._contents = contents

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
                usage.note_if_exhausted(writing, *tasks.set_budget(writing, budget_of(body.budget), version=changed))
            task = tasks.task(writing)
            return answer(200, task, ETag=f'"{task.version}"')

        return await mutate(self._store, request, content, work)

    @operation("Everything a device needs to go on", query=[TOKEN_BUDGET], answers={200: RESUME})
    @requires("task:read", task="task_id")
    async def resume(self, request: Request) -> Response:
        """One state of the task, read in one transaction; `cursor` says which. With `token_budget`, what fits."""
        budget = token_budget(request)
        (shown, found, first), head = await self._store.read(
            caller_of(request), lambda reading: resumed(reading, self._outlook), releases="resume"
        )
        text, source = await self._paragraphs.of(found)
        read_first = [await self._read_first(*each) for each in first]
        shown = within(request.path_params["task_id"], shown, budget)
        return show({**shown, "paragraph": text, "paragraph_source": source, "read_first": read_first}, head=head)

    async def _read_first(self, found: Artifact, manifest: Manifest | None) -> ReadFirst:
        """With its text, if that can be had: a resume does not fail for want of a file."""
        text = await self._contents.text(manifest) if manifest and is_text(found.media_type) else None
        return ReadFirst(found.path, found.version, found.media_type, found.size, text)


def resumed(reading: Reading, outlook: Outlook) -> tuple[dict[str, Any], Facts, list[tuple[Artifact, Manifest | None]]]:
    """Reads as many rows after a million events as after fifty."""
    task, expiry = outlook.of(reading)
    held = elisions.reaching(reading, 1)
    items = working_set.items(reading)
    calls = tool_calls.unfinished(reading)
    shown = {
        "task": msgspec.to_builtins(task),
        "greeting": greeting(task.name),
        "working_set": items,
        "tool_calls": [view(call, reading.caller) for call in calls],
        "events": events.tail(reading, held, most=TAIL),
        "summaries": events.told(reading, newest_summaries(held, most=SUMMARIES)),
        "sessions": sessions.live(reading),
        "participants": participants.living(reading),
        "handoffs": handoffs.living(reading),
        "lead": reading.lead,
        "usage": msgspec.to_builtins(usage.standing(reading, task.budget, reserved=reserved(calls))),
        "expiry": expiry,
        "cursor": reading.head,
    }
    return shown, facts(task, items, calls), artifacts.read_first(reading)
