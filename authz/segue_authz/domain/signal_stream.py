"""Streams of security events for those who honour tokens (OpenID Shared Signals Framework 1.0, CAEP 1.0)."""

from dataclasses import dataclass
from enum import StrEnum

SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
"""CAEP section 3.1: access to a task is over, for one device."""
VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"
SUPPORTED = (SESSION_REVOKED,)
"""What a receiver may ask for; the verification that it asks for comes in any case."""


class Method(StrEnum):
    """How events reach the receiver."""

    PUSH = "urn:ietf:rfc:8935"
    POLL = "urn:ietf:rfc:8936"


class Status(StrEnum):
    """SSF section 8.1.2: what is not told while a stream is paused is kept for it, while it is disabled it is not."""

    ENABLED = "enabled"
    PAUSED = "paused"
    DISABLED = "disabled"


@dataclass(frozen=True)
class Stream:
    """One client's stream (SSF section 8.1.1), of what happens from `begins_at` on.

    What had ended was last looked for at `gathered_at`.

    `resource` is the resource server that the client is, if it is one: it hears nothing that is for another alone.
    `endpoint_authorization` goes with each push as the header of that name; here it is sealed.
    """

    stream_id: str
    client_id: str
    resource: str | None
    method: Method
    endpoint_url: str | None
    endpoint_authorization: str | None
    events: tuple[str, ...]
    begins_at: int
    gathered_at: int
    description: str | None = None
    status: Status = Status.ENABLED
    reason: str | None = None

    @property
    def audience(self) -> str:
        """Whom its events are for."""
        return self.resource or self.client_id


@dataclass(frozen=True)
class Signal:
    """One event, told under this `jti` as often as it takes.

    Of a grant of `subject` that ended at `happened_at`; or a verification, with the `state` that the receiver gave.
    """

    jti: str
    stream_id: str
    event: str
    happened_at: int
    grant_id: str | None = None
    subject: str | None = None
    state: str | None = None
