"""What is said in the conversations that are measured: turns of a person's question and the agent's answer."""

from itertools import count
from typing import NamedTuple


class Turn(NamedTuple):
    """About 200 and 800 characters, as when people talk over a document with an agent."""

    person: str
    agent: str


def turn(number: int) -> Turn:
    """The same for everybody, and no two alike."""
    person = f"Question {number}: " + "what does clause nine say of liability, and since when? " * 3
    agent = f"Answer {number}: " + "Clause nine limits it to the fees of one year, since the second revision. " * 10
    return Turn(person, agent)


def turns(first: int, many: int) -> list[Turn]:
    """From that number on."""
    return [turn(number) for number, _ in zip(count(first), range(many), strict=False)]
