"""What an operation may be refused with, for the OpenAPI document: each set of problems is one component."""

from typing import Any

from segue_resource.endpoints.operation import Caller, Operation
from segue_resource.endpoints.refusals import status_and_slug

PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457. Further members are told in the protocol.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "pattern": "^urn:segue:problem:[a-z0-9-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}

_UNPROVEN = [
    *((400, "invalid-request"), (401, "token-required"), (401, "invalid-token"), (401, "invalid-dpop-proof")),
    *((401, "use-dpop-nonce"), (403, "insufficient-scope"), (403, "not-your-role"), (404, "not-found")),
]
_OUTAGES = [(500, "server-error"), (500, "damaged"), (503, "cannot-verify"), (503, "unavailable")]
_WRITES = [(409, "stale-epoch"), (423, "not-active"), (503, "in-doubt")]  # 423: the whole task may be erased
_KEYED = [(422, "idempotency-key-reused")]
_BODIES = [
    *((400, "malformed-json"), (400, "invalid-request"), (413, "content-too-large"), (415, "unsupported-media-type")),
    (422, "live-credential"),
]
_HEADERS = {401: "WWW-Authenticate", 503: "Retry-After"}


class ProblemComponents:
    """Gives the refusals of each operation as references, and then what they refer to."""

    def __init__(self) -> None:
        self._answers: dict[str, dict[str, Any]] = {}

    def of(self, told: Operation, *, writes: bool) -> dict[str, Any]:
        """References by status."""
        slugs: dict[int, set[str]] = {}
        for status, slug in _problems(told, writes=writes):
            slugs.setdefault(status, set()).add(slug)
        return {str(status): self._reference(status, sorted(slugs[status])) for status in sorted(slugs)}

    def _reference(self, status: int, slugs: list[str]) -> dict[str, str]:
        name = f"{status}.{'.'.join(slugs)}"
        self._answers[name] = _answer(status, slugs)
        return {"$ref": f"#/components/responses/{name}"}

    def components(self) -> dict[str, Any]:
        return dict(sorted(self._answers.items()))


def _problems(told: Operation, *, writes: bool) -> list[tuple[int, str]]:
    found = [pair if isinstance(pair, tuple) else status_and_slug(pair) for pair in told.refuses]
    match told.caller:
        case Caller.ANYBODY:
            return found
        case Caller.AUTHORIZATION_SERVER:
            found += [(401, "service-token"), *_OUTAGES, (503, "in-doubt")]
        case Caller.DEVICE:
            found += [*_UNPROVEN, *_OUTAGES, *(_WRITES if writes else [])]
            found += _KEYED if writes and told.idempotency else []
    found += [] if told.body is None else _BODIES
    if any(name.startswith("If-Match") for name in told.headers):
        found += [(412, "conflict"), (428, "precondition-required")]
    return found


def _answer(status: int, slugs: list[str]) -> dict[str, Any]:
    types = [f"urn:segue:problem:{slug}" for slug in slugs]
    schema = {
        "$ref": "#/components/schemas/Problem",
        "properties": {"type": {"enum": types}, "status": {"const": status}},
    }
    answer: dict[str, Any] = {
        "description": ", ".join(slugs),
        "content": {"application/problem+json": {"schema": schema}},
    }
    name = _HEADERS.get(status)
    return answer if name is None else answer | {"headers": {name: {"$ref": f"#/components/headers/{name}"}}}
