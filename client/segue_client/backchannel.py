"""The backchannel: a server asks a person, whom it knows by name, to let it go on with a task (CIBA, poll and ping).

For an agent backend that works while nobody sits in front of it. Copy this with `device`, `device_code` and `grant`.
"""

import hmac
import json
import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from starlette.requests import Request
from starlette.responses import Response

from segue_client.device import Device, accepted
from segue_client.device_code import Waiting
from segue_client.grant import Grant

GRANT_TYPE = "urn:openid:params:grant-type:ciba"
USUAL_INTERVAL = 5
"""Seconds between two polls where the server names none (CIBA Core section 7.3)."""


class Backend(Device):
    """A device that is a server: beside its key it has a secret (RFC 6749 section 2.3.1)."""

    def __init__(self, *, client_secret: str, **device: Any) -> None:
        super().__init__(**device)
        pair = f"{quote_plus(self.client_id)}:{quote_plus(client_secret)}"
        self._basic = f"Basic {b64encode(pair.encode()).decode()}"

    async def post_form(self, url: str, **fields: str) -> Mapping[str, Any]:
        return accepted(await self.send("POST", url, data=fields, headers={"Authorization": self._basic}))


@dataclass(frozen=True)
class Asked:
    """The person has been asked, if there is such a person: nobody is told. `auth_req_id` is for nobody's eyes."""

    auth_req_id: str
    expires_in: int
    interval: int


async def ask(
    backend: Backend,
    *,
    person: str | None = None,
    id_token: str | None = None,
    actions: Sequence[str],
    task_id: str | None = None,
    binding_message: str | None = None,
    notification_token: str | None = None,
) -> Asked:
    """Ask for one task, of the `person` with that user name or of whom an earlier `id_token` is about.

    `binding_message` is a short mark that is shown here and there, to be compared. Raises `Refused`.
    """
    if (person is None) == (id_token is None):
        raise ValueError("the person is named by exactly one of person and id_token")
    task = {"type": "task", "task_id": task_id, "actions": list(actions)}
    fields = {
        "scope": "openid",
        "authorization_details": json.dumps([{name: value for name, value in task.items() if value is not None}]),
        "login_hint": person,
        "id_token_hint": id_token,
        "binding_message": binding_message,
        "client_notification_token": notification_token,
    }
    endpoint = (await backend.metadata())["backchannel_authentication_endpoint"]
    answer = await backend.post_form(endpoint, **{name: value for name, value in fields.items() if value is not None})
    return Asked(answer["auth_req_id"], answer["expires_in"], answer.get("interval", USUAL_INTERVAL))


class AskedPerson(Waiting):
    """The polls for one request. `check_value` is told once the person looks at it: show it, they type it there."""

    def __init__(self, backend: Backend, asked: Asked) -> None:
        super().__init__(backend, device_code=asked.auth_req_id, interval=asked.interval)

    async def redeem(self) -> Grant:
        """Ask once, as after a ping. Raises `Refused` with the errors of CIBA Core section 11."""
        endpoint = (await self._device.metadata())["token_endpoint"]
        fields = {"grant_type": GRANT_TYPE, "auth_req_id": self._device_code}
        return Grant.from_tokens(self._device, await self._device.post_form(endpoint, **fields))


class Notifications:
    """Where the authorization server tells that a request is decided (CIBA Core section 10.2).

    What is told is no more than "ask now": whoever forges it makes this server poll once, and gets nothing.
    """

    def __init__(self) -> None:
        self._expected: dict[str, str] = {}
        self._told: set[str] = set()

    def token(self) -> str:
        """A new one for each request, before it is sent; then `expect` the answer under it."""
        return secrets.token_urlsafe(32)

    def expect(self, asked: Asked, token: str) -> None:
        self._expected[asked.auth_req_id] = token

    def told(self, asked: Asked) -> bool:
        """Whether it is decided, as the authorization server says."""
        return asked.auth_req_id in self._told

    async def receive(self, request: Request) -> Response:
        """The handler of the notification endpoint. Each request is told once; a repeat is answered and not heard."""
        auth_req_id = await _identifier(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        expected = self._expected.get(auth_req_id, "")
        right = hmac.compare_digest(expected.encode(), token.encode("utf-8", "surrogateescape"))
        if not expected or scheme.lower() != "bearer" or not right:
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        self._told.add(auth_req_id)
        return Response(status_code=204)


async def _identifier(request: Request) -> str:
    """Empty for anything that is not a notification."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > 4_096:
            return ""
    try:
        told = json.loads(bytes(body))
    except ValueError:
        return ""
    found = told.get("auth_req_id") if isinstance(told, dict) else None
    return found if isinstance(found, str) else ""
