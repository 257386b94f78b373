"""The tasks of the benchmark: sessions in their order, what is said in each, what is written down, what is asked."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "tasks"
KINDS = ("decision", "superseded", "derived", "detail", "never")


@dataclass(frozen=True)
class Question:
    """Asked before a session's first word, on its device. `unknown` is always one of the answers.

    `decision`: was decided once; `superseded`: was decided, then otherwise; `derived`: takes two answers, both in
    `parts`; `detail`: was said in passing, and nobody had a reason to write it down; `never`: was never said.
    """

    kind: str
    ask: str
    options: Sequence[str] = ()
    answer: str = ""
    parts: Sequence["Question"] = ()


@dataclass(frozen=True)
class Session:
    """`turns` are pairs of role and text; `items` is what the agent writes into the working set meanwhile."""

    device: str
    turns: Sequence[tuple[str, str]]
    items: Sequence[Mapping[str, str]]
    questions: Sequence[Question]


@dataclass(frozen=True)
class Task:
    """`word` is the name of its file."""

    word: str
    name: str
    sessions: Sequence[Session]


def tasks(folder: Path = FOLDER) -> Iterator[Task]:
    """All of them, by name of their file."""
    for file in sorted(folder.glob("*.toml")):
        content = tomllib.loads(file.read_text("utf-8"))
        yield Task(file.stem, content["name"], [_session(session) for session in content["session"]])


def _session(content: dict[str, Any]) -> Session:
    lines = [line.partition(": ") for line in content["turns"].strip().splitlines()]
    return Session(
        device=content["device"],
        turns=[(role, text) for role, _, text in lines],
        items=content.get("items", []),
        questions=[_question(question) for question in content.get("questions", [])],
    )


def _question(content: dict[str, Any]) -> Question:
    parts = [_question({"kind": "decision", **part}) for part in content.get("parts", [])]
    return Question(content["kind"], content["ask"], content.get("options", []), content.get("answer", ""), parts)
