"""Names that people read where they decide: of a task, of a device."""

_JOINERS = str.maketrans("", "", "\u200c\u200d")
"""Zero width non-joiner and joiner, which some scripts and emoji need."""


def is_name(text: str) -> bool:
    """One line in which nothing hides, breaks or turns around the text beside it."""
    visible = text.translate(_JOINERS)
    return bool(visible) and visible.isprintable() and text == text.strip()


def one_line(text: str) -> str:
    """The text as it may stand in a sentence of ours: on one line, without what cannot be seen."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text.translate(_JOINERS)).split())
