"""JSON for people to read and to compare: what fits a line stands on one."""

import json
from typing import Any

_WIDTH = 120


def laid_out(value: Any, indent: str = "") -> str:
    line = json.dumps(value, ensure_ascii=False)
    if len(indent + line) <= _WIDTH or not isinstance(value, dict | list):
        return line
    inner = indent + " "
    if isinstance(value, list):
        return _lines("[]", [laid_out(each, inner) for each in value], indent)
    return _lines("{}", [f"{json.dumps(name)}: {laid_out(member, inner)}" for name, member in value.items()], indent)


def _lines(brackets: str, members: list[str], indent: str) -> str:
    within = f",\n{indent} ".join(members)
    return f"{brackets[0]}\n{indent} {within}\n{indent}{brackets[1]}"
