"""The history as lines for a terminal."""

from collections.abc import Mapping
from typing import Any

_INDENT = "\n" + " " * 8
_WORDS = {
    "task.created": "the task was opened",
    "task.renamed": "the task is now called “{name}”",
    "task.status_changed": "the task is {to} now",
    "task.name_proposed": "a name was proposed: “{name}”",
    "task.name_declined": "the proposed name was declined",
    "task.sensitivity_changed": "the task has another sensitivity: {sensitivity}",
    "task.budget_changed": "the task has another budget",
    "task.budget_exhausted": "the budget is used up: {used} of {limit} {unit}",
    "task.reverted": "the task went back to what it was after {to}; not undone: {not_undone_count} tool calls",
    "task.erased": "everything that was written in the task was erased",
    "subject.erased": "what one person had written was erased",
    "log.expired": "not kept any more: {tier}, from {from} to {to}",
    "log.repaired": "the task was damaged and put back to what can still be read; {count} found",
    "log.lost": "what stood here is lost",
    "log.compacted": "told in short from here on: {summary}",
    "task.moved": "the task moved to another device",
    "session.joined": "{name} joined",
    "session.left": "a device left",
    "working_set.changed": "working set: “{title}”, version {version}",
    "working_set.deleted": "removed from the working set: {item_id}",
    "artifact.changed": "file: {path}, version {version}",
    "artifact.deleted": "deleted file: {path}",
    "state.kept": "the agent kept something for itself, of {bytes} bytes",
    "state.dropped": "the agent dropped something that it had kept for itself",
    "draft.interrupted": "an answer was stopped while it was written",
    "invitation.created": "a {role} was invited",
    "invitation.declined": "the invitation of a {role} was declined",
    "invitation.withdrawn": "the invitation of a {role} was withdrawn",
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
    if event.get("expired"):
        words = "(what was said here is not kept any more)"
    elif event["kind"] == "message":
        words = f"{event['role']}: {body['text']}"
    elif event["kind"].startswith("tool_call."):
        words = f"(tool call “{body['title']}”: {event['kind'].partition('.')[2]})"
    else:
        words = f"({_happened(event['kind'], body)})"
    return f"{event['seq']:6}  {plain(words)}"


def _happened(kind: str, body: _Members) -> str:
    match kind:
        case "log.corrected" if isinstance(body["body"], Mapping):
            return f"said otherwise, instead of {body['seq']}: {body['body'].get('text', '…')}"
        case "log.corrected":
            return f"withdrawn: {body['seq']}"
        case "task.forked" if "name" in body:
            return f"the task goes on from the past of another, up to {body['parent_seq']}"
        case "task.forked":
            return f"another task goes on from {body['parent_seq']}"
        case _:
            template = _WORDS.get(kind)
            return template.format_map(body) if template else kind


def plain(text: object) -> str:
    """Words of others, safe to print: a control character could move the cursor, hide a line or type for the person.

    Further lines are indented, so that none of them looks like a line of ours.
    """
    lines = str(text).splitlines() or [""]
    return _INDENT.join(
        "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line) for line in lines
    )
