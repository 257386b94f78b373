"""How a resource server describes itself, beginning at its challenge (RFC 9728 section 5)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import httpx2

from segue_client.device import Refused, accepted, well_known

_METADATA = re.compile(r'\bresource_metadata="([^"]+)"')


@dataclass(frozen=True)
class ProtectedResource:
    """`url` is what tokens are asked for (`resource`, RFC 8707), `issuer` the authorization server that has them."""

    url: str
    issuer: str


async def described(challenged: httpx2.Response, *, http: httpx2.AsyncClient) -> ProtectedResource:
    """Read the metadata that a 401 names, or else those at the well-known addresses of its path and of its root.

    Raises `Refused` if there are none, or if they are another resource's than the one that was asked (section 3.3).
    """
    metadata = await _metadata(challenged, http)
    asked, servers = str(challenged.request.url), metadata.get("authorization_servers")
    if metadata.get("resource") != asked or not isinstance(servers, list) or not servers:
        raise Refused(status=200, error="wrong_resource", description="another resource's metadata", body=metadata)
    return ProtectedResource(asked, str(servers[0]))


async def _metadata(challenged: httpx2.Response, http: httpx2.AsyncClient) -> Mapping[str, Any]:
    found = _METADATA.search(challenged.headers.get("WWW-Authenticate", ""))
    if found is not None:
        return accepted(await http.get(found[1]))
    asked = str(challenged.request.url)
    for resource in (asked, urljoin(asked, "/")):
        answer = await http.get(well_known(resource, "oauth-protected-resource"))
        if answer.status_code == 200:
            return accepted(answer)
    raise Refused(status=401, error="no_metadata", description="the resource does not describe itself", body={})
