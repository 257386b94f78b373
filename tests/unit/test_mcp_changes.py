"""What a client of the Model Context Protocol is told to read again."""

import pytest
from mcp.shared.subscriptions import ResourcesListChanged, ResourceUpdated
from segue_mcp.resources import changed_by


@pytest.mark.requirement("T12")
def test_a_rollback_makes_the_items_that_it_changed_worth_reading_again() -> None:
    body = {"to": 3, "working_set": [{"item_id": "cap", "version": 3, "deleted": False}]}
    told = changed_by("tsk_1", {"kind": "task.reverted", "body": body})
    paths = [one.uri.removeprefix("segue://tasks/tsk_1") for one in told if isinstance(one, ResourceUpdated)]
    assert paths == ["/events", "/resume", "", "/working-set", "/working-set/cap"]
    assert isinstance(told[-1], ResourcesListChanged)
