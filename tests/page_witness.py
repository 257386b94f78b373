"""What goes wrong on the pages of a browser, and what it asks servers for: watched from outside for a whole test."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urldefrag

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

_SECRET_FIELDS = {
    "transfer_code",
    "user_code",
    "device_code",
    "check_value",
    "refresh_token",
    "code_verifier",
    "token",
    "password",
    "csrf",
}
_DOCUMENTED = re.compile(r"Failed to load resource: the server responded with a status of (400|401|403|409|412) ")
"""Chromium complains of every answer from 400 on; with these the protocol asks for a nonce, or says not yet or no."""
_LOST = re.compile(r"net::ERR_(INTERNET_DISCONNECTED|NETWORK_CHANGED|CONNECTION_RESET)")


class Witness:
    """Watches all pages of one browser. `complaints` are script errors, violations of a policy, and failed requests."""

    def __init__(self, context: BrowserContext) -> None:
        self.complaints: list[str] = []
        self.requests: list[Request] = []
        self._network_may_fail = False
        context.on("console", self._hear)
        context.on("weberror", self._see)
        context.on("request", self._note)

    def forgive_network(self) -> None:
        """From now on requests may go unanswered."""
        self._network_may_fail = True

    def urls(self) -> list[str]:
        """As servers got them, and what each was told as the address before: a fragment is never sent."""
        return [
            address
            for request in self.requests
            for address in (urldefrag(request.url).url, request.headers.get("referer", ""))
        ]

    def token_for(self, server: str) -> str:
        """The newest access token that was sent there."""
        sent = [each.headers.get("authorization", "") for each in self.requests if each.url.startswith(f"{server}/")]
        return [header for header in sent if header][-1].partition(" ")[2]

    def secrets(self) -> set[str]:
        """What went in headers and forms because it must go nowhere else."""
        found = set()
        for request in self.requests:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            fields = parse_qsl(request.post_data or "") if _is_form(request) else []
            found |= {token} if scheme else set()
            found |= {value for name, value in fields if name in _SECRET_FIELDS and value}
        return found

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type not in ("error", "warning") and "Content Security Policy" not in said.text:
            return
        if _DOCUMENTED.match(said.text) or (self._network_may_fail and _LOST.search(said.text)):
            return
        self.complaints.append(f"{said.text} ({said.location['url']})")

    def _note(self, request: Request) -> None:
        self.requests.append(request)

    def _see(self, failure: WebError) -> None:
        self.complaints.append(str(failure.error))


def leaked(secrets: Iterable[str], texts: Iterable[str]) -> list[tuple[str, str]]:
    """Each text that has one of the secrets in it, as a whole word; a typed code also without its hyphen."""
    spellings = {spelling for secret in secrets for spelling in (secret, secret.replace("-", ""))}
    patterns = [re.compile(rf"(?<![\w-]){re.escape(spelling)}(?![\w-])", re.IGNORECASE) for spelling in spellings]
    return [(pattern.pattern, text) for text in texts for pattern in patterns if pattern.search(text)]


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
