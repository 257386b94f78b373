"""XD-META: clients that describe themselves, and servers that believe or fetch what they say.

RFC 7591 section 5, RFC 7592 section 5, OAuth Client ID Metadata Document section 6.5. Expected: nothing inside is
asked, nobody manages another's registration, and what nobody has reviewed gets no further than a browser.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx2

from segue_threats.attack import Need, attack
from segue_threats.lab import Lab

REDIRECT = "https://app.example/callback"
INSIDE = ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]")
"""This machine in several spellings."""


def _described(**changes: Any) -> dict[str, Any]:
    return {"redirect_uris": [REDIRECT], "client_name": "Some App", "token_endpoint_auth_method": "none"} | changes


async def _register(lab: Lab, **changes: Any) -> httpx2.Response:
    token = {"Authorization": f"Bearer {lab.target.configuration.registration_token}"}
    return await lab.http.post(lab.target.endpoint("registration"), json=_described(**changes), headers=token)


async def _registered(lab: Lab) -> dict[str, Any]:
    client: dict[str, Any] = lab.works(await _register(lab), "registering").json()
    lab.trail.redactor.mark("registration_access_token", client["registration_access_token"])
    return client


async def _manage(
    lab: Lab, method: str, client: dict[str, Any], token: str, metadata: dict[str, Any] | None = None
) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await lab.http.request(method, client["registration_client_uri"], json=metadata, headers=headers)


@attack("XD-META-06", Need.REGISTRATION)
async def a_registration_is_managed_by_another_client(lab: Lab) -> None:
    """Read, change and remove a client by the registration token of another, and by none."""
    client, other = await _registered(lab), await _registered(lab)
    lab.works(await _manage(lab, "GET", client, client["registration_access_token"]), "reading one's own registration")
    stolen = _described(redirect_uris=["https://evil.example/"]) | {"client_id": client["client_id"]}
    for token in (other["registration_access_token"], "x"):
        for method, metadata in (("GET", None), ("PUT", stolen), ("DELETE", None)):
            lab.refuses(await _manage(lab, method, client, token, metadata), f"{method} with a foreign token")
    now = lab.still_works(await _manage(lab, "GET", client, client["registration_access_token"]), "the registration")
    lab.holds(now.json()["redirect_uris"] == [REDIRECT], "the redirect URIs are another's now")


@attack("XD-META-06", Need.REGISTRATION)
async def a_registration_token_is_used_after_its_change(lab: Lab) -> None:
    """Come late with a registration token from a log, after its owner has changed the registration."""
    client = await _registered(lab)
    wanted = _described(client_name="Some other App") | {"client_id": client["client_id"]}
    changed = lab.works(await _manage(lab, "PUT", client, client["registration_access_token"], wanted), "the change")
    fresh = str(changed.json().get("registration_access_token"))
    lab.trail.redactor.mark("registration_access_token", fresh)
    for method, metadata in (("GET", None), ("PUT", wanted), ("DELETE", None)):
        late = await _manage(lab, method, client, client["registration_access_token"], metadata)
        lab.refuses(late, f"{method} with the token of before")
    lab.still_works(await _manage(lab, "GET", client, fresh), "the registration with its new token")


@attack("XD-META-06", Need.REGISTRATION)
async def a_client_raises_its_own_rights(lab: Lab) -> None:
    """Ask for further grants and chosen credentials when the registration is changed."""
    client = await _registered(lab)
    token = client["registration_access_token"]
    lab.works(await _manage(lab, "GET", client, token), "reading the registration")
    own = _described() | {"client_id": client["client_id"]}
    for changes in (
        {"grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"]},
        {"grant_types": ["authorization_code", "client_credentials"]},
        {"client_secret": "chosen-by-the-attacker"},
        {"client_id": "another"},
    ):
        raised = await _manage(lab, "PUT", client, token, own | changes)
        lab.refuses(raised, f"a change to {', '.join(changes)}")
    lab.still_works(await _manage(lab, "GET", client, token), "the registration")


@attack("XD-META-04", Need.REGISTRATION, Need.PULL)
async def a_client_that_nobody_reviewed_starts_flows_across_devices(lab: Lab) -> None:
    """Register with somebody's leave, and ask for a task as a device at once."""
    honest = lab.phone()
    wanted = {"device_name": "A phone", **honest.client.parameters}
    lab.works(await honest.form("device_authorization", wanted), "an honest device")
    client = await _registered(lab)
    device = honest.like(client=replace(honest.client, client_id=client["client_id"]))
    asked = await device.form("device_authorization", wanted)
    lab.refuses(asked, "asking for a task", errors={"unauthorized_client"})


@attack("XD-META-03", Need.REGISTRATION, Need.OWN, Need.PAGES)
async def a_client_names_addresses_inside(lab: Lab) -> None:
    """Have the server ask addresses of its own machine: key sets, logos, request objects and client documents."""
    lab.works(await _register(lab), "registering")
    device = lab.desktop()
    lab.works(await lab.http.get(lab.target.metadata_address), "the metadata")
    async with _listening() as (port, came):
        for host in INSIDE:
            inside = f"https://{host}:{port}"
            await _register(lab, jwks_uri=f"{inside}/keys", token_endpoint_auth_method="private_key_jwt")  # noqa: S106
            await _register(lab, logo_uri=f"{inside}/logo", sector_identifier_uri=f"{inside}/sector")
            await _ask(lab, client_id=f"{inside}/client.json")
            await _ask(lab, client_id=device.client.client_id, request_uri=f"{inside}/request")
            lab.holds(not came, f"the server has asked {host}")


async def _ask(lab: Lab, **parameters: str) -> None:
    """As a person who is signed in would, who clicked a link of the attacker's."""
    query = {"response_type": "code", "redirect_uri": REDIRECT, **parameters}
    answer = await lab.pages().browser.visit(f"{lab.target.endpoint('authorization')}?{urlencode(query)}")
    lab.refuses(answer, f"asking as {parameters['client_id']}")


@asynccontextmanager
async def _listening() -> AsyncIterator[tuple[int, list[object]]]:
    """A service inside, at both loopback addresses, which notes who comes."""
    came: list[object] = []

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0, family=socket.AF_INET)
    port = server.sockets[0].getsockname()[1]
    try:
        yield port, came
    finally:
        server.close()
