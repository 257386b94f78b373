"""Flaws of what lies between a task and those it was forked from."""

from typing import Any

import sqlalchemy as sa
from segue import requires
from segue_resource.domain.refusal import NotFound
from segue_resource.stores import tool_calls
from segue_resource.stores.keys.task_keys import TaskKeys
from segue_resource.stores.tool_call_row import from_row

from threat_flaws.flaw import Patch, flaw

_find = tool_calls._find
_check = requires.check


@flaw("XD-TASK-08")
def a_fork_runs_the_calls_of_its_parent(patch: Patch) -> None:
    def inherited(unit: Any, call_id: str) -> sa.Row[Any]:
        asked = {"the_task": unit.origin and unit.origin.task_id, "the_call": call_id}
        try:
            return _find(unit, call_id)
        except NotFound:
            row = unit.connection.execute(tool_calls._ONE, asked).one_or_none()
            if row is None:
                raise
            return row

    def of_any(row: sa.Row[Any], keys: TaskKeys) -> Any:
        return from_row(row, keys.of(row.task_id))

    patch.setattr(tool_calls, "_find", inherited)
    patch.setattr(tool_calls, "from_row", of_any)


@flaw("XD-TASK-08")
def a_token_opens_what_descends_from_its_task(patch: Patch) -> None:
    def check(place: Any, actions: tuple[str, ...], **asked: Any) -> Any:
        return _check(place, actions, **{**asked, "task": None})

    patch.setattr(requires, "check", check)
