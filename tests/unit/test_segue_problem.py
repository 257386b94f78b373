"""A problem is rendered as RFC 9457 has it, with nothing of a framework."""

import json

import pytest
from segue.problem import Problem, problem_response


@pytest.mark.requirement("RFC9457-3")
def test_a_problem_is_rendered_with_its_members_and_headers() -> None:
    problem = Problem(412, "version-conflict", "Changed meanwhile", "näher", headers={"ETag": '"3"'}, current={"a": 1})
    status, headers, body = problem_response(problem)
    assert status == 412
    assert dict(headers) == {
        b"content-type": b"application/problem+json",
        b"content-length": str(len(body)).encode(),
        b"cache-control": b"no-store",
        b"etag": b'"3"',
    }
    assert json.loads(body) == {
        "type": "urn:segue:problem:version-conflict",
        "title": "Changed meanwhile",
        "status": 412,
        "detail": "näher",
        "current": {"a": 1},
    }


def test_a_header_of_the_problem_replaces_the_default() -> None:
    _, headers, _ = problem_response(Problem(404, "not-found", "t", "d", headers={"Cache-Control": "private"}))
    assert [value for name, value in headers if name == b"cache-control"] == [b"private"]
