"""What a person is asked for a task to go on, as MCP elicitations; and what their answers are at the task store.

A key names what it asks about, so it is never given to another question: an approval of a call, an attempt of a call
of which nobody knows the outcome, a message that waits for an answer.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from segue_resource.endpoints.beside_standing import State, waits_for_person
from segue_resource.endpoints.beside_task import Looked

_ANSWERS = frozenset({"agent", "human_agent"})


@dataclass(frozen=True)
class Question:
    """One elicitation. `path` follows the task's address; `action` is what answering takes."""

    key: str
    action: str
    message: str
    schema: Mapping[str, Any]
    path: str

    def request(self) -> dict[str, Any]:
        """As `inputRequests` has it."""
        params = {"mode": "form", "message": self.message, "requestedSchema": dict(self.schema)}
        return {"method": "elicitation/create", "params": params}

    def answer(self, response: Mapping[str, Any]) -> "Answer | None":
        """What the store is asked; None if the person has not decided. Raises `KeyError` and `TypeError`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Answer:
    """One request to the store."""

    path: str
    content: Mapping[str, Any]
    key: str | None = None


class Approval(Question):
    """Of a tool call that waits for one. To decline is to deny."""

    def answer(self, response: Mapping[str, Any]) -> Answer | None:
        if response["action"] == "cancel":
            return None
        approved = response["action"] == "accept" and response["content"]["approved"] is True
        return Answer(f"{self.path}/{'approve' if approved else 'deny'}", {})


@dataclass(frozen=True)
class Outcome(Question):
    """Of a tool call of which nobody knows whether it took effect."""

    attempt: int

    def answer(self, response: Mapping[str, Any]) -> Answer | None:
        if response["action"] != "accept":
            return None
        content = {"outcome": response["content"]["outcome"], "attempt": self.attempt}
        return Answer(f"{self.path}/settle", content)


class Reply(Question):
    """To what was said last."""

    def answer(self, response: Mapping[str, Any]) -> Answer | None:
        if response["action"] != "accept":
            return None
        text = response["content"]["text"]
        said = {"kind": "message", "role": "customer", "body": {"text": text}}
        same = hashlib.sha256(f"{self.key} {text}".encode("utf-8", "surrogatepass")).hexdigest()
        return Answer(self.path, {"events": [said]}, key=f"mcp.{same}")


def about_call(call: Mapping[str, Any]) -> list[Question]:
    """What the person has to decide before the call goes on."""
    call_id, path = call["call_id"], f"/tool-calls/{call['call_id']}"
    if not waits_for_person(call):
        return []
    if call["state"] == "proposed":
        schema = _form("approved", {"type": "boolean", "title": "The call may run"})
        message = f"May this tool call run? {call['title']}"
        return [Approval(f"approve-{call_id}", "tool_calls:approve", message, schema, path)]
    schema = _form("outcome", {"type": "string", "enum": ["happened", "did_not_happen"]})
    message, attempt = f"Nobody knows whether this took effect: {call['title']}", call["attempt"]
    return [Outcome(f"settle-{call_id}-{attempt}", "tool_calls:approve", message, schema, path, attempt)]


def about_task(looked: Looked) -> list[Question]:
    """Its tool calls; and a reply, if nothing else is open and the person has not spoken since the last answer."""
    calls = [question for call in looked.resume["tool_calls"] for question in about_call(call)]
    if calls or looked.standing.state is not State.WAITING or looked.standing.status == "paused":
        return calls
    said = [event for event in looked.resume["events"] if event["kind"] == "message" and event["role"] in _ANSWERS]
    text = str(said[-1]["body"].get("text", ""))
    schema = _form("text", {"type": "string", "minLength": 1})
    return [Reply(f"reply-{said[-1]['seq']}", "events:append", text, schema, "/events")]


def allowed(questions: Iterable[Question], actions: frozenset[str]) -> dict[str, Question]:
    """Those that this client's answer would count for, by their keys."""
    return {question.key: question for question in questions if question.action in actions}


def _form(name: str, member: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: dict(member)}, "required": [name]}
