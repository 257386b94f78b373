"""What an issuer publishes about itself: JSON objects, and first of all its metadata (RFC 8414)."""

from typing import Any

from segue.fetch import Fetch
from segue.jose import Malformed, decode_json
from segue.target_uri import well_known


async def read_document(url: str, *, fetch: Fetch) -> dict[str, Any]:
    """The JSON object there. Raises `Malformed`, and what `fetch` raises."""
    document = decode_json(await fetch(url))
    if not isinstance(document, dict):
        raise Malformed("the document is not a JSON object")
    return document


async def read_metadata(issuer: str, *, fetch: Fetch) -> dict[str, Any]:
    """The issuer's metadata. Raises `Malformed` if it is another's (RFC 8414 section 3.3), and what `fetch` raises."""
    metadata = await read_document(well_known(issuer, "oauth-authorization-server"), fetch=fetch)
    if metadata.get("issuer") != issuer:
        raise Malformed("the metadata is that of another issuer")
    return metadata
