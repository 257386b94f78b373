"""Whatever is asked, the task store answers as its OpenAPI document says: requests drawn from it by schemathesis.

`SEGUE_TEST_ROUNDS=full` draws many more, others each time.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fuzzed_store import OPERATIONS, FuzzedStore, open_fuzzed_store
from rounds import FULL, rounds
from schemathesis.core.failures import FailureGroup
from segue.problem import Problem
from segue_resource.endpoints import names, problems, task_request
from segue_resource.endpoints.header import Number

EXAMPLES = rounds(bounded=4, full=250)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FuzzedStore]:
    with open_fuzzed_store(tmp_path_factory.mktemp("fuzzed")) as opened:
        yield opened


@pytest.mark.requirement("R37", "T7")
@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_whatever_is_asked_the_answer_is_one_that_the_document_tells_of(fuzzed: FuzzedStore, operation_id: str) -> None:
    fuzzed.fuzz(operation_id, examples=EXAMPLES, derandomize=not FULL)
    statuses = fuzzed.statuses[operation_id]
    assert any(status < 300 for status in statuses), statuses
    assert any(status >= 400 for status in statuses), statuses


Patch = pytest.MonkeyPatch


def an_undocumented_status(patch: Patch) -> None:
    good = names.answer
    patch.setattr(names, "answer", lambda status, *told: good({201: 202}.get(status, status), *told))


def an_answer_without_a_member(patch: Patch) -> None:
    good = names.answer
    patch.setattr(names, "answer", lambda status, *_: good(status, {}))


def an_answer_of_another_type(patch: Patch) -> None:
    good = names.answer
    patch.setattr(names, "answer", lambda status, *_: good(status, {"seq": "1"}))


def a_failure(patch: Patch) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("a fault on purpose")

    patch.setattr(names, "require_name", fails)


def an_outage(patch: Patch) -> None:
    def fails(*_: Any) -> None:
        raise Problem(503, "unavailable", "The task store cannot answer now", "nothing was done")

    patch.setattr(names, "require_name", fails)


def a_refusal_that_is_no_problem(patch: Patch) -> None:
    def plain(_: Problem) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        return 400, [(b"content-type", b"text/plain")], b"no"

    patch.setattr(problems, "problem_response", plain)


def a_problem_of_an_unknown_type(patch: Patch) -> None:
    def fails(*_: Any) -> None:
        raise Problem(400, "never-heard-of", "No", "no")

    patch.setattr(names, "require_name", fails)


def a_problem_without_words(patch: Patch) -> None:
    def fails(*_: Any) -> None:
        raise Problem(404, "not-found", "There is nothing here", "")

    patch.setattr(names, "require_name", fails)


def a_bound_that_is_not_kept(patch: Patch) -> None:
    patch.setattr(Number, "of", lambda number, _: number.default)


def a_good_request_that_is_refused(patch: Patch) -> None:
    def fails(*_: Any) -> None:
        raise Problem(400, "invalid-request", "No", "no")

    patch.setattr(task_request, "idempotency_key", fails)


FAULTS = [
    (an_undocumented_status, "names.propose", "UndefinedStatusCode"),
    (an_answer_without_a_member, "names.propose", "JsonSchemaError"),
    (an_answer_of_another_type, "names.propose", "JsonSchemaError"),
    (a_failure, "names.propose", "ServerError"),
    (an_outage, "names.propose", "ServerError"),
    (a_refusal_that_is_no_problem, "names.propose", "UndefinedContentType"),
    (a_problem_of_an_unknown_type, "names.propose", "JsonSchemaError"),
    (a_problem_without_words, "names.propose", "CustomFailure"),
    (a_bound_that_is_not_kept, "audit.list_entries", "AcceptedNegativeData"),
    (a_good_request_that_is_refused, "names.propose", "CustomFailure"),
]


@pytest.mark.parametrize(("fault", "operation_id", "failure"), FAULTS, ids=[fault.__name__ for fault, *_ in FAULTS])
def test_a_fault_in_the_server_is_found(
    tmp_path: Path, monkeypatch: Patch, fault: Any, operation_id: str, failure: str
) -> None:
    with open_fuzzed_store(tmp_path) as fuzzed:
        fault(monkeypatch)
        with pytest.raises(FailureGroup) as found:
            fuzzed.fuzz(operation_id, examples=EXAMPLES)
    assert failure in {type(each).__name__ for each in found.value.exceptions}
