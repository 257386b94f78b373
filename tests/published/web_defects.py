"""Defects of frameworks and endpoints that meet strange headers."""

from typing import Any

import httpx2
from authz_world import ISSUER, World
from segue_authz.endpoints import client
from segue_authz.pages import static_files
from starlette.requests import Request
from starlette.responses import Response

from published.defect import Patch, replays

MANY = ",".join(f"{n}-" for n in range(500))


def ranges_are_put_together(patch: Patch) -> None:
    """Each range is compared with every other, as many as there are."""

    async def ranged(request: Request) -> Response:
        parts = [part for part in request.headers.get("range", "").removeprefix("bytes=").split(",") if part]
        compared = sum(first <= second for first in parts for second in parts)
        file = next(iter(static_files._FILES.values()))
        return Response(file.body, 206 if parts else 200, {"X-Compared": str(compared)}, file.media_type)

    patch.setattr(static_files, "_serve", ranged)


@replays(
    "CVE-2025-62727",
    product="Starlette, file responses",
    wrong="The ranges of a request were merged in time that grew with the square of their number.",
    section="RFC 9110 section 14.2, section 17.15",
    flaw=ranges_are_put_together,
)
async def a_request_for_many_ranges_is_worked_off(world: World) -> bool:
    """Ours ignores the header, as a server may: the file comes whole, once."""
    world.restart()
    async with world.http() as http:
        whole = await http.get(static_files.static_url("pages.css"))
        ranged = await http.get(static_files.static_url("pages.css"), headers={"Range": f"bytes={MANY}"})
    assert whole.status_code == 200
    return ranged.status_code != 200 or ranged.content != whole.content


def the_credentials_are_taken_to_have_two_parts(patch: Patch) -> None:
    authenticated = client.authenticated

    async def careless(services: Any, request: Request, form: Any) -> Any:
        if "authorization" in request.headers:
            request.headers["authorization"].split(" ")[1]
        return await authenticated(services, request, form)

    from segue_authz.endpoints import revocation

    patch.setattr(revocation, "authenticated", careless)


@replays(
    "CVE-2026-9803",
    product="Keycloak, client registration",
    wrong="An Authorization header with a scheme and nothing behind it ended in an internal error.",
    section="RFC 6750 section 3.1, RFC 9110 section 11.4",
    flaw=the_credentials_are_taken_to_have_two_parts,
)
async def a_scheme_without_credentials_is_an_internal_error(world: World) -> bool:
    transport = httpx2.ASGITransport(world.app, raise_app_exceptions=False, client=("192.0.2.7", 50000))
    statuses = []
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
        for path in ("/revoke", "/token", "/par", "/introspect", "/transfer", "/device_authorization", "/register"):
            for value in ("Bearer", "Basic", "DPoP", "bearer ", "DPoP  ", ","):
                answer = await http.post(path, data={"token": "x"}, headers={"Authorization": value})
                statuses.append(answer.status_code)
    assert all(status >= 400 for status in statuses)
    return any(status >= 500 for status in statuses)
