"""authlib's client, as its authors publish it: code with PKCE, refresh, introspection, revocation, three ways to prove.

It knows nothing of DPoP, so its transport proves the key (tests/proving.py), and it is not asked to send the token to a
resource: for any type but `bearer` it refuses by itself.
"""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from authlib.integrations.base_client import UnsupportedTokenTypeError
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authz_world import ISSUER, STORE, World, open_world
from joserfc.jwk import ECKey
from proving import Proving
from registering import REDIRECT, registered
from segue.authority import ACTIONS
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain.client import Client, Method
from segue_authz.enrolment import add_client

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14")]

KEY = ECKey.generate_key("P-256", {"kid": "k1"})
JWK = KEY.as_dict(private=False)
SECRET = "s" * 43


@pytest.fixture
async def world(tmp_path: Path, anyio_backend: str) -> AsyncIterator[World]:
    opened = await open_world(tmp_path, database_url=f"sqlite:///{tmp_path}/authz.db", ephemeral_url=None)
    opened.now = int(time.time())  # authlib dates its assertions by the machine's clock
    await add_client(
        opened.database,
        Client("api", "API", ACTIONS, method=Method.CLIENT_SECRET_BASIC, secret_digest=digest(SECRET), audience=STORE),
    )
    yield opened
    await opened.aclose()


def library(world: World, client_id: str, method: str = "none", **how: Any) -> AsyncOAuth2Client:
    client = AsyncOAuth2Client(
        client_id,
        redirect_uri=REDIRECT,
        code_challenge_method="S256",
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        transport=Proving(world, "/token"),
        **how,
    )
    world.opened.append(client)
    return client


async def authorized(world: World, client: AsyncOAuth2Client, **form: str) -> dict[str, Any]:
    """The person allows what the library asks for."""
    browser = world.browser()
    await browser.sign_in()
    verifier = "v" * 43
    further = {
        "authorization_details": json.dumps([{"type": "task", "name": "Lease", "actions": ["task:read"]}]),
        "dpop_jkt": client._transport.key.jkt,
        "code_verifier": verifier,
    }
    url, _ = client.create_authorization_url(f"{ISSUER}/authorize", **further)
    page = await browser.http.get(url)
    fields = {"task": "new", "name": "Lease", "decision": "approve"}
    back = (await browser.submit("/authorize", page, **fields)).headers["location"]
    token: dict[str, Any] = await client.fetch_token(
        f"{ISSUER}/token", authorization_response=back, code_verifier=verifier, **form
    )
    return token


async def active(world: World, token: str) -> bool:
    server = library(world, "api", "client_secret_basic", client_secret=SECRET)
    answer = await server.introspect_token(f"{ISSUER}/introspect", token=token, token_type_hint="access_token")
    return bool(answer.json()["active"])


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "private_key_jwt"])
async def test_authlib_gets_refreshes_shows_and_ends_a_token(world: World, method: str) -> None:
    keys = {"jwks": {"keys": [JWK]}} if method == "private_key_jwt" else {}
    enrolled = await registered(world, token_endpoint_auth_method=method, **keys)
    secret: Any = KEY if method == "private_key_jwt" else enrolled.get("client_secret")
    client = library(world, enrolled["client_id"], method, client_secret=secret)

    def fresh() -> None:
        """authlib keeps the `jti` among the claims it is given, and its own hour is too long here."""
        if method == "private_key_jwt":
            short = {"exp": world.now + 60}
            client.register_client_auth_method(PrivateKeyJWT(ISSUER, short, headers={"kid": "k1"}, alg="ES256"))

    fresh()
    await client.request("GET", f"{ISSUER}/jwks", withhold_token=True)  # a nonce first: an assertion is good once
    first = await authorized(world, client)
    assert (first["token_type"], first["authorization_details"][0]["name"]) == ("DPoP", "Lease")
    world.now += 1
    fresh()
    second = await client.refresh_token(f"{ISSUER}/token", refresh_token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert await active(world, second["access_token"])
    fresh()
    answer = await client.revoke_token(f"{ISSUER}/revoke", token=second["refresh_token"])
    assert answer.status_code == 200
    assert not await active(world, second["access_token"])
    fresh()
    with pytest.raises(OAuthError, match="invalid_grant"):
        await client.refresh_token(f"{ISSUER}/token", refresh_token=second["refresh_token"])


async def test_authlib_sends_no_bound_token_to_a_resource_by_itself(world: World) -> None:
    enrolled = await registered(world)
    client = library(world, enrolled["client_id"])
    await authorized(world, client)
    with pytest.raises(UnsupportedTokenTypeError):
        await client.get(f"{STORE}/tasks?{urlencode({'a': 'b'})}")


async def test_authlib_without_a_proof_gets_nothing(world: World) -> None:
    enrolled = await registered(world)
    client = library(world, enrolled["client_id"])
    client._transport._paths = ()
    with pytest.raises(OAuthError, match="invalid_dpop_proof"):
        await authorized(world, client)
