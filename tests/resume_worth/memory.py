"""What three ways of remembering give the reader when a session begins, each within the same number of tokens."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

BYTES_IN_A_TOKEN = 4
_SENTENCE = re.compile(r"(?<=[.?!])\s+")
_WORD = re.compile(r"[a-z0-9]+")

Turn = tuple[str, str]


def tokens(text: str) -> int:
    """As the task store estimates them."""
    return -(-len(text.encode()) // BYTES_IN_A_TOKEN)


def transcript(sessions: Sequence[Sequence[Turn]], budget: int) -> str:
    """The last of what was said: what does not fit falls off at the old end."""
    kept: list[str] = []
    for role, text in reversed([turn for session in sessions for turn in session]):
        line = f"{role}: {text}"
        if tokens("\n".join([line, *kept])) > budget:
            break
        kept.insert(0, line)
    return "\n".join(kept)


def summary(sessions: Sequence[Sequence[Turn]], budget: int) -> str:
    """A rolling summary: what was kept and the new session are told again within the budget, session by session.

    The sentences with the most frequent words are kept, in their order. No model: one could do better, or invent.
    """
    kept: list[str] = []
    for session in sessions:
        kept = _most_central([*kept, *(part for _, text in session for part in _SENTENCE.split(text))], budget)
    return "\n".join(kept)


def working_set(resume: Mapping[str, Any], budget: int) -> str:
    """What an agent backend tells its model of `GET /tasks/{t}/resume?token_budget=N`: a line for each part.

    The durable parts first, as the store orders them, then the newest messages that still fit. The answer itself is
    JSON with ids, versions and who wrote what; none of that is told on.
    """
    items, messages = {item["item_id"]: item for item in resume["working_set"]}, _messages(resume["events"])
    lines: list[str] = []
    for part in resume["context"]["parts"]:
        if part["id"] in items:
            item = items[part["id"]]
            lines = _fitting([*lines, f"{item['type']}: {item['title']}. {item['body']}"], lines, budget)
    said: list[str] = []
    for text in reversed(messages):
        if tokens("\n".join([*lines, text, *said])) > budget:
            break
        said.insert(0, text)
    return "\n".join([*lines, *said])


def _messages(events: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{event['role']}: {event['body']['text']}" for event in events if event["kind"] == "message"]


def _fitting(longer: list[str], shorter: list[str], budget: int) -> list[str]:
    return longer if tokens("\n".join(longer)) <= budget else shorter


def _most_central(sentences: Sequence[str], budget: int) -> list[str]:
    frequency = Counter(
        word for sentence in sentences for word in set(_WORD.findall(sentence.lower())) if len(word) > 3
    )
    order = sorted(range(len(sentences)), key=lambda place: (-_weight(sentences[place], frequency), -place))
    chosen: set[int] = set()
    for place in order:
        if tokens("\n".join(sentences[one] for one in sorted({*chosen, place}))) <= budget:
            chosen.add(place)
    return [sentences[place] for place in sorted(chosen)]


def _weight(sentence: str, frequency: Counter[str]) -> float:
    words = _WORD.findall(sentence.lower())
    return sum(frequency[word] for word in words) / (len(words) + 5)
