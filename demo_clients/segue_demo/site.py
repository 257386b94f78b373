"""Where everything of the demo is, and who is registered there."""

from collections.abc import Sequence
from dataclasses import dataclass

DEFAULT_PORT = 8400
TASK_NAME = "Acme contract revision"
PHONE_ACTIONS = frozenset(
    {
        "task:read",
        "task:write",
        "working_set:read",
        "working_set:write",
        "events:read",
        "events:append",
        "tool_calls:read",
        "tool_calls:propose",
        "tool_calls:approve",
        "tool_calls:claim",
        "handoffs:write",
    }
)
CONSOLE_ACTIONS = PHONE_ACTIONS | {"audit:read"}
DESKTOP_ACTIONS = PHONE_ACTIONS | {"task:transfer", "participants:manage", "audit:read"}
LOOPBACK_URI = "http://127.0.0.1:8409/"
"""Where the programs among the clients hear the answer to a sign-in (RFC 8252 section 7.3)."""


@dataclass(frozen=True)
class Site:
    """The public URLs, without a slash at the end: authorization server, task store, agent backend, the two pages."""

    issuer: str
    store: str
    agent: str
    desktop: str
    phone: str
    self_made_certificate: bool = False
    desktop_client_id: str = "segue-demo-desktop"
    phone_client_id: str = "segue-demo-phone"
    terminal_client_id: str = "segue-demo-terminal"
    console_client_id: str = "segue-demo-console"

    @classmethod
    def at(cls, host: str, ports: Sequence[int], *, https: bool = False) -> "Site":
        """All five on one host."""
        issuer, store, agent, desktop, phone = (f"{'https' if https else 'http'}://{host}:{port}" for port in ports)
        return cls(issuer, store, agent, desktop, phone, self_made_certificate=https)

    @classmethod
    def beside(cls, issuer: str, store: str, *, base: int) -> "Site":
        """With servers that run elsewhere: agent backend and pages on this machine, where they otherwise are."""
        agent, desktop, phone = (f"http://localhost:{base + n}" for n in (2, 3, 4))
        return cls(issuer, store, agent, desktop, phone)

    @property
    def desktop_redirect_uri(self) -> str:
        return f"{self.desktop}/"

    @property
    def phone_consumption_uri(self) -> str:
        return f"{self.phone}/"
