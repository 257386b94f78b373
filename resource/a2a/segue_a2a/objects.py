"""Tasks, messages, artifacts and updates as A2A has them, of what the task store answers (specs/task-objects.md)."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from segue_resource.endpoints.beside_standing import State, waits_for_person
from segue_resource.endpoints.beside_task import Looked

STATES = {
    State.SUBMITTED: "TASK_STATE_SUBMITTED",
    State.WORKING: "TASK_STATE_WORKING",
    State.WAITING: "TASK_STATE_INPUT_REQUIRED",
    State.COMPLETED: "TASK_STATE_COMPLETED",
    State.FAILED: "TASK_STATE_FAILED",
    State.CANCELLED: "TASK_STATE_CANCELED",
}
_CALL = ("call_id", "title", "state", "effect", "attempt")
_TASK = ("name", "status", "owner", "epoch", "head", "access")

Json = dict[str, Any]


def task_of(looked: Looked, *, history: Iterable[Mapping[str, Any]], artifacts: list[Json]) -> Json:
    """The task as it is; `history` are events that are messages, oldest first."""
    task, calls = looked.task, looked.resume["tool_calls"]
    told = {name: task[name] for name in _TASK} | {"lead": looked.resume["lead"]}
    return {
        "id": task["task_id"],
        "contextId": task["task_id"],
        "status": status_of(task["task_id"], looked.standing.state, at=last_at(looked), question=_question(calls)),
        "history": [message_of(task["task_id"], event) for event in history],
        "artifacts": artifacts,
        "metadata": {**told, "toolCalls": [about_call(call) for call in calls], "cursor": looked.cursor},
    }


def status_of(task_id: str, state: State, *, at: int, question: Json | None = None) -> Json:
    """`question` says what the person is asked for, and `message` in a stream what was said."""
    status: Json = {"state": STATES[state], "timestamp": timestamp(at)}
    return status if question is None else status | {"message": {**question, "taskId": task_id, "contextId": task_id}}


def message_of(task_id: str, event: Mapping[str, Any]) -> Json:
    """An event of kind `message`. One that came over A2A has the id that its sender gave it."""
    body = event["body"]
    return {
        "messageId": str(body.get("message_id") or f"{task_id}/{event['seq']}"),
        "taskId": task_id,
        "contextId": task_id,
        "role": "ROLE_USER" if event["role"] == "customer" else "ROLE_AGENT",
        "parts": [{"text": str(body.get("text", "")), "mediaType": "text/plain"}],
        "metadata": {"seq": event["seq"], "role": event["role"], "at": timestamp(event["at"])},
    }


def item_artifact(item: Mapping[str, Any]) -> Json:
    """An item of the working set."""
    return {
        "artifactId": f"working-set/{item['item_id']}",
        "name": item["title"],
        "parts": [{"text": item["body"], "mediaType": "text/plain"}],
        "metadata": {name: item[name] for name in ("type", "status", "version")},
    }


def file_artifact(store: str, task_id: str, file: Mapping[str, Any]) -> Json:
    """A file of the task, which is fetched from the task store with a token for that."""
    path = file["path"]
    address = f"{store}/tasks/{task_id}/artifacts/{quote(path)}?version={file['version']}"
    part = {"url": address, "filename": path.rpartition("/")[2], "mediaType": file["media_type"]}
    metadata = {name: file[name] for name in ("version", "size", "sha256")}
    return {"artifactId": f"artifacts/{path}", "name": path, "parts": [part], "metadata": metadata}


def status_update(task_id: str, status: Json, metadata: Json) -> Json:
    return {"statusUpdate": {"taskId": task_id, "contextId": task_id, "status": status, "metadata": metadata}}


def artifact_update(task_id: str, artifact: Json, metadata: Json) -> Json:
    """The whole artifact as it is now."""
    told = {"taskId": task_id, "contextId": task_id, "artifact": artifact, "lastChunk": True, "metadata": metadata}
    return {"artifactUpdate": told}


def about_call(call: Mapping[str, Any]) -> Json:
    """What is said of a tool call: as a view or an event has it."""
    return {name: call[name] for name in _CALL}


def last_at(looked: Looked) -> int:
    """When something happened last."""
    events = looked.resume["events"]
    return int(events[-1]["at"] if events else looked.task["created_at"])


def timestamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _question(calls: Iterable[Mapping[str, Any]]) -> Json | None:
    """The first tool call that a person has to decide about."""
    waiting = next((call for call in calls if waits_for_person(call)), None)
    if waiting is None:
        return None
    asks = "May this tool call run?" if waiting["state"] == "proposed" else "Nobody knows whether this took effect:"
    part = {"text": f"{asks} {waiting['title']}", "mediaType": "text/plain"}
    return {"messageId": f"question/{waiting['call_id']}", "role": "ROLE_AGENT", "parts": [part]}
