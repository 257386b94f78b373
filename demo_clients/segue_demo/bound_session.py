"""What a browser does for a session that is bound to its device (W3C DBSC), with a key in memory instead of a TPM."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

import httpx2
from cryptography.hazmat.primitives.asymmetric import ec
from segue import jose

_PARAMETER = re.compile(r';([a-z]+)="([^"]*)"')
_CHALLENGE = re.compile(r'"([^"]*)";id="([^"]*)"')


class BoundSession:
    """Registers when a sign-in offers it, and refreshes when it is told to. The cookies stay in `http`.

    `offer` is the answer that it has heard the offer in.
    """

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.instructions: Mapping[str, Any] = {}
        self.challenge: str | None = None
        self.refresh_address = ""
        self.offer: httpx2.Response
        self._http = http

    @property
    def bound(self) -> bool:
        return "session_identifier" in self.instructions

    async def hear(self, answer: httpx2.Response) -> None:
        """For the client's response hook: whatever offers a registration gets one."""
        if not self.bound and "Secure-Session-Registration" in answer.headers:
            self.offer = answer
            await self.register(answer)

    async def register(self, answer: httpx2.Response) -> httpx2.Response:
        """Answer the offer of a sign-in (DBSC, "Process session registration")."""
        path, challenge, authorization = offered(answer)
        address = urljoin(str(answer.url), path)
        claims = {"jti": challenge, "authorization": authorization}
        registered = await self._http.post(
            address, headers={"Secure-Session-Response": proof(self.key, claims, with_key=True)}
        )
        self._learn(registered)
        if self.bound:
            self.refresh_address = urljoin(address, str(self.instructions["refresh_url"]))
        return registered

    async def refresh(self) -> httpx2.Response:
        """Prove the key for a new bound cookie; once more if the challenge was not (or no more) the right one."""
        for _ in range(2):
            answer = await self.ask(proof(self.key, {"jti": self.challenge}) if self.challenge else None)
            if answer.status_code != httpx2.codes.FORBIDDEN:
                break
        return answer

    async def ask(self, text: str | None) -> httpx2.Response:
        """One request to the refresh endpoint."""
        headers = {"Sec-Secure-Session-Id": str(self.instructions["session_identifier"])}
        if text is not None:
            headers["Secure-Session-Response"] = text
        answer = await self._http.post(self.refresh_address, headers=headers)
        self._learn(answer)
        return answer

    def _learn(self, answer: httpx2.Response) -> None:
        if answer.is_success:
            self.instructions, self.challenge = answer.json(), None
        if told := _CHALLENGE.match(answer.headers.get("Secure-Session-Challenge", "")):
            self.challenge = told[1]


def offered(answer: httpx2.Response) -> tuple[str, str, str]:
    """Path, challenge and authorization of the offer."""
    parameters = dict(_PARAMETER.findall(answer.headers["Secure-Session-Registration"]))
    return parameters["path"], parameters["challenge"], parameters["authorization"]


def proof(key: ec.EllipticCurvePrivateKey, claims: Mapping[str, Any], *, with_key: bool = False) -> str:
    """A DBSC proof (`dbsc+jwt`); `with_key` as a registration has it."""
    header: dict[str, Any] = {"typ": "dbsc+jwt"}
    if with_key:
        header["jwk"] = jose.public_jwk(key.public_key())
    return jose.sign(header, claims, key)
