"""Trims what a resume shows of a task to a number of tokens (`domain/context.py` says in which order)."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request

from segue_resource.domain.context import (
    LEAST,
    MOST,
    Context,
    Part,
    PartKind,
    kind_of_item,
    summaries,
    tokens_of,
    trimmed,
)
from segue_resource.endpoints.header import Number

TOKEN_BUDGET = Number("token_budget", default=MOST, least=LEAST, most=MOST)
_ITEMS = (PartKind.AGREED, PartKind.QUESTION, PartKind.ITEM)
_SUMMARIES = (PartKind.SUMMARY, PartKind.EARLIER)


def token_budget(request: Request) -> int | None:
    """How many tokens the caller can take in, if it says so."""
    return TOKEN_BUDGET.of(request) if TOKEN_BUDGET.name in request.query_params else None


def within(task_id: str, shown: Mapping[str, Any], budget: int | None) -> dict[str, Any]:
    """The lists of a resume with those parts alone that fit, and `context`, which says so; all without a budget."""
    if budget is None:
        return {**shown, "context": None}
    context = trimmed(task_id, _parts(task_id, shown), token_budget=budget)
    return {
        **shown,
        "working_set": [item for item in shown["working_set"] if context.has(_ITEMS, item.item_id)],
        "tool_calls": [call for call in shown["tool_calls"] if context.has((PartKind.CALL,), call["call_id"])],
        "summaries": [one for one in shown["summaries"] if context.has(_SUMMARIES, str(one.by_seq))],
        "events": [event for event in shown["events"] if context.has((PartKind.EVENT,), str(event.seq))],
        "context": context,
    }


def _parts(task_id: str, shown: Mapping[str, Any]) -> list[Part]:
    found = [(kind_of_item(item), item.item_id, item) for item in shown["working_set"]]
    found += [(PartKind.CALL, call["call_id"], call) for call in shown["tool_calls"]]
    found += [(kind, str(one.by_seq), one) for kind, one in summaries(shown["summaries"])]
    found += [(PartKind.EVENT, str(event.seq), event) for event in reversed(shown["events"])]
    return [Part(task_id, kind, id_, tokens_of(len(msgspec.json.encode(what)))) for kind, id_, what in found]


__all__ = ["TOKEN_BUDGET", "Context", "token_budget", "within"]
