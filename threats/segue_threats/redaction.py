"""Takes the secrets out of what a report shows, and leaves a mark by which equal ones can be told to be equal."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from segue.jose import Malformed, b64url_decode

SECRET = frozenset(
    {
        "access_token",
        "auth_req_id",
        "authorization_code",
        "check_value",
        "client_assertion",
        "client_notification_token",
        "client_secret",
        "code",
        "code_verifier",
        "csrf",
        "device_code",
        "downstream_key",
        "id_token",
        "id_token_hint",
        "invitation_uri",
        "login_hint_token",
        "password",
        "refresh_token",
        "subject_token",
        "token",
        "transfer_code",
        "transfer_uri",
        "user_code",
        "verification_uri_complete",
    }
)
"""Parameters and members whose values are never shown."""
_SWEPT = 12
"""Characters from which on a secret is also looked for in running text; a shorter one could be any number."""


class Redactor:
    """Marks are keyed with a secret of this run: nobody can find a four-digit number by trying all of them."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._marks: dict[str, str] = {}

    def mark(self, name: str, value: str) -> str:
        """What stands for the value from now on, also where it turns up in other text."""
        digest = hmac.new(self._key, value.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:6]
        mark = f"[{name} {digest}]" if value else f"[{name}, empty]"
        if len(value) >= _SWEPT:
            self._marks.setdefault(value, mark)
        return mark

    def met(self) -> list[str]:
        """The secrets that were met, but for those too short to be told from any other number."""
        return list(self._marks)

    def sweep(self, text: str) -> str:
        """The text without any secret that was met before."""
        for value in sorted(self._marks, key=len, reverse=True):
            text = text.replace(value, self._marks[value])
        return text

    def members(self, value: Any, name: str = "") -> Any:
        """Decoded JSON with its secrets marked."""
        match value:
            case dict():
                return {key: self.members(each, key) for key, each in value.items()}
            case list():
                return [self.members(each, name) for each in value]
            case str() if name in SECRET:
                return self.mark(name, value)
        return value

    def parameters(self, encoded: str) -> Iterator[str]:
        """The parameters of a form or query, one by one."""
        for name, value in parse_qsl(encoded, keep_blank_values=True):
            yield f"{name}={self.mark(name, value) if name in SECRET else value}"

    def address(self, url: str) -> str:
        """An address whose query and fragment hide their secrets."""
        scheme, host, path, query, fragment = urlsplit(url)
        hidden = self.mark("fragment", fragment) if fragment else ""
        return urlunsplit((scheme, host, path, "&".join(self.parameters(query)), hidden))

    def credential(self, header: str) -> str:
        """An `Authorization` header: its scheme, and a mark."""
        scheme, _, token = header.partition(" ")
        return f"{scheme} {self.mark('access_token', token)}"


def proof_text(proof: str) -> str:
    """What a DPoP proof says, without its signature: enough to check the finding and not enough to use it."""
    parts = proof.split(".")
    try:
        header, claims = (json.loads(b64url_decode(part)) for part in parts[:2])
    except (Malformed, ValueError, UnicodeDecodeError):
        return f"(cannot be read, {len(proof)} characters in {len(parts)} parts)"
    if isinstance(header, Mapping) and isinstance(key := header.get("jwk"), Mapping):
        header = {**header, "jwk": {name: _short(value) for name, value in key.items()}}
    return f"{json.dumps(header)} {json.dumps(claims)}"


def _short(value: object) -> object:
    return f"{value[:6]}…" if isinstance(value, str) and len(value) > 12 else value
