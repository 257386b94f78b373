"""The demo client reads how a resource server describes itself (RFC 9728), and believes no other one's description."""

from typing import Any

import httpx2
import pytest
from segue_client.device import Refused
from segue_client.protected_resource import described

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("U4")]

URL = "https://tasks.example/mcp"
METADATA = "https://tasks.example/.well-known/oauth-protected-resource/mcp"
ROOT = "https://tasks.example/.well-known/oauth-protected-resource"


async def challenge(metadata: dict[str, Any]) -> Any:
    """What comes of a challenge that names this metadata."""
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json=metadata))
    headers = {"WWW-Authenticate": f'DPoP algs="ES256", resource_metadata="{METADATA}"'}
    challenged = httpx2.Response(401, headers=headers, request=httpx2.Request("POST", URL))
    return await described(challenged, http=httpx2.AsyncClient(transport=transport))


@pytest.mark.requirement("MCP-DISCOVERY-c")
async def test_the_description_names_the_resource_and_its_authorization_server() -> None:
    found = await challenge({"resource": URL, "authorization_servers": ["https://id.example"]})
    assert (found.url, found.issuer) == (URL, "https://id.example")


@pytest.mark.requirement("RFC9728-3-3", "XD-META-02", "MCP-TOKENS-f")
@pytest.mark.parametrize("resource", [f"{URL}/", "https://evil.example/mcp", "https://TASKS.example/mcp", None])
async def test_the_description_of_another_resource_is_refused(resource: str | None) -> None:
    with pytest.raises(Refused, match="wrong_resource"):
        await challenge({"resource": resource, "authorization_servers": ["https://id.example"]})


@pytest.mark.requirement("MCP-DISCOVERY-d")
@pytest.mark.parametrize(
    ("there", "asked"),
    [([METADATA], [METADATA]), ([ROOT], [METADATA, ROOT]), ([METADATA, ROOT], [METADATA]), ([], [METADATA, ROOT])],
)
async def test_without_a_name_in_the_challenge_the_well_known_addresses_are_asked_in_turn(
    there: list[str], asked: list[str]
) -> None:
    tried = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        tried.append(str(request.url))
        metadata = {"resource": URL, "authorization_servers": ["https://id.example"]}
        return httpx2.Response(200, json=metadata) if tried[-1] in there else httpx2.Response(404)

    challenged = httpx2.Response(401, headers={"WWW-Authenticate": "DPoP"}, request=httpx2.Request("POST", URL))
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    if there:
        assert (await described(challenged, http=http)).issuer == "https://id.example"
    else:
        with pytest.raises(Refused, match="no_metadata"):
            await described(challenged, http=http)
    assert tried == asked
