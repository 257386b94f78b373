"""Describes an endpoint beside the endpoint: `specs/openapi/task-store.json` is made from what is said here.

```python
@operation("A new session", body=NewSession, answers={201: Session}, refuses=[NoConnection])
@requires("task:read", task="task_id")
async def join(self, request: Request) -> Response: ...
```

What follows from the kind of request (proof, token, epoch, idempotency, forms of bodies) is not repeated here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from segue_resource.domain.refusal import Refused
from segue_resource.endpoints.body import JSON
from segue_resource.endpoints.header import Number

H = TypeVar("H", bound=Callable[..., Any])


class Caller(Enum):
    """Who may ask: a device with a task token, the authorization server, or anybody."""

    DEVICE = "device"
    AUTHORIZATION_SERVER = "authorization server"
    ANYBODY = "anybody"


@dataclass(frozen=True)
class Text:
    """A query parameter that is text, of the `shape` that msgspec knows."""

    name: str
    shape: Any


@dataclass(frozen=True)
class Operation:
    """`answers` gives the shape of each good answer: a type, members by name with the type of each, or None for none.

    `refuses` are the refusals of the domain, or status and slug of a `Problem`, that this request alone may meet.
    """

    summary: str
    answers: Mapping[int, Any]
    caller: Caller
    body: Any
    media_type: str
    query: Sequence[Number | Text]
    headers: Sequence[str]
    refuses: Sequence[type[Refused] | tuple[int, str]]
    etag: bool
    stream: bool
    idempotency: bool


def operation(
    summary: str,
    *,
    answers: Mapping[int, Any],
    caller: Caller = Caller.DEVICE,
    body: Any = None,
    media_type: str = JSON,
    query: Sequence[Number | Text] = (),
    headers: Sequence[str] = (),
    refuses: Sequence[type[Refused] | tuple[int, str]] = (),
    etag: bool = False,
    stream: bool = False,
    idempotency: bool = True,
) -> Callable[[H], H]:
    """Describe a handler. `headers` are conditions it reads, `If-Match!` one that it insists on; `stream`: SSE too.

    A write hears `Idempotency-Key` unless `idempotency` says that it does not.
    """
    described = Operation(
        summary, answers, caller, body, media_type, query, headers, refuses, etag, stream, idempotency
    )

    def describe(handler: H) -> H:
        vars(handler)["operation"] = described
        return handler

    return describe


def operation_of(handler: Callable[..., Any]) -> Operation | None:
    found = getattr(handler, "operation", None)
    return found if isinstance(found, Operation) else None
