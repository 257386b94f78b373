"""The requests that are measured: a task token and a proof, by real keys and the machine's own clock."""

from dataclasses import dataclass
from typing import NamedTuple

from segue import jose
from segue.testing import TestDevice, TestIssuer

ISSUER = "https://id.example"
AUDIENCE = "https://agent.example"
PATH = "/tasks/tsk_1/tool-calls"
URL = AUDIENCE + PATH
METHOD = "POST"
ACTIONS = ("task:read", "events:read", "events:append", "tool_calls:read", "tool_calls:claim")


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as a client sends it."""

    token: str
    proof: str


class Sender:
    """Makes requests that nobody has seen before."""

    def __init__(self) -> None:
        self.issuer = TestIssuer(issuer=ISSUER, audience=AUDIENCE)
        self._device = TestDevice()
        self._token = self._mint(self._device)

    def known(self, count: int, *, nonce: str) -> list[Sent]:
        """By one device with one token."""
        return [self._sent(self._device, self._token, nonce) for _ in range(count)]

    def new_token(self, count: int, *, nonce: str) -> list[Sent]:
        """By one device, each with another token."""
        return [self._sent(self._device, self._mint(self._device), nonce) for _ in range(count)]

    def new_device(self, count: int, *, nonce: str) -> list[Sent]:
        """Each by another device."""
        devices = [TestDevice() for _ in range(count)]
        return [self._sent(device, self._mint(device), nonce) for device in devices]

    def renew(self) -> None:
        """Go on with another token: they live 300 seconds."""
        self._token = self._mint(self._device)

    def _mint(self, device: TestDevice) -> str:
        return self.issuer.token(device, task_id="tsk_1", actions=ACTIONS)

    def _sent(self, device: TestDevice, token: str, nonce: str) -> Sent:
        return Sent(token, device.headers(METHOD, URL, token, nonce=nonce)["DPoP"])


class Parts(NamedTuple):
    """What the bare verification of a proof is given: the point of its key, the signed text, and the signature."""

    point: bytes
    signed: bytes
    signature: bytes


def parts(proof: str) -> Parts:
    """Taken apart before anything is timed."""
    jws = jose.parse(proof)
    jwk = jws.header["jwk"]
    point = b"\x04" + jose.b64url_decode(jwk["x"]) + jose.b64url_decode(jwk["y"])
    return Parts(point, jws.signing_input, jws.signature)
