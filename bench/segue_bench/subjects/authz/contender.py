"""A server that is measured, as the load sees it: where it is, and what it is asked in each of the four ways."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from segue.device_key import DeviceKey

from segue_bench.ground import Served
from segue_bench.subjects.authz.sending import header, send

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
POLL, REFRESH, REDEEM, ASK = "pending poll", "refresh", "redemption", "device authorization"
STATUS = {POLL: 400, REFRESH: 200, REDEEM: 200, ASK: 200}
WAYS = tuple(STATUS)

Form = dict[str, str]


@dataclass
class Contender:
    """`forms` are what was prepared for each way, each of which is good once. Without `proved` a way takes no proof."""

    name: str
    issuer: str
    served: Served
    keys: Sequence[DeviceKey]
    paths: Mapping[str, str]
    forms: Mapping[str, Sequence[Form]]
    proved: frozenset[str]
    now: Callable[[], int] = field(default=lambda: int(time.time()))  # noqa: TID251  a device's clock
    _used: dict[str, int] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.issuer.rpartition(":")[2])

    def requests(self, way: str, count: int) -> list[bytes]:
        """The next ones, with proofs that were made just now."""
        nonce = self._nonce()
        first = self._used.get(way, 0)
        self._used[way] = first + count
        return [self._request(way, number, nonce) for number in range(first, first + count)]

    def _nonce(self) -> str:
        """By a request that has none (RFC 9449 section 8)."""
        form = {"grant_type": "refresh_token", "client_id": "phone", "refresh_token": "none"}
        asked = _encoded(self.issuer, self.paths[REFRESH], form, self._proof(REFRESH, 0, None), 0)
        return header(send(self.port, [asked], status=400).last, "dpop-nonce")

    def _request(self, way: str, number: int, nonce: str) -> bytes:
        proof = self._proof(way, number, nonce) if way in self.proved else None
        return _encoded(self.issuer, self.paths[way], self.forms[way][number], proof, number)

    def _proof(self, way: str, number: int, nonce: str | None) -> str:
        key = self.keys[number % len(self.keys)]
        return key.proof("POST", self.issuer + self.paths[way], now=self.now(), nonce=nonce)


def _encoded(issuer: str, path: str, form: Form, proof: str | None, number: int) -> bytes:
    """As a reverse proxy hands it on: each device has a network of its own."""
    body = urlencode(form).encode()
    return "\r\n".join([*_head(issuer, path, proof, number, len(body)), "", ""]).encode() + body


def _head(issuer: str, path: str, proof: str | None, number: int, length: int) -> Iterator[str]:
    yield f"POST {path} HTTP/1.1"
    yield f"Host: {issuer.partition('//')[2]}"
    yield f"X-Forwarded-For: 10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    if proof is not None:
        yield f"DPoP: {proof}"
    yield "Content-Type: application/x-www-form-urlencoded"
    yield f"Content-Length: {length}"
