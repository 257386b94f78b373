"""A device without a screen of its own that asks for a task, and what its person would read off it."""

import time
from typing import Any

import httpx2
from segue.clock import now
from segue.device_key import DeviceKey

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
DETAILS = '[{"type": "task", "actions": ["task:read", "events:read"], "name": "Started on the phone"}]'


class AskingDevice:
    """Asks at once. `address` is what its QR code would say; `code` what it shows for typing."""

    def __init__(self, issuer: str, client_id: str, *, name: str = "Blue phone") -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._key = DeviceKey.generate()
        self._nonce: str | None = None
        fields = {"device_name": name, "authorization_details": DETAILS}
        asked = self._post("/device_authorization", fields).json()
        self.address, self.code = str(asked["verification_uri_complete"]), str(asked["user_code"])
        self._device_code = str(asked["device_code"])
        self._interval, self._polled_at = float(asked["interval"]), float("-inf")

    def poll(self) -> dict[str, Any]:
        """Its next answer, as soon as it may ask: tokens, or an error and, once the code was entered, the value."""
        time.sleep(max(0.0, self._polled_at + self._interval - time.monotonic()))
        self._polled_at = time.monotonic()
        fields = {"grant_type": DEVICE_CODE, "device_code": self._device_code}
        return dict(self._post("/token", fields).json())

    def refresh(self, tokens: dict[str, Any]) -> int:
        """The status of the answer."""
        fields = {"grant_type": "refresh_token", "refresh_token": str(tokens["refresh_token"])}
        return self._post("/token", fields).status_code

    def _post(self, path: str, fields: dict[str, str]) -> httpx2.Response:
        """With a proof, and once more when the server wants its nonce."""
        for _ in range(2):
            proof = self._key.proof("POST", self._issuer + path, now=now(), nonce=self._nonce)
            form = {"client_id": self._client_id, **fields}
            answer = httpx2.post(self._issuer + path, data=form, headers={"DPoP": proof})
            self._nonce = answer.headers.get("DPoP-Nonce", self._nonce)
            if "use_dpop_nonce" not in answer.text:
                break
        return answer
