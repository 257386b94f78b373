"""Asks a deployment's own service for a text: the paragraph of a resume, or the summary of a part of a log."""

import asyncio

import httpx2
import msgspec

from segue_resource.domain.resume import Facts, ParagraphWriter
from segue_resource.domain.summary import Material, SummaryWriter

TIMEOUT = 10.0
"""Seconds for each wait for a paragraph; how long all of it may take is decided where it is waited for."""
LONGEST_SUMMARY = 120.0
"""Seconds that a summary may take: nobody waits for it, and nothing is held meanwhile."""
PARAGRAPH_BYTES = 16_384
SUMMARY_BYTES = 131_072


class HookFailed(Exception):
    """The service did not answer with the text."""


def open_http() -> httpx2.AsyncClient:
    """The client to ask with. It follows no redirects and no proxies of the environment."""
    return httpx2.AsyncClient(timeout=httpx2.Timeout(TIMEOUT), trust_env=False, follow_redirects=False)


def paragraph_over_http(url: str, http: httpx2.AsyncClient) -> ParagraphWriter:
    """A writer that raises `HookFailed`, and what the client raises."""

    async def write(facts: Facts) -> str:
        return text_in(await _asked(url, http, facts, most=PARAGRAPH_BYTES, timeout=TIMEOUT), "paragraph")

    return write


def summary_over_http(url: str, http: httpx2.AsyncClient) -> SummaryWriter:
    """A writer that raises `HookFailed`, TimeoutError, and what the client raises."""

    async def write(material: Material) -> str:
        async with asyncio.timeout(LONGEST_SUMMARY):
            body = await _asked(url, http, material, most=SUMMARY_BYTES, timeout=LONGEST_SUMMARY)
        return text_in(body, "summary")

    return write


async def _asked(url: str, http: httpx2.AsyncClient, what: Facts | Material, *, most: int, timeout: float) -> bytes:  # noqa: ASYNC109
    """The body of the answer, of at most so many bytes; each wait for the service lasts `timeout` seconds at most."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    body = bytearray()
    async with http.stream("POST", url, content=msgspec.json.encode(what), headers=headers, timeout=timeout) as answer:
        if answer.status_code != 200:
            raise HookFailed(f"the service answered {answer.status_code}")
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > most:
                raise HookFailed(f"the service answered more than {most} bytes")
    return bytes(body)


def text_in(body: bytes, member: str) -> str:
    """The one member that is read. Raises `HookFailed`."""
    try:
        found = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        return msgspec.json.decode(found[member], type=str)
    except (ValueError, KeyError, RecursionError) as wrong:  # not UTF-8, nested too deep, or not of that shape
        raise HookFailed(f'the service did not answer {{"{member}": "…"}}') from wrong
