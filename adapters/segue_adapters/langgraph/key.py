"""The keys of a graph's state in its task: hashes where names may be words, ids that sort by their time where not.

`langgraph/c/<thread>/<namespace>/<checkpoint>` has a checkpoint, `…/<task>/<slot>` behind it what a task wrote to it,
`langgraph/n/…/<checkpoint>` says which one came next, and `langgraph/p/<thread>/<part>` what values are made of.
"""

import hashlib
import re

CHECKPOINTS, NEXTS, PARTS, ITEMS = "langgraph/c/", "langgraph/n/", "langgraph/p/", "langgraph/s/"
NONE = "none"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def hashed(name: str, *, digits: int = 24) -> str:
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:digits]


def of_thread(kind: str, thread: str) -> str:
    """What everything of that kind in the thread begins with."""
    return f"{kind}{hashed(thread)}/"


def of_line(kind: str, thread: str, namespace: str) -> str:
    """The same for one namespace: that of the graph itself is empty, that of a subgraph names its node and task."""
    return f"{of_thread(kind, thread)}{hashed(namespace)}/"


def of_checkpoint(thread: str, namespace: str, checkpoint_id: str) -> str:
    return of_line(CHECKPOINTS, thread, namespace) + _id(checkpoint_id)


def of_writes(checkpoint_key: str, task_id: str, slot: int) -> str:
    return f"{checkpoint_key}/{_id(task_id)}/{slot}"


def of_next(thread: str, namespace: str, checkpoint_id: str | None) -> str:
    return of_line(NEXTS, thread, namespace) + (NONE if checkpoint_id is None else _id(checkpoint_id))


def is_checkpoint(key: str) -> bool:
    return key.count("/") == CHECKPOINTS.count("/") + 2


def _id(name: str) -> str:
    return name if _UUID.fullmatch(name) else hashed(name)
