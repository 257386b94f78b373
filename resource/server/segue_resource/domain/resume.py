"""What a person reads on coming back: one greeting and one paragraph made from the working set and the open calls.

Deterministic and without a model: the same state gives the same words on every device (T5). A deployment may have its
own model write the paragraph from the same `Facts`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from segue_resource.domain.lifecycle import Status
from segue_resource.domain.name import one_line
from segue_resource.domain.task import Task
from segue_resource.domain.tool_call import State, ToolCall
from segue_resource.domain.working_set import Item, ItemStatus, ItemType

SHOWN = 3
"""Titles named in one sentence; the others are counted."""
TITLE = 100
"""Characters of a title that are quoted."""

_ENDS = ("?", "!", "…")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class ParagraphSource(StrEnum):
    """Who wrote a paragraph: this module, or what the deployment brought."""

    STORE = "store"
    DEPLOYMENT = "deployment"


@dataclass(frozen=True)
class ItemFact:
    type: ItemType
    title: str
    status: ItemStatus


@dataclass(frozen=True)
class CallFact:
    title: str
    state: State


@dataclass(frozen=True)
class Facts:
    """All that a paragraph is made from, and `paragraph`, the one that is made without a model."""

    task_id: str
    name: str
    status: Status
    working_set: list[ItemFact]
    tool_calls: list[CallFact]
    paragraph: str


ParagraphWriter = Callable[[Facts], Awaitable[str]]
"""A deployment's own way to write the paragraph. May raise anything, and take its time: nobody waits for it long."""


def facts(task: Task, items: Sequence[Item], calls: Sequence[ToolCall]) -> Facts:
    """`calls` are the unfinished ones."""
    return Facts(
        task_id=task.task_id,
        name=task.name,
        status=task.status,
        working_set=[ItemFact(item.type, item.title, item.status) for item in items],
        tool_calls=[CallFact(call.title, call.state) for call in calls],
        paragraph=paragraph(items, calls),
    )


def greeting(name: str) -> str:
    return f"You were working on {name} - pick up where you left off?"


def paragraph(items: Sequence[Item], calls: Sequence[ToolCall]) -> str:
    """The state of the task in a few plain sentences; `calls` are the unfinished ones."""
    sentences = [*_work(items), *_agreements(items), *_calls(calls)]
    return " ".join(sentences) or "Nothing has been written down for this task yet."


def _work(items: Sequence[Item]) -> list[str]:
    documents, outputs = _of(items, ItemType.DOCUMENT), _of(items, ItemType.OUTPUT)
    return [
        *sentence(_open(documents), "{} document is in progress", "{} documents are in progress"),
        *sentence(_settled(documents), "{} document is finished", "{} documents are finished"),
        *sentence([output.title for output in outputs], "There is {} partial result", "There are {} partial results"),
    ]


def _agreements(items: Sequence[Item]) -> list[str]:
    decisions, questions = _of(items, ItemType.DECISION), _of(items, ItemType.QUESTION)
    kept = _of(items, ItemType.FACT) + _of(items, ItemType.CONSTRAINT)
    return [
        *sentence(_settled(decisions), "{} decision is made", "{} decisions are made"),
        *sentence(_open(decisions), "{} decision is still to be made", "{} decisions are still to be made"),
        *sentence(_open(questions), "{} question is open", "{} questions are open"),
        *sentence([item.title for item in kept], "{} point is to be kept in mind", "{} points are to be kept in mind"),
    ]


def _calls(calls: Sequence[ToolCall]) -> list[str]:
    titles = {state: [call.title for call in calls if call.state is state] for state in State}
    running = titles[State.RUNNING] + titles[State.CLAIMED]
    return [
        *sentence(running, "{} tool call is running", "{} tool calls are running"),
        *sentence(titles[State.APPROVED], "{} tool call is ready to run", "{} tool calls are ready to run"),
        *sentence(
            titles[State.PROPOSED], "{} tool call waits for your approval", "{} tool calls wait for your approval"
        ),
        *sentence(
            titles[State.UNKNOWN],
            "Of {} tool call nobody knows whether it took effect, so please check",
            "Of {} tool calls nobody knows whether they took effect, so please check",
        ),
    ]


def _of(items: Sequence[Item], kind: ItemType) -> list[Item]:
    return [item for item in items if item.type is kind]


def _open(items: Sequence[Item]) -> list[str]:
    return [item.title for item in items if item.status is ItemStatus.OPEN]


def _settled(items: Sequence[Item]) -> list[str]:
    return [item.title for item in items if item.status is ItemStatus.SETTLED]


def sentence(titles: Sequence[str], one: str, many: str) -> list[str]:
    """`Two decisions are made: this; that.`, or nothing when there are none."""
    if not titles:
        return []
    opening = (one if len(titles) == 1 else many).format(_number(len(titles)))
    named = [_quoted(title) for title in titles[:SHOWN]]
    if len(titles) > SHOWN:
        named.append(f"and {_number(len(titles) - SHOWN)} more")
    said = f"{_capital(opening)}: {_listed(named)}"
    return [said if said.endswith(_ENDS) else f"{said}."]


def _listed(parts: Sequence[str]) -> str:
    """`this; that`, or `This? That?` where the parts are sentences of their own."""
    said = parts[0]
    for part in parts[1:]:
        said = f"{said} {_capital(part)}" if said.endswith(_ENDS) else f"{said}; {part}"
    return said


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _quoted(title: str) -> str:
    """The title on one line, cut to length, without the full stop that the sentence will bring."""
    line = one_line(title).rstrip(".;,: ")
    return line if len(line) <= TITLE else f"{line[: TITLE - 1].rstrip()}…"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)
