"""Reading a form strictly: each parameter once, UTF-8, bounded (RFC 6749 sections 3.1 and 3.2)."""

import asyncio
from types import MappingProxyType
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from segue_authz.domain.refusal import InvalidRequest, PayloadTooLarge

MAX_BODY = 65_536
PATIENCE = 15.0
"""Seconds in which a body has come, however small its pieces are."""
_MAX_PARAMETERS = 64


class TooSlow(InvalidRequest):
    """The connection is not kept: what comes of the body would be taken for the next request."""

    headers = MappingProxyType({"Connection": "close"})


async def read_form(request: Request) -> dict[str, str]:
    """The parameters of a form body. Raises `InvalidRequest` and `PayloadTooLarge`."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        raise InvalidRequest("the body must be application/x-www-form-urlencoded")
    return parse(await read_body(request))


def parse(encoded: bytes) -> dict[str, str]:
    """The parameters of a form body or query. Raises `InvalidRequest`."""
    try:
        pairs = parse_qsl(
            encoded.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except (UnicodeDecodeError, ValueError) as malformed:
        raise InvalidRequest("the parameters are malformed") from malformed
    form = dict(pairs)
    if len(form) != len(pairs):
        raise InvalidRequest("a parameter is repeated")
    if any("\0" in value for value in form.values()):
        raise InvalidRequest("the parameters are malformed")
    return form


def spoken(parameters: dict[str, str]) -> dict[str, str]:
    """Those with a value: to OAuth a parameter without one was not sent (RFC 6749 sections 3.1 and 3.2)."""
    return {name: value for name, value in parameters.items() if value}


async def read_body(request: Request) -> bytes:
    """Raises `InvalidRequest` and `PayloadTooLarge`."""
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise PayloadTooLarge("the body is too large")
    except ClientDisconnect as gone:
        raise InvalidRequest("the body is incomplete") from gone
    except TimeoutError as slow:
        raise TooSlow("the body is incomplete", because="it came too slowly") from slow
    return bytes(body)
