"""What an item of a conversation is, and to which turn it belongs: a turn begins with each message of the user."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from agents.items import TResponseInputItem

SERVER_TOOLS = frozenset(
    {
        "apply_patch_call",
        "code_interpreter_call",
        "computer_call",
        "file_search_call",
        "shell_call",
        "tool_search_call",
        "tool_search_output",
        "web_search_call",
    }
)
"""Types of items whose tool has no name of its own."""
CALLS = (SERVER_TOOLS - {"tool_search_output"}) | {
    "custom_tool_call",
    "function_call",
    "mcp_approval_request",
    "mcp_call",
    "tool_call",
}


@dataclass(frozen=True)
class Placed:
    """An item where it stands: under which key, kept by which event, in which turn, of which agent if one is known."""

    key: str
    seq: int
    position: int
    turn: int
    at: int
    by: str | None
    item: TResponseInputItem

    @property
    def kind(self) -> str:
        return kind_of(self.item)


def kind_of(item: TResponseInputItem) -> str:
    """`user` and `assistant` for their messages, otherwise the item's type."""
    role = item.get("role")
    return str(role) if role in ("user", "assistant") else str(item.get("type") or "other")


def tool_of(item: TResponseInputItem) -> str | None:
    """The name of the tool that the item is about, with what it belongs to."""
    told: Any = item
    kind, name = told.get("type"), told.get("name")
    if kind in SERVER_TOOLS:
        return "tool_search" if kind.startswith("tool_search") else str(kind)
    space = told.get("server_label") if kind in ("mcp_call", "mcp_approval_request") else told.get("namespace")
    parts = [str(part) for part in (space, name) if part]
    return ".".join(dict.fromkeys(parts)) or None


def preview(content: Any, *, most: int | None = None) -> str:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return text if most is None or len(text) <= most else text[:most] + "..."


def says(item: TResponseInputItem, words: str) -> bool:
    """Whether the words stand in the message; capital letters of ASCII are not told from small ones."""
    content: Any = item.get("content") or ""
    texts = [content] if isinstance(content, str) else [part.get("text") or "" for part in content]
    return any(re.search(re.escape(words), text, re.IGNORECASE | re.ASCII) for text in texts)


def tool_usage(placed: Sequence[Placed]) -> list[tuple[str, int, int]]:
    """How often which tool was called in which turn. What a search for tools gave counts where its call is not kept."""
    calls = [(one.turn, tool_of(one.item) or one.kind) for one in placed if one.kind in CALLS]
    found = [(one.turn, "tool_search") for one in placed if one.kind == "tool_search_output"]
    counted = Counter(calls + [one for one in found if one not in set(calls)])
    return [(tool, count, turn) for (turn, tool), count in sorted(counted.items())]


def turns_after(turn: int, items: Iterable[TResponseInputItem]) -> list[int]:
    """The turn of each item of those that follow an item of `turn`."""
    found: list[int] = []
    for item in items:
        turn += kind_of(item) == "user"
        found.append(turn)
    return found
