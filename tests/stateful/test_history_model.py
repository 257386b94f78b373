"""A task's past against a model of a few lines: what is said, put, corrected, taken back and forked, in any order.

The model knows no ranges, versions or pointers: it keeps what a reader sees after each event, and a rollback or a fork
takes that from where it was.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from resource_world import Device, StoreWorld, event, item
from rounds import rounds

pytest_plugins = ["resource_fixtures"]
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.requirement("T12", "T13", "R35", "R40"),
]

STEPS = rounds(bounded=60, full=2000)
CHECKED_EVERY = 20
ITEMS = ("draft", "cap", "courts")


@dataclass(frozen=True)
class Seen:
    """What a reader sees after one event: texts by the number of their event, None once withdrawn; and the items."""

    said: dict[int, str | None] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)


@dataclass
class Task:
    """`after[n]` is what is seen after event n."""

    device: Device
    after: list[Seen]
    versions: dict[str, int] = field(default_factory=dict)

    @property
    def head(self) -> int:
        return len(self.after) - 1

    @property
    def now(self) -> Seen:
        return self.after[-1]

    def goes_on(self, seen: Seen | None = None) -> None:
        self.after.append(seen or self.now)


class Play:
    """Draws what happens next, does it, and tells the model."""

    def __init__(self, device: Device, seed: str) -> None:
        self.dice = random.Random(seed)
        self.tasks = [Task(device, [Seen(), Seen()])]
        self.words = 0

    def word(self) -> str:
        self.words += 1
        return f"word {self.words}"

    async def step(self) -> None:
        task = self.dice.choice(self.tasks)
        acts = [self.say] * 4 + [self.put] * 4 + [self.delete, self.correct, self.correct, self.revert, self.fork]
        await self.dice.choice(acts)(task)

    async def say(self, task: Task) -> None:
        text = self.word()
        answer = await task.device.post("/events", {"events": [event(text)]})
        assert answer.json() == {"first": task.head + 1, "last": task.head + 1}
        task.goes_on(Seen({**task.now.said, task.head + 1: text}, task.now.items))

    async def put(self, task: Task) -> None:
        item_id, title = self.dice.choice(ITEMS), self.word()
        version = task.versions.get(item_id) if item_id in task.now.items else None
        answer = await task.device.put(item_id, item(title), version=version)
        assert answer.status_code in (200, 201), answer.text
        task.versions[item_id] = answer.json()["version"]
        task.goes_on(Seen(task.now.said, {**task.now.items, item_id: title}))

    async def delete(self, task: Task) -> None:
        if not task.now.items:
            return
        item_id = self.dice.choice(sorted(task.now.items))
        headers = {"If-Match": f'"{task.versions[item_id]}"'}
        assert (await task.device.send("DELETE", f"/working-set/{item_id}", headers=headers)).status_code == 204
        rest = {other: title for other, title in task.now.items.items() if other != item_id}
        task.goes_on(Seen(task.now.said, rest))

    async def correct(self, task: Task) -> None:
        if not task.now.said:
            return
        seq, text = self.dice.choice(sorted(task.now.said)), self.dice.choice([self.word(), None])
        instead: dict[str, Any] = {"withdraw": True} if text is None else {"body": {"text": text}}
        answer = await task.device.post("/corrections", {"seq": seq, **instead})
        assert answer.json() == {"seq": task.head + 1}
        said = {other: found for other, found in task.now.said.items() if other != seq}
        task.goes_on(Seen({**said, task.head + 1: text}, task.now.items))

    async def revert(self, task: Task) -> None:
        if task.head < 2:
            return
        to = self.dice.randrange(1, task.head)
        done = (await task.device.post("/rollbacks", {"to": to, "head": task.head})).json()
        assert done["seq"] == task.head + 1
        task.versions |= {change["item_id"]: change["version"] for change in done["working_set"]}
        task.goes_on(task.after[to])

    async def fork(self, task: Task) -> None:
        if len(self.tasks) == 6:
            return
        at = self.dice.randrange(1, task.head + 1)
        answer = await task.device.post("/forks", {"name": "Otherwise", "at": at})
        task_id = answer.json()["task_id"]
        forked = Task(task.device.world.device(task_id=task_id), task.after[: at + 1])
        forked.goes_on()
        found = (await forked.device.read("/working-set"))["items"]
        forked.versions = {one["item_id"]: one["version"] for one in found}
        task.goes_on()
        self.tasks.append(forked)

    async def check(self) -> None:
        """Every task is what the model says, now and as of some event."""
        for task in self.tasks:
            assert await _said(task) == [text for _, text in sorted(task.now.said.items()) if text is not None]
            assert await _items(task, "/working-set") == task.now.items
            seq = self.dice.randrange(1, task.head + 1)
            assert await _items(task, f"/working-set?as_of={seq}") == task.after[seq].items
            numbers = [found["seq"] for found in (await _events(task, "&view=full"))]
            assert numbers == list(range(1, task.head + 1))


async def _said(task: Task) -> list[str]:
    found = [(one["kind"], one["body"]) for one in await _events(task)]
    bodies = [
        body if kind == "message" else body["body"] for kind, body in found if kind in ("message", "log.corrected")
    ]
    return [body["text"] for body in bodies if body is not None]


async def _items(task: Task, path: str) -> dict[str, str]:
    return {found["item_id"]: found["title"] for found in (await task.device.read(path))["items"]}


async def _events(task: Task, view: str = "") -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    after = 0
    while after < task.head:
        page = await task.device.read(f"/events?after={after}&limit=1000{view}")
        events, after = events + page["events"], page["next_after"]
    return events


async def test_the_past_is_what_a_model_of_a_few_lines_says(store: StoreWorld) -> None:
    play = Play(store.device(), "a past")
    for number in range(STEPS):
        await play.step()
        if number % CHECKED_EVERY == CHECKED_EVERY - 1:
            await play.check()
    await play.check()
