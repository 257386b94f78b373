"""Everything secret that a journey's devices and browser send and get, as it passes by on the wire."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
from journey import Journey
from segue_demo.enrolled import Person

_SECRET = frozenset(
    {
        *("access_token", "refresh_token", "code", "code_verifier", "device_code", "user_code", "id_token"),
        *("transfer_code", "transfer_uri", "verification_uri_complete", "password", "check_value", "csrf", "code_uri"),
        *("recovery_code", "new_password", "current_password"),
    }
)
_SHORT = 8
"""Characters below which a value, such as four digits, stands in any log by chance."""


class Overheard:
    def __init__(self, person: Person) -> None:
        self.secrets: set[str] = {person.password}

    def listen(self, journey: Journey) -> None:
        for http in (journey.http, journey.pages):
            http.event_hooks = {"request": [self._request], "response": [self._response]}

    async def _request(self, request: httpx2.Request) -> None:
        self._add(request.headers.get("dpop"), request.headers.get("authorization", "").partition(" ")[2])
        self._add(*(pair.partition("=")[2] for pair in request.headers.get("cookie", "").split("; ")))
        if "form" in request.headers.get("content-type", ""):
            self._members(dict(parse_qsl(request.content.decode())))

    async def _response(self, answer: httpx2.Response) -> None:
        await answer.aread()
        self._add(*(value.partition("=")[2].partition(";")[0] for value in answer.headers.get_list("set-cookie")))
        self._members(dict(parse_qsl(urlsplit(answer.headers.get("location", "")).query)))
        if "json" in answer.headers.get("content-type", ""):
            found = json.loads(answer.content or b"{}")
            self._members(found if isinstance(found, dict) else {})

    def _members(self, members: dict[str, Any]) -> None:
        self._add(*(value for name, value in members.items() if name in _SECRET and isinstance(value, str)))

    def _add(self, *values: str | None) -> None:
        for value in values:
            if value and len(value) >= _SHORT:
                self.secrets |= {value, *(part for part in value.split(".") if len(part) > 40)}
