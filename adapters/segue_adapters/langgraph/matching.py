"""Which items and namespaces of a store a search is for."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from langgraph.store.base import ListNamespacesOp, MatchCondition

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def fits(value: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> bool:
    """Whether each member that the filter names is as it says. Raises `ValueError` for an unknown operator."""
    return all(_is(value.get(name), its) for name, its in (wanted or {}).items())


def _is(found: Any, wanted: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return bool(found == wanted)
    if any(str(name).startswith("$") for name in wanted):
        return all(_compares(found, name, its) for name, its in wanted.items())
    return isinstance(found, Mapping) and fits(found, wanted)


def _compares(found: Any, name: str, wanted: Any) -> bool:
    match name:
        case "$eq":
            return bool(found == wanted)
        case "$ne":
            return bool(found != wanted)
        case _ if name in _COMPARISONS:
            return _comparable(found, wanted) and _COMPARISONS[name](found, wanted)
        case _:
            raise ValueError(f"{name} is no operator of a filter")


def _comparable(found: Any, wanted: Any) -> bool:
    numbers = (int, float)
    return (isinstance(found, numbers) and isinstance(wanted, numbers)) or type(found) is type(wanted) is str


def namespaces(found: set[tuple[str, ...]], op: ListNamespacesOp) -> list[tuple[str, ...]]:
    matching = (each for each in found if all(_matches(each, wanted) for wanted in op.match_conditions or ()))
    cut = {each[: op.max_depth] for each in matching}
    return sorted(cut)[op.offset : op.offset + op.limit]


def _matches(namespace: tuple[str, ...], condition: MatchCondition) -> bool:
    path = condition.path
    part = namespace[: len(path)] if condition.match_type == "prefix" else namespace[len(namespace) - len(path) :]
    return len(namespace) >= len(path) and all(wanted in ("*", name) for wanted, name in zip(path, part, strict=True))


def common(op: ListNamespacesOp) -> tuple[str, ...]:
    """What all namespaces that the operation is for begin with."""
    found: tuple[str, ...] = ()
    for condition in op.match_conditions or ():
        if condition.match_type == "prefix":
            plain = condition.path[: condition.path.index("*")] if "*" in condition.path else condition.path
            found = max(found, plain, key=len)
    return found
