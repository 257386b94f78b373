"""authorization_details of type `task` are a closed form, asked for and granted."""

import json
from typing import Any

import pytest
from segue.authority import (
    ACTIONS,
    InvalidAuthorizationDetails,
    TaskAuthority,
    TaskRequest,
    parse_granted,
    parse_requested,
)

ASKED: dict[str, Any] = {"type": "task", "name": "Acme contract revision", "actions": ["task:read", "events:read"]}
ACTIONS_ASKED = frozenset({"task:read", "events:read"})


def _asked(**changes: Any) -> TaskRequest:
    return parse_requested(json.dumps([{**ASKED, **changes}]))


def test_a_request_for_a_new_task_is_read() -> None:
    assert _asked() == TaskRequest(task_id=None, name="Acme contract revision", actions=ACTIONS_ASKED)


def test_a_request_for_one_task_is_read() -> None:
    assert _asked(task_id="tsk_1").task_id == "tsk_1"


def test_every_action_of_the_profile_can_be_asked_for() -> None:
    assert _asked(actions=sorted(ACTIONS)).actions == ACTIONS


@pytest.mark.requirement("XD-RAR-01", "XD-RAR-02", "XD-RAR-04", "RFC9396-5")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "task",
        "{}",
        "[]",
        "[1]",
        json.dumps(ASKED),
        json.dumps([ASKED, ASKED]),
        '[{"type":"task","actions":["task:read"],"actions":["task:write"]}]',
        "[" * 5000,
        '"\ud800"',
    ],
)
def test_what_is_not_one_task_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidAuthorizationDetails):
        parse_requested(text)


@pytest.mark.requirement("XD-RAR-01", "XD-RAR-02")
@pytest.mark.parametrize(
    "change",
    [
        {"type": "Task"},
        {"type": ["task"]},
        {"epoch": 1},
        {"transfer_id": "trf_1"},
        {"locations": ["https://tasks.example"]},
        {"task_id": ""},
        {"task_id": "*"},
        {"task_id": "tsk_"},
        {"task_id": "tsk_\u0661"},
        {"task_id": "tsk_1\n"},
        {"task_id": "tsk_" + "a" * 65},
        {"task_id": None},
        {"actions": []},
        {"actions": "task:read"},
        {"actions": {"task:read": True}},
        {"actions": ["task:read", "task:read"]},
        {"actions": ["task:*"]},
        {"actions": ["task:read "]},
        {"actions": [["task:read"]]},
        {"actions": [None]},
    ],
)
def test_an_unknown_form_of_request_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidAuthorizationDetails):
        _asked(**change)


@pytest.mark.requirement("XD-CONS-03")
@pytest.mark.parametrize(
    "name", ["", " ", " a", "a ", "a\nb", "a\x00", "\u202ecba", "\u2066a", "\u200d", "a" * 201, 7, None, ["a"]]
)
def test_a_name_that_hides_something_is_refused(name: Any) -> None:
    with pytest.raises(InvalidAuthorizationDetails):
        _asked(name=name)


@pytest.mark.parametrize(
    "name",
    ["a", "a" * 200, "Übergabe 3, Schäfer", "👩\u200d💻 Release", "\u0645\u06cc\u200c\u062e\u0648"],
)
def test_a_name_in_any_language_is_read(name: str) -> None:
    assert _asked(name=name).name == name


@pytest.mark.parametrize("transfer_id", [None, "trf_1"])
def test_what_was_granted_comes_back_from_its_claim(transfer_id: str | None) -> None:
    granted = TaskAuthority(task_id="tsk_1", actions=ACTIONS_ASKED, epoch=7, transfer_id=transfer_id)
    assert parse_granted(json.loads(json.dumps(granted.as_details()))) == granted


def test_the_error_is_the_one_of_rfc_9396() -> None:
    with pytest.raises(InvalidAuthorizationDetails) as refused:
        parse_requested("x")
    assert refused.value.error == "invalid_authorization_details"


@pytest.mark.requirement("R8")
def test_a_client_may_say_what_a_session_is_about_and_no_token_may() -> None:
    detail = {"type": "task", "actions": ["task:read"], "about": "where were we\nwith the leak?"}
    assert parse_requested(json.dumps([detail])).about == detail["about"]
    assert parse_requested(json.dumps([{**detail, "about": "\U0001f600" * 500}])).about == "\U0001f600" * 500
    for wrong in ("", "x" * 501, 7, None, ["x"], "a\0b", "\ud800"):
        with pytest.raises(InvalidAuthorizationDetails):
            parse_requested(json.dumps([{**detail, "about": wrong}]))
    with pytest.raises(InvalidAuthorizationDetails):
        parse_granted([{**detail, "task_id": "tsk_1", "epoch": 0}])
