"""Errors as problem details (RFC 9457), free of any framework."""

import json
from collections.abc import Mapping
from typing import Any

Headers = list[tuple[bytes, bytes]]


class Problem(Exception):
    """An error answer. `type` is `urn:segue:problem:<slug>`; `members` are added to the body."""

    def __init__(
        self,
        status: int,
        slug: str,
        title: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(f"{status} {slug}")
        self.status = status
        self.slug = slug
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members


def problem_response(problem: Problem) -> tuple[int, Headers, bytes]:
    """Status, headers and body as ASGI wants them."""
    content = {
        "type": f"urn:segue:problem:{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        **problem.members,
    }
    body = json.dumps(content, separators=(",", ":")).encode("ascii")
    headers = {
        "content-type": "application/problem+json",
        "content-length": str(len(body)),
        "cache-control": "no-store",
        **{name.lower(): value for name, value in problem.headers.items()},
    }
    return problem.status, [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()], body
