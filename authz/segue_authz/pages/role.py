"""What a person can be in a task, in plain words: the one table (protocol section 8)."""

from collections.abc import Iterable

from markupsafe import Markup

from segue_authz.pages.action import in_words
from segue_authz.pages.text import gettext, marked

ROLE_WORDS = {
    "customer": (
        marked("You would be %(open)sthe customer%(close)s."),
        marked("The task is yours."),
        marked("You are the customer here. The device could %(what)s."),
    ),
    "agent": (
        marked("You would be %(open)san agent%(close)s."),
        marked("Your agent works on the task for the customer and runs its tool calls."),
        marked("You are an agent here. The device could %(what)s."),
    ),
    "human_agent": (
        marked("You would be %(open)sa human agent%(close)s."),
        marked("You answer the customer yourself, beside the AI agent or in its place, and decide on tool calls."),
        marked("You are a human agent here. The device could %(what)s."),
    ),
    "supervisor": (
        marked("You would be %(open)sa supervisor%(close)s."),
        marked("You see everything, also what is still to come. You change nothing."),
        marked("You are a supervisor here. The device could %(what)s."),
    ),
}
"""What is offered, what it means, and what a device of somebody who is that could do."""


def role_offered(role: str) -> Markup:
    """KeyError for a role without words: nobody may be asked to accept what the page cannot say."""
    strong = Markup('<strong data-fact="role" data-value="{}">').format(role)
    return Markup(gettext(ROLE_WORDS[role][0], open=strong, close="</strong>"))  # noqa: S704 (both are ours)


def role_meaning(role: str) -> str:
    """One sentence or two for the person themselves."""
    return gettext(ROLE_WORDS[role][1])


def narrowed_words(role: str, asked: Iterable[str], given: Iterable[str]) -> str:
    """What a device would get of a task that is somebody else's; empty for the person's own."""
    if role == "customer":
        return ""
    lines = in_words(sorted(set(asked) & set(given)))
    what = gettext("; ").join(line.words for line in lines)
    return gettext(ROLE_WORDS[role][2], what=what) if what else gettext("The device could do nothing here.")
