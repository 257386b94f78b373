"""What became of a transfer and what follows from it, in sentences that are true in each state (protocol section 6)."""

from segue_authz.pages.views import Confirm

MODE_WORDS = {
    "move": ("Move", "this device can then only read."),
    "share": ("Share", "both devices go on."),
}

_TITLES = {
    "offered": "Waiting for the other device",
    "approved": "Approved",
    "denied": "Not approved",
    "cancelled": "Stopped",
    "expired": "Time ran out",
}
_TITLES_BY_MODE = {
    "claimed": {"move": "Move this task to another device?", "share": "Share this task with another device?"},
    "redeemed": {"move": "Moved", "share": "Shared"},
}
_LEADS = {
    "offered": "Scan the code with it, or type the code there. This page goes on by itself.",
    "claimed": "If you did not start this, decline.",
    "approved": "The other device may now pick the task up. This takes a few seconds.",
    "denied": "Nothing was passed on.",
    "cancelled": "This transfer was stopped, or a newer one took its place. Nothing was passed on.",
    "expired": "Nothing was passed on. You can start again on the device that has the task.",
}
_FATES = {
    "share": ("It goes on where it runs now.", "They go on where they run now."),
    "move": (
        "The other device takes it over, or it waits for you to decide.",
        "The other device takes them over, or they wait for you to decide.",
    ),
    "stop": ("It stops here; the other device may not run it.", "They stop here; the other device may not run them."),
}


def title(view: Confirm) -> str:
    """The page's heading. KeyError for a state the page does not know."""
    if view.state in _TITLES_BY_MODE:
        return _TITLES_BY_MODE[view.state][view.mode]
    if _guessed(view):
        return "Wrong check value"
    return _TITLES[view.state]


def lead(view: Confirm) -> str:
    """The sentence under the heading."""
    if view.state == "redeemed":
        after = {"move": "This device can now only read it.", "share": "Both devices can go on with it."}[view.mode]
        return f"The other device has the task. {after}"
    if _guessed(view):
        return "The value did not match too often, so the transfer was ended. Nothing was passed on."
    return _LEADS[view.state]


def contest(view: Confirm) -> str:
    """The warning that somebody else tried the same code."""
    if view.state in {"offered", "claimed"}:
        return "Somebody else also tried this code. Decline, and start again."
    if view.state in {"approved", "redeemed"}:
        return "Somebody else also tried this code. Check that the device that got the task is yours."
    return "Somebody else also tried this code. If you start again, show the new code to nobody."


def running(view: Confirm) -> str:
    """How many tool calls run and what the transfer does to them (protocol sections 7 and 8)."""
    number = view.running_tool_calls
    if number == 0:
        return "No tool call is running."
    fate = _FATES["share" if view.mode == "share" else "move" if "tool_calls:claim" in view.actions else "stop"]
    return f"1 tool call is running. {fate[0]}" if number == 1 else f"{number} tool calls are running. {fate[1]}"


def _guessed(view: Confirm) -> bool:
    return view.state == "denied" and view.attempts_left == 0
