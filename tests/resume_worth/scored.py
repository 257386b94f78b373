"""Runs the benchmark: every question of every task, for each way of remembering and each budget, against the store."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from resource_world import Device, StoreWorld

from resume_worth import memory, reader
from resume_worth.corpus import KINDS, Question, Session, Task

WAYS = ("transcript", "summary", "working set", "working set, a third forgotten")
FORGOTTEN = 3
"""In the last way every third item was never written down."""
ASKED = 16_000
"""Tokens of JSON that the store is asked for; the reader gets what fits of the lines that are made from it."""


@dataclass
class Score:
    """Right answers and questions, by kind."""

    right: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)

    def of(self, kind: str | None = None) -> tuple[int, int]:
        if kind is None:
            return self.right.total(), self.asked.total()
        return self.right[kind], self.asked[kind]


@dataclass(frozen=True)
class Asked:
    """A question, and what each way gives the reader to answer it from, within a budget."""

    question: Question
    budget: int
    contexts: dict[str, str]


async def asked(world: StoreWorld, task: Task, budgets: Sequence[int]) -> AsyncIterator[Asked]:
    """Live through the task: each session is another device with a token of its own, which begins with the resume."""
    stored = {way: f"tsk_{task.word}_{number}" for number, way in enumerate(WAYS[2:])}
    for task_id in stored.values():
        await world.begin(task_id, name=task.name)
    past: list[Sequence[memory.Turn]] = []
    for session in task.sessions:
        devices = {way: world.device(task_id=task_id) for way, task_id in stored.items()}
        for budget in budgets if session.questions else ():
            contexts = {way: await _resumed(device, budget) for way, device in devices.items()}
            contexts |= {"transcript": memory.transcript(past, budget), "summary": memory.summary(past, budget)}
            for question in session.questions:
                yield Asked(question, budget, contexts)
        for way, device in devices.items():
            await _lived(device, session, forgets=way == WAYS[-1])
        past.append(session.turns)


async def scores(world: StoreWorld, tasks: Sequence[Task], budgets: Sequence[int]) -> dict[tuple[str, int], Score]:
    """By way and budget."""
    found = {(way, budget): Score() for way in WAYS for budget in budgets}
    for task in tasks:
        async for one in asked(world, task, budgets):
            for way, context in one.contexts.items():
                score = found[way, one.budget]
                score.asked[one.question.kind] += 1
                score.right[one.question.kind] += reader.answer(one.question, context) == reader.expected(one.question)
    return found


def table(found: dict[tuple[str, int], Score]) -> str:
    """Right answers of all, by kind of question, in Markdown."""
    lines = [f"| tokens | remembered by | {' | '.join(KINDS)} | all |", "|---|---|" + "---|" * (len(KINDS) + 1)]
    for (way, budget), score in sorted(found.items(), key=lambda one: (one[0][1], WAYS.index(one[0][0]))):
        cells = [f"{right} of {count}" for right, count in map(score.of, (*KINDS, None))]
        lines.append(f"| {budget} | {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


async def _resumed(device: Device, budget: int) -> str:
    resume: dict[str, Any] = await device.read(f"/resume?token_budget={ASKED}")
    return memory.working_set(resume, budget)


async def _lived(device: Device, session: Session, *, forgets: bool) -> None:
    """Say what is said in the session, and write down what its agent writes down."""
    events = [{"kind": "message", "role": role, "body": {"text": text}} for role, text in session.turns]
    answer = await device.post("/events", {"events": events})
    assert answer.status_code == 201, answer.text
    for number, item in enumerate(session.items, 1):
        if not (forgets and number % FORGOTTEN == 0):
            await _written_down(device, dict(item))


async def _written_down(device: Device, item: dict[str, str]) -> None:
    item_id = item.pop("id")
    content = {"status": "open" if item["type"] == "question" else "settled", **item}
    kept = await device.get(f"/working-set/{item_id}")
    answer = await device.put(item_id, content, version=kept.json()["version"] if kept.status_code == 200 else None)
    assert answer.status_code in (200, 201), answer.text
