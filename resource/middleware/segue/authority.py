"""What a task token allows: `authorization_details` of type `task` (RFC 9396), as asked for and as granted."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from segue.jose import Malformed, decode_json
from segue.refusal import Refused

ACTIONS = frozenset(
    {
        "task:read",
        "task:write",
        "task:transfer",
        "task:erase",
        "working_set:read",
        "working_set:write",
        "events:read",
        "events:append",
        "tool_calls:read",
        "tool_calls:propose",
        "tool_calls:approve",
        "tool_calls:claim",
        "participants:manage",
        "handoffs:write",
        "audit:read",
    }
)
MAX_NAME = 200
MAX_ABOUT = 500

_REQUESTED = frozenset({"type", "task_id", "name", "about", "actions"})
_GRANTED = frozenset({"type", "task_id", "actions", "epoch", "transfer_id"})
_TASK_ID = re.compile(r"tsk_[A-Za-z0-9_-]{1,64}")
_TRANSFER_ID = re.compile(r"trf_[A-Za-z0-9_-]{1,64}")
_JOINERS = str.maketrans("", "", "\u200c\u200d")


class InvalidAuthorizationDetails(Refused):
    """Not one object of type `task` as specs/protocol.md section 3 has it (RFC 9396 section 5)."""

    error = "invalid_authorization_details"


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """What a client asks for. Without `task_id` the person chooses, and `name` may propose one for a new task.

    `about` is what the client says of the new session, as its first message: it orders what the person chooses from,
    and is shown to nobody.
    """

    task_id: str | None
    name: str | None
    actions: frozenset[str]
    about: str | None = None


@dataclass(frozen=True, slots=True)
class TaskAuthority:
    """What was granted. `transfer_id` names the transfer it came of, if any."""

    task_id: str
    actions: frozenset[str]
    epoch: int
    transfer_id: str | None

    def as_details(self) -> list[dict[str, Any]]:
        """The claim's value; `parse_granted` reads it back."""
        detail: dict[str, Any] = {"type": "task", "task_id": self.task_id, "actions": sorted(self.actions)}
        detail["epoch"] = self.epoch
        if self.transfer_id is not None:
            detail["transfer_id"] = self.transfer_id
        return [detail]


def parse_requested(text: str) -> TaskRequest:
    """Read the request parameter, which is JSON text. Raises `InvalidAuthorizationDetails`."""
    try:
        detail = _only_task(decode_json(text.encode()), members=_REQUESTED)
    except (Malformed, UnicodeEncodeError) as wrong:
        raise _invalid(f"not JSON: {wrong}") from wrong
    name = detail.get("name")
    if "name" in detail and not _is_name(name):
        raise _invalid("name is no line of 1 to 200 printable characters")
    about = detail.get("about")
    if "about" in detail and not _is_text(about):
        raise _invalid("about is no text of 1 to 500 characters")
    task_id = _identifier(detail, "task_id", _TASK_ID) if "task_id" in detail else None
    return TaskRequest(task_id=task_id, name=name, actions=_actions(detail), about=about)


def parse_granted(details: object) -> TaskAuthority:
    """Read the decoded claim of a task token. Raises `InvalidAuthorizationDetails`."""
    detail = _only_task(details, members=_GRANTED)
    epoch = detail.get("epoch")
    if type(epoch) is not int or epoch < 0:
        raise _invalid("epoch is no natural number")
    return TaskAuthority(
        task_id=_identifier(detail, "task_id", _TASK_ID),
        actions=_actions(detail),
        epoch=epoch,
        transfer_id=_identifier(detail, "transfer_id", _TRANSFER_ID) if "transfer_id" in detail else None,
    )


def _only_task(details: object, *, members: Collection[str]) -> dict[str, Any]:
    if not isinstance(details, list) or len(details) != 1 or not isinstance(details[0], dict):
        raise _invalid("not a list of one object")
    detail: dict[str, Any] = details[0]
    if detail.get("type") != "task":
        raise _invalid("the type is not task")
    if not detail.keys() <= set(members):
        raise _invalid("an unknown member")
    return detail


def _actions(detail: dict[str, Any]) -> frozenset[str]:
    actions = detail.get("actions")
    if not isinstance(actions, list) or not actions or not all(isinstance(action, str) for action in actions):
        raise _invalid("actions is no list of strings")
    named = frozenset(actions)
    if len(named) != len(actions) or not named <= ACTIONS:
        raise _invalid("an unknown or repeated action")
    return named


def _identifier(detail: dict[str, Any], member: str, pattern: re.Pattern[str]) -> str:
    value = detail.get(member)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _invalid(f"{member} is no identifier")
    return value


def _is_name(name: object) -> bool:
    """One line to be shown to people: nothing that hides, breaks or turns around the text beside it."""
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or name != name.strip():
        return False
    return bool(visible := name.translate(_JOINERS)) and visible.isprintable()


def _is_text(text: object) -> bool:
    """Text that can be stored and sent on: without NUL, and without halves of surrogate pairs."""
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_ABOUT:
        return False
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _invalid(because: str) -> InvalidAuthorizationDetails:
    return InvalidAuthorizationDetails("authorization_details is not one valid task object", because=because)
