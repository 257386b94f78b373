"""Actions as they are written in a column: sorted, separated by spaces."""


def to_text(actions: frozenset[str]) -> str:
    return " ".join(sorted(actions))


def from_text(text: str) -> frozenset[str]:
    return frozenset(text.split())
