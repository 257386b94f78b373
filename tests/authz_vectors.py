"""The vectors of specs/vectors at the authorization server: a world at their time, with their issuer and keys."""

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
from authz_world import ACTIONS, DESKTOP, DESKTOP_URI, World
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain.client import Client, Method
from segue_authz.domain.grant import Authentication, Grant
from segue_authz.enrolment import add_client
from segue_authz.stores.grants import insert_grant
from segue_authz.stores.port import NewDevice
from segue_authz.stores.tables import accounts
from segue_vectors import ASSERTIONS, FOLDER, TOKENS

ASKING = httpx2.BasicAuth("store", "s" * 43)


def makers(name: str) -> ModuleType:
    """A module of the scripts that write the vectors."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return __import__(name)


async def at_the_time_of(world: World, vectors: Any) -> World:
    """The same server, at the time and under the name that the vectors are for."""
    world.now = vectors["now"]
    world.settings = replace(world.settings, issuer=vectors["issuer"])
    world.restart()
    return world


async def with_the_client(world: World) -> World:
    """The server where the client of client-assertions.json is registered."""
    client = Client(
        ASSERTIONS["client_id"],
        "Signs",
        ACTIONS,
        (DESKTOP_URI,),
        method=Method.PRIVATE_KEY_JWT,
        jwks=tuple(ASSERTIONS["jwks"]["keys"]),
    )
    await add_client(world.database, client)
    return await at_the_time_of(world, ASSERTIONS)


async def with_the_grant(world: World) -> World:
    """The server that would have minted the good tokens of task-tokens.json, and the store that asks about them."""
    good = makers("token_vectors").CLAIMS
    _sign_with(makers("signing").ISSUER, world.settings.keys)
    method, secret = Method.CLIENT_SECRET_BASIC, digest("s" * 43)
    await add_client(
        world.database, Client("store", "API", ACTIONS, method=method, secret_digest=secret, audience=good["aud"])
    )
    (detail,) = good["authorization_details"]
    grant = Grant(
        grant_id=good["grant_id"],
        subject=good["sub"],
        client_id=DESKTOP,
        device_id=good["device_id"],
        jkt=good["cnf"]["jkt"],
        task_id=detail["task_id"],
        actions=frozenset(detail["actions"]),
        epoch=detail["epoch"],
        authentication=Authentication(good["auth_time"], good["acr"]),
        created_at=good["iat"],
        expires_at=good["exp"] + 1000,
        transfer_id=detail["transfer_id"],
    )
    await world.database.write(
        lambda connection: connection.execute(accounts.update().values(subject=good["sub"])).rowcount
    )
    await world.database.write(
        lambda connection: insert_grant(connection, grant, device=NewDevice("A device", "192.0.2.1"), now=world.now)
    )
    return await at_the_time_of(world, TOKENS)


def _sign_with(key: ec.EllipticCurvePrivateKey, folder: Path) -> None:
    """In place of the keys that the server made for itself."""
    for file in folder.glob("*.pem"):
        file.unlink()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "1.pem").write_bytes(pem)


async def asked(world: World, path: str, **content: Any) -> httpx2.Response:
    """One request, as it would be answered on the network."""
    transport = httpx2.ASGITransport(world.app, raise_app_exceptions=False, client=("192.0.2.7", 50000))
    async with httpx2.AsyncClient(transport=transport, base_url=world.settings.issuer) as http:
        return await http.post(path, **content)
