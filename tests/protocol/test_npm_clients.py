"""npm `openid-client` and `oauth4webapi`, as their authors publish them, through every flow they and we know.

Neither proves its key where a flow across devices begins; their documented hook for `fetch` does it for them
(tests/npm_clients/world.mjs). Everything else is theirs.
"""

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from npm_package import installed
from segue.authority import ACTIONS
from segue.clock import now
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain.client import Client, Method
from segue_authz.enrolment import add_client
from segue_authz.stores.registrations import RegistrationInvitation, Registrations
from segue_demo.browser import Browser
from segue_demo.running import Running, running
from segue_storage.database import open_database
from server_process import binary

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14")]

SOURCE = Path(__file__).parents[1] / "npm_clients"
REDIRECT = "https://app.example/callback"
PATIENCE = 100
FLOWS = {
    "openid_client.mjs": {
        *("discovery, registration, authorization code", "refresh", "introspection, revocation"),
        *("private_key_jwt, PAR", "JAR", "device code", "CIBA", "client credentials", "token exchange"),
    },
    "oauth4webapi.mjs": {
        *("discovery, registration", "PAR", "authorization code", "protected resource", "refresh"),
        *("introspection, revocation", "device code", "client credentials", "token exchange"),
    },
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def demo(anyio_backend: str) -> AsyncIterator[Running]:
    async with running(lan=None, base=0, state=None, job_seconds=1) as found:
        yield found


async def enrolled(demo: Running) -> dict[str, Any]:
    """What the scripts are told; each run has clients of its own."""
    database = open_database(f"sqlite:///{demo.state / 'authz.db'}")
    mark, secret, token = secrets.token_hex(4), secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    key = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"kid": mark}
    private = json.loads(ECAlgorithm.to_jwk(key)) | {"kid": mark}
    basic, held = Method.CLIENT_SECRET_BASIC, digest(secret)
    clients = [
        Client(
            f"api-{mark}",
            "API",
            ACTIONS,
            method=basic,
            secret_digest=held,
            audience=demo.site.store,
            services=frozenset({"introspection"}),
            exchange_actions=frozenset({"task:read"}),
            exchange_audiences=(demo.site.agent,),
        ),
        Client(f"signer-{mark}", "Signer", ACTIONS, (REDIRECT,), method=Method.PRIVATE_KEY_JWT, jwks=(public,)),
        Client(f"device-{mark}", "Device", ACTIONS, consumption_uris=(REDIRECT,)),
        Client(
            f"asking-{mark}",
            "Asking",
            ACTIONS,
            (REDIRECT,),
            method=basic,
            secret_digest=held,
            backchannel_token_delivery_mode="poll",
        ),
    ]
    try:
        for client in clients:
            await add_client(database, client)
        invitation = RegistrationInvitation(f"inv_{mark}", digest(token), "npm", 1, now(), now() + 600)
        await Registrations(database).invite(invitation)
    finally:
        await database.aclose()
    return {
        "issuer": demo.site.issuer,
        "store": demo.site.store,
        "agent": demo.site.agent,
        "username": demo.person.username,
        "redirect_uri": REDIRECT,
        "invitation": token,
        "api": {"client_id": f"api-{mark}", "secret": secret},
        "signer": {"client_id": f"signer-{mark}", "jwk": private},
        "device": f"device-{mark}",
        "backchannel": {"client_id": f"asking-{mark}", "secret": secret},
    }


class Person:
    """Does at a browser what a script asks for."""

    def __init__(self, demo: Running, http: httpx2.AsyncClient) -> None:
        self._issuer = demo.site.issuer
        self._browser = Browser(http, username=demo.person.username, password=demo.person.password)
        self._pages: dict[str, httpx2.Response] = {}

    async def does(self, asked: dict[str, str]) -> dict[str, str]:
        match asked["do"]:
            case "authorize":
                back = await self._browser.authorize(asked["url"], redirect_uri=REDIRECT, name="By a library")
                return {"back": f"{REDIRECT}?{urlencode(back)}"}
            case "enter_code":
                code = asked["user_code"]
                self._pages[code] = await self._browser.enter_code(asked["verification_uri"], user_code=code)
            case "look_at_request":
                self._pages[asked["key"]] = await self._browser.look_at_request(self._issuer)
            case "approve":
                page = await self._browser.visit(str(self._pages[asked["user_code"]].url))  # tasks came meanwhile
                await self._browser.approve(page, check_value=asked["check_value"], name="By a library")
        return {}


@pytest.mark.parametrize("script", FLOWS)
async def test_a_library_of_other_people_goes_through_every_flow(demo: Running, script: str) -> None:
    node, folder = binary("node"), await asyncio.to_thread(installed, SOURCE)
    process = await asyncio.create_subprocess_exec(
        str(node),
        script,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "SEGUE_WORLD": json.dumps(await enrolled(demo))},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    did = set()
    try:
        async with asyncio.timeout(PATIENCE), httpx2.AsyncClient(trust_env=False, timeout=30) as http:
            person = Person(demo, http)
            async for line in process.stdout:
                said = json.loads(line)
                if "did" in said:
                    did.add(said["did"])
                    continue
                process.stdin.write(json.dumps(await person.does(said)).encode() + b"\n")
                await process.stdin.drain()
            failure = (await process.stderr.read()).decode()
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, did) == (0, FLOWS[script]), failure
