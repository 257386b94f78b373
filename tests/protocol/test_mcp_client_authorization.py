"""The MCP SDK's own OAuth client at our servers: how far it comes, and where exactly it stops.

It finds the resource's metadata, the authorization server's, and registers or names its document; it opens a page that
a person can answer. It knows no `authorization_details` and no DPoP: its application may add the first and `dpop_jkt`
to the address that it is handed, but nothing makes it take a token that is bound to a key.
"""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from authz_world import Browser, World, open_world, restart
from mcp.client.auth import OAuthClientProvider, OAuthFlowError, OAuthTokenError
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from mcp_world import MCP, open_mcp_world
from proving import Proving
from pydantic import ValidationError
from resource_world import ISSUER, STORE, StoreWorld
from segue_authz.settings import Registering
from small_internet import Internet, small_internet

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E4")]

REDIRECT = "http://localhost:4711/callback"
DOCUMENT = "https://client.example/mcp.json"
ASKED = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


class Storage:
    """What an application keeps for the SDK."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Both(httpx2.AsyncBaseTransport):
    """The network with both servers, and what was said on it."""

    def __init__(self, store: StoreWorld, authz: httpx2.AsyncBaseTransport) -> None:
        self._store = httpx2.ASGITransport(app=store.app)
        self._authz = authz
        self.said: list[tuple[str, str, int]] = []
        self.errors: list[str] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        transport = self._authz if str(request.url).startswith(ISSUER) else self._store
        answer = await transport.handle_async_request(request)
        await answer.aread()
        self.said.append((request.method, request.url.path, answer.status_code))
        if request.url.path == "/token":
            self.errors.append(answer.json().get("error", ""))
        return answer


@pytest.fixture
async def store(tmp_path: Path, anyio_backend: str) -> AsyncIterator[StoreWorld]:
    async with open_mcp_world(tmp_path) as opened:
        yield opened


@pytest.fixture
async def internet(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Internet]:
    async with small_internet(tmp_path) as opened:
        document = {"client_id": DOCUMENT, "client_name": "An MCP client", "redirect_uris": [REDIRECT]}
        opened.says("/mcp.json", document | {"token_endpoint_auth_method": "none"})
        yield opened


@pytest.fixture
async def authz(tmp_path: Path, internet: Internet) -> AsyncIterator[World]:
    """At the issuer that the MCP server names; anybody may register, and documents are read."""
    opened = await open_world(tmp_path, database_url=f"sqlite:///{tmp_path}/authz.db", ephemeral_url=None)
    opened.outbound = internet.outbound
    opened.settings = replace(
        opened.settings,
        issuer=ISSUER,
        task_store=STORE,
        further_audiences=(MCP,),
        registration=Registering.OPEN,
        client_documents=("client.example",),
    )
    restart(opened)
    yield opened
    await opened.aclose()


class Application:
    """An application on the SDK. `adds` are parameters that it puts to the address that the SDK hands it."""

    def __init__(self, authz: World, *, document: str | None, adds: Callable[[], dict[str, str]]) -> None:
        self.storage = Storage()
        self._authz = authz
        self._adds = adds
        self._answer: dict[str, str] = {}
        self.asked: dict[str, list[str]] = {}
        self.page = ""
        metadata = {"redirect_uris": [REDIRECT], "client_name": "An MCP client", "token_endpoint_auth_method": "none"}
        self.provider = OAuthClientProvider(
            MCP,
            OAuthClientMetadata.model_validate(metadata),
            self.storage,
            redirect_handler=self._open,
            callback_handler=self._came_back,
            client_metadata_url=document,
        )

    async def _open(self, url: str) -> None:
        self.asked = parse_qs(urlsplit(url).query)
        browser = Browser(self._authz, httpx2.AsyncClient(transport=self._authz.http()._transport, base_url=ISSUER))
        self._authz.opened.append(browser.http)
        await browser.sign_in()
        page = await browser.http.get(f"{url}&{urlencode(self._adds())}")
        if page.status_code == 200:
            self.page = page.text
            page = await browser.submit("/authorize", page, task="new", name="By MCP", decision="approve")
        self._answer = dict(parse_qsl(urlsplit(page.headers["location"]).query))

    async def _came_back(self) -> AuthorizationCodeResult:
        answer = self._answer
        return AuthorizationCodeResult(code=answer.get("code", ""), state=answer["state"], iss=answer["iss"])

    @property
    def error(self) -> str | None:
        return self._answer.get("error")

    async def begins(self, network: Both) -> None:
        async with httpx2.AsyncClient(transport=network, auth=self.provider) as http:
            await http.post(MCP, json=ASKED, headers={"Accept": "application/json, text/event-stream"})


def details(jkt: str) -> dict[str, str]:
    task = [{"type": "task", "name": "By MCP", "actions": ["task:read"]}]
    return {"authorization_details": json.dumps(task), "dpop_jkt": jkt}


@pytest.mark.requirement("MCP-OVERVIEW-d")
@pytest.mark.parametrize("document", [None, DOCUMENT])
async def test_it_finds_its_way_and_asks_without_what_a_task_needs(
    store: StoreWorld, authz: World, document: str | None
) -> None:
    network = Both(store, Proving(authz))
    app = Application(authz, document=document, adds=dict)
    with pytest.raises(OAuthFlowError, match="No authorization code"):
        await app.begins(network)
    found = [("POST", "/mcp", 401), ("GET", "/.well-known/oauth-protected-resource/mcp", 200)]
    found += [("GET", "/.well-known/oauth-authorization-server", 200)]
    assert network.said == [*found, *([] if document else [("POST", "/register", 201)])]
    assert (app.asked["resource"], app.asked["code_challenge_method"]) == ([MCP], ["S256"])
    assert app.storage.client is not None
    assert app.storage.client.client_id == (document or app.storage.client.client_id)
    assert app.error == "invalid_request", "it names no key, and no task"


@pytest.mark.parametrize("document", [None, DOCUMENT])
async def test_its_application_adds_that_and_a_person_allows_it_but_it_proves_no_key(
    store: StoreWorld, authz: World, document: str | None
) -> None:
    key = Proving(authz).key
    network = Both(store, Proving(authz))
    app = Application(authz, document=document, adds=lambda: details(key.jkt))
    with pytest.raises(OAuthTokenError, match="invalid_dpop_proof"):
        await app.begins(network)
    assert ('data-fact="published_at"' in app.page) is (document is not None)
    assert 'data-fact="verified" data-value="no"' in app.page
    assert network.said[-1] == ("POST", "/token", 400)


async def test_with_a_transport_that_proves_the_key_it_refuses_the_token_that_it_gets(
    store: StoreWorld, authz: World
) -> None:
    proving = Proving(authz, "/token")
    network = Both(store, proving)
    app = Application(authz, document=None, adds=lambda: details(proving.key.jkt))
    with pytest.raises((OAuthTokenError, ValidationError), match=r"token_type|Bearer|[Ii]nvalid token"):
        await app.begins(network)
    assert (network.said[-1], network.errors[-1]) == (("POST", "/token", 200), "")
    assert app.storage.tokens is None
