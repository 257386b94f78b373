"""What a person can be in a task, in plain words: the one table (protocol section 8)."""

from collections.abc import Iterable

from segue_authz.pages.action import in_words

ROLE_WORDS = {
    "customer": ("the customer", "The task is yours."),
    "agent": ("an agent", "Your agent works on the task for the customer and runs its tool calls."),
    "human_agent": (
        "a human agent",
        "You answer the customer yourself, beside the AI agent or in its place, and decide on tool calls.",
    ),
    "supervisor": ("a supervisor", "You see everything, also what is still to come. You change nothing."),
}
"""What it is called, and what it means."""


def role_name(role: str) -> str:
    """KeyError for a role without words: nobody may be asked to accept what the page cannot say."""
    return ROLE_WORDS[role][0]


def role_meaning(role: str) -> str:
    """One sentence or two for the person themselves."""
    return ROLE_WORDS[role][1]


def narrowed_words(role: str, asked: Iterable[str], given: Iterable[str]) -> str:
    """What a device would get of a task that is somebody else's; empty for the person's own."""
    if role == "customer":
        return ""
    lines = in_words(sorted(set(asked) & set(given)))
    what = "; ".join(f"{_listed([verb for _, verb in line.verbs])} {line.subject}" for line in lines)
    return f"You are {role_name(role)} here. The device could {what}." if what else "The device could do nothing here."


def _listed(verbs: list[str]) -> str:
    return verbs[0] if len(verbs) == 1 else f"{', '.join(verbs[:-1])} and {verbs[-1]}"
