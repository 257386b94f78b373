"""A device with a key of its own: it proves every request with DPoP and carries the server's nonce (RFC 9449).

`authorization`, `grant`, `push_transfer` and `task_client` build on it.
"""

from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import httpx2
from segue.clock import Clock, now
from segue.device_key import DeviceKey


class Refused(Exception):
    """A server answered with an error.

    `error` is the OAuth error code (RFC 6749 section 5.2) or the slug of the problem type (RFC 9457), `description` is
    text for people and `body` the whole decoded answer.
    """

    def __init__(self, *, status: int, error: str, description: str, body: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {error}: {description}")
        self.status = status
        self.error = error
        self.description = description
        self.body = body

    @classmethod
    def from_answer(cls, answer: httpx2.Response) -> Self:
        """Read an OAuth error answer or a problem document; an answer that is neither is named by its status."""
        body = _json_object(answer)
        error = body.get("error") or str(body.get("type", "")).rpartition(":")[2] or str(answer.status_code)
        description = body.get("error_description") or body.get("detail") or body.get("title") or answer.reason_phrase
        return cls(status=answer.status_code, error=str(error), description=str(description), body=body)


class Device:
    """One key of one client, talking to one authorization server and the resource servers that trust it."""

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        http: httpx2.AsyncClient,
        key: DeviceKey | None = None,
        clock: Clock = now,
    ) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self.http = http
        self.key = key or DeviceKey.generate()
        self.clock = clock
        self._nonces: dict[str, str] = {}
        self._metadata: Mapping[str, Any] | None = None

    async def metadata(self) -> Mapping[str, Any]:
        """The server's metadata (RFC 8414). Raises `Refused` if its issuer is not ours, byte for byte (section 3.3)."""
        if self._metadata is None:
            answer = await self.http.get(well_known(self.issuer, "oauth-authorization-server"))
            found = accepted(answer)
            if found.get("issuer") != self.issuer:
                raise Refused(status=200, error="wrong_issuer", description="another issuer's metadata", body=found)
            self._metadata = found
        return self._metadata

    async def send(
        self, method: str, url: str, *, access_token: str | None = None, stream: bool = False, **request: Any
    ) -> httpx2.Response:
        """Send one proved request; once more with the nonce if the server asks for one (RFC 9449 sections 8 and 9)."""
        how = {"access_token": access_token, "stream": stream, **request}
        try:
            answer = await self._attempt(method, url, **how)
        except httpx2.RemoteProtocolError:  # the server closed a connection that was about to be used again
            if method != "GET":  # only what changes nothing is sent again (RFC 9110 section 9.2.2)
                raise
            answer = await self._attempt(method, url, **how)
        if not await asks_for_nonce(answer):
            return answer
        return await self._attempt(method, url, **how)

    def proved(self, method: str, url: str, *, access_token: str | None = None) -> dict[str, str]:
        """The header fields of one request: the token, if there is one, and a proof with the server's latest nonce."""
        nonce = self._nonces.get(_origin(url))
        proof = self.key.proof(method, _without_query(url), now=self.clock(), nonce=nonce, access_token=access_token)
        return {"DPoP": proof} | ({} if access_token is None else {"Authorization": f"DPoP {access_token}"})

    def take_nonce(self, answer: httpx2.Response) -> None:
        """Keep the nonce that an answer brings, for the next request to its server."""
        if nonce := answer.headers.get("DPoP-Nonce"):
            self._nonces[_origin(str(answer.request.url))] = nonce

    async def post_form(self, url: str, **fields: str) -> Mapping[str, Any]:
        """POST a form as this client, without an access token. Raises `Refused`."""
        return accepted(await self.send("POST", url, data={"client_id": self.client_id, **fields}))

    async def _attempt(
        self, method: str, url: str, *, access_token: str | None, stream: bool, **request: Any
    ) -> httpx2.Response:
        headers = {**request.pop("headers", {}), **self.proved(method, url, access_token=access_token)}
        answer = await self.http.send(self.http.build_request(method, url, headers=headers, **request), stream=stream)
        self.take_nonce(answer)
        return answer


def accepted(answer: httpx2.Response) -> Mapping[str, Any]:
    """The decoded JSON object of a successful answer. Raises `Refused`."""
    if answer.is_error:
        raise Refused.from_answer(answer)
    return _json_object(answer)


def well_known(issuer: str, name: str) -> str:
    """Where an issuer's metadata is: the name goes between its host and its path (RFC 8414 section 3.1)."""
    scheme, host, path, _, _ = urlsplit(issuer)
    return urlunsplit((scheme, host, f"/.well-known/{name}{path.rstrip('/')}", "", ""))


async def asks_for_nonce(answer: httpx2.Response) -> bool:
    """Whether the request is to be sent again, with the nonce of this answer."""
    if answer.status_code == 401:
        return 'error="use_dpop_nonce"' in answer.headers.get("WWW-Authenticate", "")
    if answer.status_code != 400:
        return False
    await answer.aread()
    return _json_object(answer).get("error") == "use_dpop_nonce"


def _json_object(answer: httpx2.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _without_query(url: str) -> str:
    scheme, host, path, _, _ = urlsplit(url)
    return urlunsplit((scheme, host, path, "", ""))


def _origin(url: str) -> str:
    scheme, host, _, _, _ = urlsplit(url)
    return f"{scheme}://{host}"
