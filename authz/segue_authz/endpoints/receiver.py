"""What a server that manages its stream of security events sends: who it is, which stream, and a JSON object."""

from typing import Any

from segue.strict_json import Malformed, decode_json
from starlette.requests import Request

from segue_authz.domain.client import Client
from segue_authz.domain.refusal import InvalidRequest, NotFound
from segue_authz.domain.signal_stream import Method, Stream
from segue_authz.endpoints.form import read_body
from segue_authz.endpoints.service_access import service_client
from segue_authz.endpoints.services import Services

LONGEST = 1000
"""Characters of a text, and members of a list."""


async def receiver(services: Services, request: Request) -> Client:
    """Raises what `service_client` does."""
    return await service_client(services, request, service="signals")


async def own_stream(services: Services, client: Client, stream_id: object, *, method: Method | None = None) -> Stream:
    """The client's stream. That of somebody else is not there (XD-TOK-13). Raises `NotFound`."""
    stream = await services.signals.stream(client.client_id)
    if stream is None or stream.stream_id != stream_id or method not in (None, stream.method):
        raise NotFound("there is no such stream")
    return stream


async def read_json(request: Request) -> dict[str, Any]:
    """Raises `InvalidRequest` and `PayloadTooLarge`."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise InvalidRequest("the body must be application/json")
    try:
        content = decode_json(await read_body(request))
    except Malformed as malformed:
        raise InvalidRequest("the body is no JSON", because=str(malformed)) from malformed
    if not isinstance(content, dict):
        raise InvalidRequest("the body is not one JSON object")
    return content


def text(members: dict[str, Any], name: str) -> str | None:
    """A text that may be absent. Raises `InvalidRequest`."""
    if name not in members:
        return None
    value = members[name]
    if not (isinstance(value, str) and 1 <= len(value) <= LONGEST and "\0" not in value):
        raise InvalidRequest(f"{name} is not 1 to {LONGEST} characters")
    return value


def words(members: dict[str, Any], name: str) -> list[str]:
    """A list of texts, empty if it is absent. Raises `InvalidRequest`."""
    value = members.get(name, [])
    if (
        not isinstance(value, list)
        or len(value) > LONGEST
        or not all(isinstance(each, str) and "\0" not in each for each in value)
    ):
        raise InvalidRequest(f"{name} is no list of strings")
    return value
