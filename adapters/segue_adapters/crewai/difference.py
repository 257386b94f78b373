"""What has changed in a flow's state: lists that grew, values that are new or gone, and the same within objects."""

import json
from collections.abc import Mapping
from typing import Any

State = Mapping[str, Any]
Change = Mapping[str, Any]
"""`set` and `gone` are members, `more` what was appended to lists, `inside` changes of objects."""


def difference(old: State, new: State) -> Change:
    """What makes `new` of `old`; empty if nothing does."""
    change: dict[str, Any] = {"set": {}, "more": {}, "inside": {}, "gone": [name for name in old if name not in new]}
    for name, value in new.items():
        before = old.get(name)
        if name in old and _text(before) == _text(value):
            continue
        if isinstance(before, list) and isinstance(value, list) and _text(value[: len(before)]) == _text(before):
            change["more"][name] = value[len(before) :]
        elif isinstance(before, dict) and isinstance(value, dict):
            change["inside"][name] = difference(before, value)
        else:
            change["set"][name] = value
    return {kind: what for kind, what in change.items() if what}


def applied(old: State, change: Change) -> dict[str, Any]:
    new = {name: value for name, value in old.items() if name not in change.get("gone", ())}
    new |= change.get("set", {})
    new |= {name: new[name] + more for name, more in change.get("more", {}).items()}
    return new | {name: applied(new[name], inside) for name, inside in change.get("inside", {}).items()}


def _text(value: Any) -> str:
    """Tells 1 from true and from 1.0, which are equal in Python."""
    return json.dumps(value, sort_keys=True)
