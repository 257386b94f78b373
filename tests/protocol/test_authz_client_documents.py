"""Clients whose identifier is the address of a document (OAuth Client ID Metadata Document): read with care, or not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from authz_world import Browser, Device, World, open_world, restart
from segue_authz.client_documents import _DEFAULT, _LEAST, _MOST
from segue_authz.client_metadata import SELF_SERVICE_ACTIONS
from segue_authz.domain.client import Client, Origin
from segue_authz.enrolment import add_client
from small_internet import Internet, small_internet

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14", "E4", "XD-META-03")]

CLIENT = "https://client.example/app.json"
REDIRECT = "https://client.example/callback"
LOOPBACK = "http://127.0.0.1:4711/callback"


def document(**changes: Any) -> dict[str, Any]:
    content = {
        "client_id": CLIENT,
        "client_name": "Some App",
        "redirect_uris": [REDIRECT, LOOPBACK],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "logo_uri": "http://127.0.0.1/logo.png",
    } | changes
    return {name: value for name, value in content.items() if value is not None}


@pytest.fixture
async def internet(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Internet]:
    async with small_internet(tmp_path) as opened:
        opened.says("/app.json", document())
        yield opened


@pytest.fixture
async def world(tmp_path: Path, internet: Internet) -> AsyncIterator[World]:
    opened = await open_world(tmp_path, database_url=f"sqlite:///{tmp_path}/authz.db", ephemeral_url=None)
    opened.outbound = internet.outbound
    from_hosts(opened, "any")
    yield opened
    await opened.aclose()


def from_hosts(world: World, *hosts: str) -> None:
    world.settings = replace(world.settings, client_documents=hosts)
    restart(world)


async def signed_in(world: World) -> Browser:
    browser = world.browser()
    await browser.sign_in()
    return browser


def asking(device: Device, redirect_uri: str = REDIRECT) -> str:
    request = device.request("v" * 43, actions=["task:read"]) | {"redirect_uri": redirect_uri}
    return "/authorize?" + urlencode(request)


async def ask(world: World, browser: Browser, client_id: str = CLIENT, redirect_uri: str = REDIRECT) -> httpx2.Response:
    return await browser.http.get(asking(world.device(client_id), redirect_uri))


async def known(world: World, client_id: str = CLIENT) -> Client | None:
    return await world.clients.enabled(client_id)


@pytest.mark.parametrize("redirect_uri", [REDIRECT, LOOPBACK])
async def test_a_client_that_nobody_registered_goes_the_whole_way(
    world: World, internet: Internet, redirect_uri: str
) -> None:
    device, browser = world.device(CLIENT), await signed_in(world)
    page = await browser.http.get(asking(device, redirect_uri))
    assert page.status_code == 200
    fields = {"task": "new", "name": "Lease", "decision": "approve"}
    location = (await browser.submit("/authorize", page, **fields)).headers["location"]
    code = dict(parse_qsl(urlsplit(location).query))["code"]
    form = {"code": code, "redirect_uri": redirect_uri, "code_verifier": "v" * 43}
    assert (await device.token("authorization_code", **form)).status_code == 200
    assert (await device.refresh()).status_code == 200
    client = await known(world)
    assert client is not None
    assert (client.origin, client.verified, client.actions) == (Origin.DOCUMENT, False, SELF_SERVICE_ACTIONS)
    assert len(internet.asked) == 1
    metadata = await browser.http.get("/.well-known/oauth-authorization-server")
    assert metadata.json()["client_id_metadata_document_supported"] is True


@pytest.mark.requirement("XD-META-04", "MCP-LOCALHOST")
async def test_the_page_says_who_published_it_and_that_nobody_checked_it(world: World) -> None:
    browser = await signed_in(world)
    text = (await ask(world, browser)).text
    assert '<bdi dir="ltr" data-fact="published_at">client.example</bdi>' in text
    assert '<bdi dir="ltr" data-fact="answer_host">client.example</bdi>' in text
    assert 'data-fact="verified" data-value="no"' in text
    heading = text[text.index("<h1") : text.index("</h1>")]
    assert "Some App" not in heading
    await world.clients.review(CLIENT, actions=None, now=world.now)
    text = unescape((await ask(world, browser)).text)
    assert 'data-value="no"' not in text
    assert "Some App" in text[text.index("<h1") : text.index("</h1>")]


async def test_nothing_is_fetched_for_who_is_not_signed_in(world: World, internet: Internet) -> None:
    answer = await ask(world, world.browser())
    assert (answer.status_code, urlsplit(answer.headers["location"]).path) == (303, "/sign-in")
    sign_in = await world.http().get(answer.headers["location"])
    assert "Some App" not in sign_in.text
    assert internet.resolved == []


@pytest.mark.requirement("MCP-DOCUMENTS-c")
async def test_a_document_can_be_pushed_for(world: World, internet: Internet) -> None:
    device = world.device(CLIENT)
    request = device.request("v" * 43, actions=["task:read"]) | {"redirect_uri": REDIRECT}
    assert (await device.http.post("/par", data=request)).status_code == 201
    pushed = await device.http.post("/par", data=request | {"redirect_uri": "https://evil.example/"})
    assert pushed.status_code == 400
    assert len(internet.asked) == 1


async def test_other_endpoints_fetch_nothing(world: World, internet: Internet) -> None:
    device = world.device(CLIENT)
    for path in ("/token", "/revoke", "/introspect", "/device_authorization", "/transfer/claim"):
        form = {"client_id": CLIENT, "grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
        assert (await device.send("POST", path, form)).json()["error"] == "invalid_client"
    assert internet.resolved == []


@pytest.mark.parametrize("hosts", [(), ("other.example",)])
async def test_without_leave_of_the_operator_no_document_is_read(
    world: World, internet: Internet, hosts: tuple[str, ...]
) -> None:
    from_hosts(world, *hosts)
    browser = await signed_in(world)
    assert (await ask(world, browser)).status_code == 400
    assert internet.resolved == []
    metadata = await browser.http.get("/.well-known/oauth-authorization-server")
    assert metadata.json()["client_id_metadata_document_supported"] is bool(hosts)


async def test_a_host_that_is_named_is_read(world: World) -> None:
    from_hosts(world, "other.example", "client.example")
    assert (await ask(world, await signed_in(world))).status_code == 200


STRANGE = [
    *("http://client.example/app.json", "https://client.example", "https://client.example/"),
    *(
        "https://client.example/app.json?x=1",
        "https://client.example/app.json?",
        "https://client.example/app.json#x",
    ),
    *(
        "https://u@client.example/app.json",
        "https://client.example/./app.json",
        "https://client.example/a/../app.json",
    ),
    *("https://client.example/%2e%2E/app.json", "https://client.example:25/app.json", "https:app.json"),
    "https://client.example/" + "a" * 500,
]


async def test_an_identifier_that_is_no_good_address_is_not_asked(world: World, internet: Internet) -> None:
    browser = await signed_in(world)
    for client_id in STRANGE:
        assert (await ask(world, browser, client_id)).status_code == 400, client_id
    assert internet.resolved == []


@pytest.mark.requirement("MCP-DOCUMENTS-e")
async def test_a_document_inside_is_not_asked_for(world: World, internet: Internet) -> None:
    browser = await signed_in(world)
    for address in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1"]:
        internet.names["client.example"] = [address]
        assert (await ask(world, browser)).status_code == 400, address
    assert internet.connected == []


BAD = [
    {"client_id": "https://client.example/other.json"},
    {"client_id": None},
    {"client_secret": "x"},
    {"client_secret_expires_at": 0},
    {"token_endpoint_auth_method": "client_secret_basic"},
    {"token_endpoint_auth_method": "private_key_jwt"},
    {"redirect_uris": ["https://evil.example/callback"]},
    {"redirect_uris": ["http://client.example/callback"]},
    {"redirect_uris": None},
    {"redirect_uris": REDIRECT},
    {"client_name": "Some\u202eApp"},
    {"grant_types": ["client_credentials"]},
    {"response_types": ["token"]},
    {"software_statement": "x"},
    {"dpop_bound_access_tokens": False},
    {"padding": "x" * 6_000},
]


@pytest.mark.requirement("MCP-DOCUMENTS-b", "MCP-DOCUMENTS-d")
async def test_a_document_that_is_not_good_lets_nobody_ask_and_is_not_kept(world: World, internet: Internet) -> None:
    browser = await signed_in(world)
    for changes in BAD:
        internet.says("/app.json", document(**changes))
        assert (await ask(world, browser)).status_code == 400, changes
        assert await known(world) is None
    internet.says("/app.json", document())
    assert (await ask(world, browser)).status_code == 200, "an error is not kept either"


async def test_a_document_may_leave_out_what_has_a_default(world: World, internet: Internet) -> None:
    left_out = dict.fromkeys(("client_name", "grant_types", "response_types", "token_endpoint_auth_method", "logo_uri"))
    internet.says("/app.json", document(**left_out), media_type="application/client+json; charset=utf-8")
    assert (await ask(world, await signed_in(world))).status_code == 200
    client = await known(world)
    assert client is not None
    assert client.name == "client.example"


@pytest.mark.requirement("MCP-DOCUMENTS-d")
async def test_an_answer_that_is_no_document_lets_nobody_ask(world: World, internet: Internet) -> None:
    browser = await signed_in(world)
    internet.says("/elsewhere", document())
    for said in (
        {"status": 302, "Location": "https://client.example/elsewhere"},
        {"status": 404},
        {"status": 203},
        {"media_type": "text/html"},
        {"media_type": "application/jsonp"},
    ):
        internet.says("/app.json", document(), **said)
        assert (await ask(world, browser)).status_code == 400, said
    for content in (b"[]", b"", b"{", b'{"client_id":"a","client_id":"b"}', b"\xff"):
        internet.says("/app.json", content)
        assert (await ask(world, browser)).status_code == 400, content
    assert not any("/elsewhere" in head.splitlines()[0] for head in internet.asked)


@pytest.mark.parametrize(
    ("said", "lifetime"),
    [
        (None, _DEFAULT),
        ("max-age=600", 600),
        ("max-age=1", _LEAST),
        ("no-store", _LEAST),
        ("public, max-age=99999999", _MOST),
        ("max-age=nonsense", _DEFAULT),
    ],
)
async def test_a_copy_is_kept_as_long_as_the_host_lets_within_our_bounds(
    world: World, internet: Internet, said: str | None, lifetime: int
) -> None:
    internet.says("/app.json", document(), **({"Cache_Control": said} if said else {}))
    browser = await signed_in(world)
    world.now += 1
    await ask(world, browser)
    world.now += lifetime - 1
    await ask(world, await signed_in(world))
    assert len(internet.asked) == 1
    world.now += 1
    internet.says("/app.json", document(redirect_uris=[LOOPBACK]))
    again = await signed_in(world)
    assert (await ask(world, again)).status_code == 400, "the address was taken out"
    assert (await ask(world, again, redirect_uri=LOOPBACK)).status_code == 200
    assert len(internet.asked) == 2


async def test_a_document_that_is_gone_lets_nobody_ask_once_the_copy_is_old(world: World, internet: Internet) -> None:
    await ask(world, await signed_in(world))
    internet.says("/app.json", b"", status=404)
    world.now += _DEFAULT
    assert (await ask(world, await signed_in(world))).status_code == 400


@pytest.mark.requirement("XD-META-06")
@pytest.mark.parametrize(
    ("changes", "reviewed"), [({}, True), ({"client_name": "Segue"}, False), ({"jwks": None}, True)]
)
async def test_a_review_holds_for_the_document_that_was_reviewed(
    world: World, internet: Internet, changes: dict[str, Any], reviewed: bool
) -> None:
    await ask(world, await signed_in(world))
    await world.clients.review(CLIENT, actions=frozenset({"task:read", "task:transfer"}), now=world.now)
    internet.says("/app.json", document(**changes))
    world.now += _DEFAULT
    assert (await ask(world, await signed_in(world))).status_code == 200
    client = await known(world)
    assert client is not None
    assert (client.verified, "task:transfer" in client.actions) == (reviewed, reviewed)


async def test_what_an_operator_ended_or_added_is_not_read_again(world: World, internet: Internet) -> None:
    browser = await signed_in(world)
    await ask(world, browser)
    await world.clients.disable(CLIENT, now=world.now)
    assert (await ask(world, browser)).status_code == 400
    await world.clients.enable(CLIENT)
    await world.clients.remove(CLIENT, now=world.now)
    assert (await ask(world, browser)).status_code == 400
    other = "https://client.example/added.json"
    await add_client(world.database, Client(other, "Added", SELF_SERVICE_ACTIONS, (REDIRECT,)))
    assert (await ask(world, browser, other)).status_code == 200
    assert len(internet.asked) == 1


async def test_a_network_has_so_many_documents_read(world: World, internet: Internet) -> None:
    browser = await signed_in(world)
    answers = [await ask(world, browser, f"https://client.example/{number}.json") for number in range(21)]
    assert [answer.status_code for answer in answers] == [400] * 20 + [429]
    assert len(internet.asked) == 20


async def test_what_the_document_says_is_not_told_when_it_is_refused(world: World, internet: Internet) -> None:
    internet.says("/app.json", document(client_name="sesame", client_id="x"))
    answer = await ask(world, await signed_in(world))
    assert "sesame" not in answer.text
