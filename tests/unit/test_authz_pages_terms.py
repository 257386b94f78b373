"""XD-CONS-04: what the person decides by changes while the page is open; the digest of the page tells."""

from dataclasses import replace
from typing import Any

import pytest
from authz_page_views import CLAIMED, NOW, REQUESTED
from segue_authz.pages import Approve, Confirm, TaskChoice, shown

pytestmark = pytest.mark.requirement("XD-CONS-04", "XD-PULL-12")
FIRST, SECOND = REQUESTED.tasks


@pytest.mark.parametrize(
    "change",
    [
        {"transfer_id": "trf_2"},
        {"task_name": "Acme contract revisiom"},
        {"owner_name": "Dora Example"},
        {"mode": "share"},
        {"actions": (*CLAIMED.actions, "events:append")},
        {"device_name": "Blue phone\u200b"},
        {"device_name": None},
        {"client_name": "Segue Phone"},
        {"network": "192.0.2.8"},
    ],
)
def test_whatever_decides_a_push_changes_its_digest(change: dict[str, Any]) -> None:
    assert shown(replace(CLAIMED, **change)) != shown(CLAIMED)


@pytest.mark.parametrize(
    "change",
    [
        {"transfer_id": "trf_2"},
        {"actions": REQUESTED.actions[:-1]},
        {"client_name": "Segue Phone"},
        {"device_name": "Green phone"},
        {"network": "192.0.2.8"},
        {"may_begin": False},
        {"tasks": (FIRST,)},
        {"tasks": (FIRST, replace(SECOND, name="Quarterly reports"))},
        {"tasks": (FIRST, replace(SECOND, task_id="tsk_3"))},
        {"tasks": (replace(FIRST, name=SECOND.name), replace(SECOND, name=FIRST.name))},
    ],
)
def test_whatever_decides_a_pull_changes_its_digest(change: dict[str, Any]) -> None:
    assert shown(replace(REQUESTED, **change)) != shown(REQUESTED)


@pytest.mark.parametrize(
    ("view", "change"),
    [
        (CLAIMED, {"csrf": "x", "now": NOW + 9, "attempts_left": 1, "error": "x", "running_tool_calls": 0}),
        (CLAIMED, {"expires_in": 3, "contested": True, "actions": CLAIMED.actions[::-1]}),
        (REQUESTED, {"tasks": (SECOND, FIRST)}),
        (REQUESTED, {"tasks": (replace(FIRST, state="Two questions open", last_at=NOW), SECOND)}),
        (REQUESTED, {"chosen": "tsk_1", "mode": "share", "proposed_name": "x", "error": "x", "attempts_left": 1}),
    ],
)
def test_what_may_change_without_changing_the_decision_leaves_the_digest(
    view: Confirm | Approve, change: dict[str, Any]
) -> None:
    assert shown(replace(view, **change)) == shown(view)


def test_no_two_sets_of_tasks_run_together_into_one_digest() -> None:
    one = replace(REQUESTED, tasks=(TaskChoice("a", "b,c", "", 0),))
    other = replace(REQUESTED, tasks=(TaskChoice("a,b", "c", "", 0),))
    assert shown(one) != shown(other)
