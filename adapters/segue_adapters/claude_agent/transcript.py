"""What the lines of a transcript say about tool calls: which are unanswered, and how Claude Code takes one up again.

Claude Code answers a call whose answer is missing with a text that says so, and its model may then ask anew, under
another id. A call put off by a hook it runs again under its own id: the line that says that is the one made here.
"""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from claude_agent_sdk import SessionStoreEntry

Line = Mapping[str, Any]
INTERRUPTED = "[Tool call interrupted:"
_CARRIED = ("cwd", "entrypoint", "gitBranch", "isSidechain", "sessionId", "timestamp", "userType", "version")
"""Members that the line which puts a call off has in common with the one that makes the call."""


def call_of(tool: str, arguments: Any) -> str:
    """What is the same where a model asks for the same again."""
    return f"{tool} {json.dumps(arguments, sort_keys=True)}"


def calls_in(lines: Iterable[Line]) -> list[str]:
    """The ids of the tool calls that the lines make."""
    return [block["id"] for line in lines for block in _blocks(line, "tool_use")]


@dataclass
class Unanswered:
    """Calls that nobody has had an answer to. `references` are those of a call that may be asked for anew."""

    references: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    open: dict[str, tuple[str, Line, Mapping[str, Any]]] = field(default_factory=dict)
    """By id: the reference under which it runs, the line that makes it, and its block."""

    def asked(self, call_id: str, call: str) -> str:
        """The reference of a call: that of an interrupted one, if it asks for the same, or its own id."""
        waiting = self.references.get(call)
        return waiting.pop(0) if waiting else call_id


def unanswered(lines: Iterable[Line]) -> Unanswered:
    found = Unanswered()
    for line in lines:
        for block in _blocks(line, "tool_use"):
            reference = found.asked(block["id"], call_of(block["name"], block["input"]))
            found.open[block["id"]] = reference, line, block
        for block in _blocks(line, "tool_result"):
            reference, _, made = found.open.pop(block["tool_use_id"], ("", {}, {}))
            if reference and str(block.get("content")).startswith(INTERRUPTED):
                found.references[call_of(made["name"], made["input"])].append(reference)
    for reference, _, block in found.open.values():
        found.references[call_of(block["name"], block["input"])].append(reference)
    return found


def put_off(
    lines: Sequence[SessionStoreEntry], found: Unanswered, *, tools: tuple[str, ...]
) -> list[SessionStoreEntry]:
    """The lines, and one more if they end in a single call of a tool whose name begins so and that may run again."""
    if len(found.open) != 1:
        return list(lines)
    ((call_id, (reference, made, block)),) = found.open.items()
    if reference != call_id or not block["name"].startswith(tools) or _is_put_off(lines, call_id):
        return list(lines)
    line = {
        **{name: made[name] for name in _CARRIED if name in made},
        "type": "attachment",
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, call_id)),
        "parentUuid": next((line["uuid"] for line in reversed(lines) if "uuid" in line), None),
        "attachment": {
            "type": "hook_deferred_tool",
            "toolUseID": call_id,
            "toolName": block["name"],
            "toolInput": block["input"],
            "hookName": "settings",
            "hookEvent": "PreToolUse",
            "permissionMode": "default",
        },
    }
    return [*lines, cast(SessionStoreEntry, line)]


def _is_put_off(lines: Iterable[Line], call_id: str) -> bool:
    attached = (line.get("attachment") for line in lines)
    return any(each.get("toolUseID") == call_id for each in attached if isinstance(each, dict))


def _blocks(line: Line, kind: str) -> list[Mapping[str, Any]]:
    message = line.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    return [block for block in content if block.get("type") == kind] if isinstance(content, list) else []
