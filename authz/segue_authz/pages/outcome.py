"""What became of a transfer and what follows from it, in sentences that are true in each state (protocol section 6)."""

from segue_authz.pages.text import gettext, marked, ngettext
from segue_authz.pages.views import Confirm

MODE_WORDS = {
    "move": (marked("Move"), marked("this device can then only read.")),
    "share": (marked("Share"), marked("both devices go on.")),
}

_TITLES = {
    "offered": marked("Waiting for the other device"),
    "approved": marked("Approved"),
    "denied": marked("Not approved"),
    "cancelled": marked("Stopped"),
    "expired": marked("Time ran out"),
}
_TITLES_BY_MODE = {
    "claimed": {
        "move": marked("Move this task to another device?"),
        "share": marked("Share this task with another device?"),
    },
    "redeemed": {"move": marked("Moved"), "share": marked("Shared")},
}
_LEADS = {
    "offered": marked("Scan the code with it, or type the code there. This page goes on by itself."),
    "claimed": marked("If you did not start this, decline."),
    "approved": marked("The other device may now pick the task up. This takes a few seconds."),
    "denied": marked("Nothing was passed on."),
    "cancelled": marked("This transfer was stopped, or a newer one took its place. Nothing was passed on."),
    "expired": marked("Nothing was passed on. You can start again on the device that has the task."),
}
_REDEEMED = {
    "move": marked("The other device has the task. This device can now only read it."),
    "share": marked("The other device has the task. Both devices can go on with it."),
}


def title(view: Confirm) -> str:
    """The page's heading. KeyError for a state the page does not know."""
    if view.state in _TITLES_BY_MODE:
        return gettext(_TITLES_BY_MODE[view.state][view.mode])
    return gettext("Wrong check value") if _guessed(view) else gettext(_TITLES[view.state])


def lead(view: Confirm) -> str:
    """The sentence under the heading."""
    if view.state == "redeemed":
        return gettext(_REDEEMED[view.mode])
    if _guessed(view):
        return gettext("The value did not match too often, so the transfer was ended. Nothing was passed on.")
    return gettext(_LEADS[view.state])


def mode(view: Confirm) -> tuple[str, str]:
    """What the mode is called and what it means. KeyError for one without words."""
    name, meaning = MODE_WORDS[view.mode]
    return gettext(name), gettext(meaning)


def contest(view: Confirm) -> str:
    """The warning that somebody else tried the same code."""
    if view.state in {"offered", "claimed"}:
        return gettext("Somebody else also tried this code. Decline, and start again.")
    if view.state in {"approved", "redeemed"}:
        return gettext("Somebody else also tried this code. Check that the device that got the task is yours.")
    return gettext("Somebody else also tried this code. If you start again, show the new code to nobody.")


def running(view: Confirm) -> str:
    """How many tool calls run and what the transfer does to them (protocol sections 7 and 8)."""
    number = view.running_tool_calls
    if number == 0:
        return gettext("No tool call is running.")
    if view.mode == "share":
        return ngettext(
            "1 tool call is running. It goes on where it runs now.",
            "%(number)d tool calls are running. They go on where they run now.",
            number,
        )
    if "tool_calls:claim" in view.actions:
        return ngettext(
            "1 tool call is running. The other device takes it over, or it waits for you to decide.",
            "%(number)d tool calls are running. The other device takes them over, or they wait for you to decide.",
            number,
        )
    return ngettext(
        "1 tool call is running. It stops here; the other device may not run it.",
        "%(number)d tool calls are running. They stop here; the other device may not run them.",
        number,
    )


def _guessed(view: Confirm) -> bool:
    return view.state == "denied" and view.attempts_left == 0
