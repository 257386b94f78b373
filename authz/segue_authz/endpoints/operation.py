"""Describes a protocol endpoint beside the endpoint: `specs/openapi/authz.json` is made from what is said here.

```python
@operation("Withdraw a token", form={"token": TEXT, "token_type_hint?": ANYTHING}, answers={200: {}}, client=True)
async def revoke(services: Services, request: Request) -> Response: ...
```

A member or parameter whose name ends in `?` may be absent. What follows from the kind of request is not repeated here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from segue_authz.domain.refusal import Refusal

H = TypeVar("H", bound=Callable[..., Any])
Schema = Mapping[str, Any]
Members = Mapping[str, Schema]

TEXT: Schema = {"type": "string", "minLength": 1}
ANYTHING: Schema = {"type": "string", "description": "Nothing depends on it here."}
URI: Schema = {"type": "string", "format": "uri"}
SECONDS: Schema = {"type": "integer", "minimum": 0}
WORDS: Schema = {"type": "array", "items": {"type": "string"}}
DETAILS: Schema = {"type": "string", "description": "One task, as JSON (RFC 9396; specs/protocol.md section 3)."}


class Proof(Enum):
    """What a request proves: nothing, a key, a key if it likes, or a task token for this server with its key.

    What a server asks as itself takes a token of its own (RFC 6749 section 4.4). To register a client takes an initial
    access token where one is needed, to manage it the client's own token.
    """

    NONE = "none"
    SERVICE = "holder of a server's own token"
    KEY = "key"
    KEY_IF_ANY = "key if any"
    HOLDER = "holder of a task token"
    INVITATION = "initial access token, where one is needed"
    REGISTRATION = "registration access token"


@dataclass(frozen=True)
class Operation:
    """`answers` gives the members of each good answer; `refuses` the errors that follow from nothing else here."""

    summary: str
    answers: Mapping[int, Members]
    form: Members | None
    body: Members | None
    query: Members
    path: Members
    refuses: Sequence[type[Refusal]]
    client: bool
    proof: Proof
    signed: str | None
    several: bool


def operation(
    summary: str,
    *,
    answers: Mapping[int, Members],
    form: Members | None = None,
    body: Members | None = None,
    query: Members | None = None,
    path: Members | None = None,
    refuses: Sequence[type[Refusal]] = (),
    client: bool = False,
    proof: Proof = Proof.NONE,
    signed: str | None = None,
    several: bool = False,
) -> Callable[[H], H]:
    """Describe a handler. Its parameters are a `form` or a JSON `body`, and those of the `path` if they are no
    mere texts.

    `client`: the request authenticates one; `signed`: a media type of the answer as a JWT; `several`: the
    good answer may be a list of what it is otherwise.
    """
    described = Operation(
        summary, answers, form, body, query or {}, path or {}, refuses, client, proof, signed, several
    )

    def describe(handler: H) -> H:
        vars(handler)["operation"] = described
        return handler

    return describe


def operation_of(handler: Callable[..., Any]) -> Operation | None:
    found = getattr(handler, "operation", None)
    return found if isinstance(found, Operation) else None
