"""Asks a deployment's own service for the paragraph of a resume: POST the facts as JSON, get `{"paragraph": "…"}`."""

import httpx2
import msgspec

from segue_resource.domain.resume import Facts, ParagraphWriter

TIMEOUT = 10.0
"""Seconds for each wait for the service; how long all of it may take is decided where the paragraph is waited for."""
MAX_BYTES = 16_384


class HookFailed(Exception):
    """The service did not answer with a paragraph."""


class _Answer(msgspec.Struct):
    paragraph: str


def open_http() -> httpx2.AsyncClient:
    """The client to ask with. It follows no redirects and no proxies of the environment."""
    return httpx2.AsyncClient(timeout=httpx2.Timeout(TIMEOUT), trust_env=False, follow_redirects=False)


def paragraph_over_http(url: str, http: httpx2.AsyncClient) -> ParagraphWriter:
    """A writer that raises `HookFailed`, and what the client raises."""

    async def write(facts: Facts) -> str:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        content = msgspec.json.encode(facts)
        async with http.stream("POST", url, content=content, headers=headers) as answer:
            if answer.status_code != 200:
                raise HookFailed(f"the service answered {answer.status_code}")
            return _paragraph_in(await _bounded(answer))

    return write


async def _bounded(answer: httpx2.Response) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > MAX_BYTES:
            raise HookFailed(f"the service answered more than {MAX_BYTES} bytes")
    return bytes(body)


def _paragraph_in(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Answer).paragraph
    except msgspec.MsgspecError as wrong:
        raise HookFailed('the service did not answer {"paragraph": "…"}') from wrong
