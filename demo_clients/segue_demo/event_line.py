"""The history as lines for a terminal."""

from collections.abc import Mapping
from typing import Any

_INDENT = "\n" + " " * 8
_WORDS = {
    "task.created": "the task was opened",
    "task.renamed": "the task is now called “{name}”",
    "task.status_changed": "the task is {to} now",
    "task.moved": "the task moved to another device",
    "session.joined": "{name} joined",
    "session.left": "a device left",
    "working_set.changed": "working set: “{title}”, version {version}",
    "participant.joined": "a {role} takes part",
    "participant.left": "the {role} has left",
    "participant.removed": "the {role} was removed",
    "handoff.offered": "{mode} hand-over to the {to_role} offered: {reason}",
    "handoff.escalated": "{mode} hand-over to the {to_role} offered, a limit was met: {reason}",
    "handoff.accepted": "the {to_role} answers from now on ({mode})",
    "handoff.declined": "the hand-over was declined",
    "handoff.cancelled": "the hand-over was cancelled",
    "handoff.returned": "handed back: the {from_role} answers again",
}


class _Members(dict[str, Any]):
    """What an event does not say is a question mark."""

    def __missing__(self, name: str) -> str:
        return "?"


def event_line(event: Mapping[str, Any]) -> str:
    """What a person would say happened."""
    body = _Members(event["body"])
    if event["kind"] == "message":
        words = f"{event['role']}: {body['text']}"
    elif event["kind"].startswith("tool_call."):
        words = f"(tool call “{body['title']}”: {event['kind'].partition('.')[2]})"
    else:
        template = _WORDS.get(event["kind"])
        words = f"({template.format_map(body) if template else event['kind']})"
    return f"{event['seq']:6}  {plain(words)}"


def plain(text: object) -> str:
    """Words of others, safe to print: a control character could move the cursor, hide a line or type for the person.

    Further lines are indented, so that none of them looks like a line of ours.
    """
    lines = str(text).splitlines() or [""]
    return _INDENT.join(
        "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line) for line in lines
    )
