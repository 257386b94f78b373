"""How a resource server describes itself, beginning at its challenge (RFC 9728 section 5)."""

import re
from dataclasses import dataclass

import httpx2

from segue_demo.device import Refused, accepted

_METADATA = re.compile(r'\bresource_metadata="([^"]+)"')


@dataclass(frozen=True)
class ProtectedResource:
    """`url` is what tokens are asked for (`resource`, RFC 8707), `issuer` the authorization server that has them."""

    url: str
    issuer: str


async def described(challenged: httpx2.Response, *, http: httpx2.AsyncClient) -> ProtectedResource:
    """Read the metadata that a 401 names.

    Raises `Refused` if there is none, or if it is another resource's than the one that was asked (section 3.3).
    """
    found = _METADATA.search(challenged.headers.get("WWW-Authenticate", ""))
    if found is None:
        raise Refused(status=401, error="no_metadata", description="the challenge names no metadata", body={})
    metadata = accepted(await http.get(found[1]))
    asked, servers = str(challenged.request.url), metadata.get("authorization_servers")
    if metadata.get("resource") != asked or not isinstance(servers, list) or not servers:
        raise Refused(status=200, error="wrong_resource", description="another resource's metadata", body=metadata)
    return ProtectedResource(asked, str(servers[0]))
