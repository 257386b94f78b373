"""Registering clients with a server of a `World`: what they send, and the invitation that lets them in."""

import secrets
from dataclasses import replace
from typing import Any

import httpx2
from authz_world import World, restart
from segue_authz.client_auth.authenticator import digest
from segue_authz.settings import Registering
from segue_authz.stores.registrations import RegistrationInvitation, Registrations

REDIRECT = "https://app.example/callback"


def described(**changes: Any) -> dict[str, Any]:
    """Good metadata of a public client; a change to None takes a member away."""
    metadata = {"redirect_uris": [REDIRECT], "client_name": "Some App", "token_endpoint_auth_method": "none"} | changes
    return {name: value for name, value in metadata.items() if value is not None}


async def invite(world: World, *, uses: int = 1, lifetime: int = 3600) -> str:
    token = secrets.token_urlsafe(32)
    invitation = RegistrationInvitation(
        f"inv_{secrets.token_hex(4)}", digest(token), "test", uses, world.now, world.now + lifetime
    )
    await Registrations(world.database).invite(invitation)
    return token


def let_in(world: World, registering: Registering) -> None:
    """Restart the server with another setting."""
    world.settings = replace(world.settings, registration=registering)
    restart(world)


async def register(
    world: World, metadata: Any = None, *, token: str | None = None, network: str | None = None
) -> httpx2.Response:
    """By a fresh invitation, unless a token is given; an empty one means none."""
    shown = await invite(world) if token is None else token
    headers = {"Authorization": f"Bearer {shown}"} if shown else {}
    http = world.http(network)
    return await http.post("/register", json=described() if metadata is None else metadata, headers=headers)


async def registered(world: World, **changes: Any) -> dict[str, Any]:
    answer = await register(world, described(**changes))
    assert answer.status_code == 201, answer.text
    content: dict[str, Any] = answer.json()
    return content


async def manage(
    world: World, method: str, client: dict[str, Any], metadata: Any = None, *, token: str | None = None
) -> httpx2.Response:
    shown = client["registration_access_token"] if token is None else token
    headers = {"Authorization": f"Bearer {shown}"} if shown else {}
    content = {} if metadata is None else {"json": metadata}
    path = f"/register/{client['client_id']}"
    return await world.http().request(method, path, headers=headers, **content)
