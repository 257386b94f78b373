"""For an integrator's own tests: an issuer and devices in process, with nothing to install or start."""

import json
import secrets
from collections.abc import Iterable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from segue import clock as machine
from segue import jose
from segue.clock import Clock
from segue.device_key import DeviceKey
from segue.target_uri import well_known


class TestDevice:
    """A device with a key of its own."""

    __test__ = False

    def __init__(self, key: DeviceKey | None = None, *, clock: Clock = machine.now) -> None:
        self.key = key or DeviceKey.generate()
        self.jkt = self.key.jkt
        self._clock = clock

    def headers(self, method: str, url: str, token: str, *, nonce: str | None = None) -> dict[str, str]:
        """The header fields of one request: the token and a proof. `url` is the public one: audience and path."""
        proof = self.key.proof(method, url, now=self._clock(), nonce=nonce, access_token=token)
        return {"Authorization": f"DPoP {token}", "DPoP": proof}

    def request(self, client: Any, method: str, url: str, token: str, **arguments: Any) -> Any:
        """Send by a synchronous client such as Starlette's TestClient, and once more when a nonce is wanted."""
        nonce = None
        extra = arguments.pop("headers", {})
        for _ in range(2):
            headers = {**extra, **self.headers(method, url, token, nonce=nonce)}
            response = client.request(method, url, headers=headers, **arguments)
            if "use_dpop_nonce" not in response.headers.get("WWW-Authenticate", ""):
                break
            nonce = response.headers["DPoP-Nonce"]
        return response


class TestIssuer:
    """An authorization server that only mints tokens. Give `issuer.fetch` to the middleware."""

    __test__ = False

    def __init__(
        self,
        *,
        issuer: str = "https://id.example",
        audience: str = "https://agent.example",
        clock: Clock = machine.now,
    ) -> None:
        self.issuer = issuer
        self.audience = audience
        self.fetched: list[str] = []
        self._clock = clock
        self._jwks_uri = f"{issuer}/jwks"
        self.rotate()

    def rotate(self) -> None:
        """Replace the signing key; tokens by the old one are no longer good."""
        self.private_key = ec.generate_private_key(ec.SECP256R1())
        public = jose.public_jwk(self.private_key.public_key())
        self.kid = jose.thumbprint(public)
        self.jwks: dict[str, Any] = {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "ES256"}]}

    async def fetch(self, url: str) -> bytes:
        """Answers for the metadata and the keys; `OSError` for any other address."""
        self.fetched.append(url)
        if url == well_known(self.issuer, "oauth-authorization-server"):
            return json.dumps({"issuer": self.issuer, "jwks_uri": self._jwks_uri}).encode()
        if url == self._jwks_uri:
            return json.dumps(self.jwks).encode()
        raise OSError("the test issuer has no such document")

    def token(
        self,
        device: TestDevice,
        *,
        task_id: str = "tsk_test",
        actions: Iterable[str] = ("task:read",),
        epoch: int = 1,
        transfer_id: str | None = None,
        lifetime: int = 300,
        **claims: Any,
    ) -> str:
        """A task token for the device. `claims` replace or, with None, remove claims."""
        now = self._clock()
        detail = {"type": "task", "task_id": task_id, "actions": sorted(actions), "epoch": epoch}
        content = {
            "iss": self.issuer,
            "sub": "usr_test",
            "aud": self.audience,
            "client_id": "test-client",
            "iat": now,
            "exp": now + lifetime,
            "jti": secrets.token_urlsafe(16),
            "cnf": {"jkt": device.jkt},
            "auth_time": now,
            "acr": "urn:segue:acr:password",
            "device_id": f"dev_{device.jkt[:16]}",
            "grant_id": f"grt_{device.jkt[:16]}",
            "authorization_details": [detail if transfer_id is None else {**detail, "transfer_id": transfer_id}],
            **claims,
        }
        present = {name: value for name, value in content.items() if value is not None}
        return jose.sign({"typ": "at+jwt", "kid": self.kid}, present, self.private_key)
