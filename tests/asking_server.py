"""A server that asks by the backchannel of servers as an operator runs them, registered by the operator's command."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from deployment import SEGUE, Deployment
from segue.clock import now
from segue.device_key import DeviceKey

CIBA = "urn:openid:params:grant-type:ciba"
CLIENT_ID = "helper"
DETAILS = '[{"type": "task", "actions": ["task:read", "events:read"]}]'


class AskingServer:
    """Brings the person's own code, as it is registered to."""

    def __init__(self, place: Deployment) -> None:
        self._issuer = place.site.issuer
        self._username = place.person.username
        self._key = DeviceKey.generate()
        self._nonce: str | None = None
        words = [str(SEGUE), "client", "add", CLIENT_ID, "--name", "Helpful agent", "--secret", "--json"]
        words += ["--backchannel", "poll", "--user-code"]
        made = subprocess.run(words, env=place.environment(), text=True, check=True, capture_output=True)
        self._secret = str(json.loads(made.stdout)["client_secret"])
        self._auth_req_id, self._interval, self._polled_at = "", 0.0, float("-inf")

    def move_house(self) -> None:
        """Go on as another device: with another key."""
        self._key = DeviceKey.generate()

    def ask(self, user_code: str, **fields: str) -> None:
        """Ask the person."""
        form = {"scope": "openid", "authorization_details": DETAILS, "login_hint": self._username, **fields}
        answer = self._post("/backchannel_authentication", form | {"user_code": user_code})
        assert answer.status_code == 200, answer.text
        self._auth_req_id, self._interval = answer.json()["auth_req_id"], answer.json()["interval"]

    def poll(self) -> dict[str, Any]:
        """Its next answer, as soon as it may ask."""
        time.sleep(max(0.0, self._polled_at + self._interval - time.monotonic()))
        self._polled_at = time.monotonic()
        return dict(self._post("/token", {"grant_type": CIBA, "auth_req_id": self._auth_req_id}).json())

    def _post(self, path: str, fields: dict[str, str]) -> httpx2.Response:
        """With a proof, and once more when the server wants its nonce."""
        for _ in range(2):
            proof = self._key.proof("POST", self._issuer + path, now=now(), nonce=self._nonce)
            auth = (CLIENT_ID, self._secret)
            answer = httpx2.post(self._issuer + path, data=fields, headers={"DPoP": proof}, auth=auth)
            self._nonce = answer.headers.get("DPoP-Nonce", self._nonce)
            if "use_dpop_nonce" not in answer.text:
                break
        return answer


@contextmanager
def asking_place(folder: Path) -> Iterator[tuple[Deployment, AskingServer]]:
    """Both servers, and a client of theirs; killed at the end."""
    place = Deployment(folder, database=None, redis=None)
    place.prepare()
    server = AskingServer(place)
    try:
        place.start()
        yield place, server
    finally:
        place.kill()
