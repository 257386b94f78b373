"""Clients hear that their request is decided, browsers that one waits: at least once, a few times at most."""

import asyncio
import json
from pathlib import Path

import jwt
import pytest
import sqlalchemy as sa
from authz_world import ISSUER, World
from backchannel_world import ENDPOINT, NOTIFICATION_TOKEN, approved, backend, opened, pinged, signed_in, waiting
from cryptography.hazmat.primitives.asymmetric import ec
from push_world import PUSH_SERVICE, delivery, internet
from segue.jose import b64url_decode
from segue_authz.client_auth.authenticator import digest
from segue_authz.domain.client import Client, Method
from segue_authz.enrolment import NotAcceptable, add_client
from segue_authz.outbound import Outbound
from segue_authz.stores.notices import PAUSES, Notices
from segue_authz.stores.tables import backchannel_requests, notices

pytestmark = pytest.mark.anyio


async def kept(world: World) -> tuple[int, list[str | None]]:
    """How many notices there are, and the sealed tokens."""

    def work(connection: sa.Connection) -> tuple[int, list[str | None]]:
        tokens = sa.select(backchannel_requests.c.notification_token)
        count = sa.select(sa.func.count()).select_from(notices)
        return connection.execute(count).scalar_one(), list(connection.execute(tokens).scalars())

    return await world.database.read(work)


@pytest.mark.requirement("A3", "CIBA-9", "CIBA-10-2-a", "CIBA-10")
@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_a_client_is_told_once_that_its_request_is_decided(world: World, tmp_path: Path, decision: str) -> None:
    client, browser = await pinged(world), await signed_in(world)
    await client.ask_person(client_notification_token=NOTIFICATION_TOKEN)
    async with internet(tmp_path) as outside:
        telling = delivery(world, outside.outbound)
        assert await telling.deliver() == 0, "told before anybody has decided"
        if decision == "approve":
            await approved(client, browser)
        else:
            path = await opened(browser)
            await browser.submit(path, await browser.http.get(path), decision="deny")
        assert await telling.deliver() == 1
        assert await telling.deliver() == 0
        (head,), (body,) = outside.asked, outside.bodies
    assert json.loads(body) == {"auth_req_id": client.auth_req_id}
    assert head.startswith("POST /notified HTTP/1.1")
    assert f"Authorization: Bearer {NOTIFICATION_TOKEN}" in head
    assert await kept(world) == (0, [None]), "the token is kept after its use"


@pytest.mark.requirement("A3", "CIBA-7-1-d")
@pytest.mark.parametrize("token", [None, "", "short", "n" * 21, "n" * 22 + " ", "n" * 1025, "ü" * 30])
async def test_a_client_that_is_to_be_told_brings_a_token_for_it(world: World, token: str | None) -> None:
    answer = await (await pinged(world)).ask_person(client_notification_token=token)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.requirement("A3")
async def test_the_token_of_the_client_is_not_to_be_read_in_the_database(world: World) -> None:
    client = await pinged(world)
    await client.ask_person(client_notification_token=NOTIFICATION_TOKEN)
    _, (sealed,) = await kept(world)
    assert sealed is not None
    assert NOTIFICATION_TOKEN not in sealed


@pytest.mark.requirement("A3", "XD-BACK-07", "XD-BACK-08")
async def test_a_client_that_does_not_answer_is_told_again_and_not_for_ever(world: World, tmp_path: Path) -> None:
    client, browser = await pinged(world), await signed_in(world)
    await client.ask_person(client_notification_token=NOTIFICATION_TOKEN)
    await approved(client, browser)
    assert (await client.poll()).status_code == 200, "who asks without having been told gets it too"
    async with internet(tmp_path) as outside:
        outside.says("/notified", b"", status=503)
        telling = delivery(world, outside.outbound)
        for pause in PAUSES:
            assert await telling.deliver() == 1
            assert await telling.deliver() == 0
            world.now += pause
        assert await telling.deliver() == 0
    assert len(outside.asked) == len(PAUSES)
    assert await kept(world) == (0, [None])


@pytest.mark.requirement("A3", "XD-BACK-07", "CIBA-10-2-b")
async def test_a_redirect_is_not_followed_and_a_name_that_leads_inside_is_not_asked(
    world: World, tmp_path: Path
) -> None:
    client, browser = await pinged(world), await signed_in(world)
    await client.ask_person(client_notification_token=NOTIFICATION_TOKEN)
    await approved(client, browser)
    async with internet(tmp_path) as outside:
        outside.says("/notified", b"", status=302, Location="https://client.example/elsewhere")
        telling = delivery(world, outside.outbound)
        await telling.deliver()
        assert [head.split(" ")[1] for head in outside.asked] == ["/notified"]
        outside.names["client.example"] = ["169.254.169.254"]
        world.now += PAUSES[0]
        assert await telling.deliver() == 1
        assert len(outside.asked) == 1


@pytest.mark.requirement("A3", "XD-BACK-07", "CIBA-4-b", "CIBA-4-c", "CIBA-9")
@pytest.mark.parametrize(
    "changed",
    [
        {"backchannel_client_notification_endpoint": "http://client.example/"},
        {"backchannel_client_notification_endpoint": "https://client.example/#x"},
        {"backchannel_client_notification_endpoint": "https://user@client.example/"},
        {"backchannel_client_notification_endpoint": "ftp://client.example/"},
        {"backchannel_client_notification_endpoint": None},
        {"backchannel_token_delivery_mode": "poll"},
        {"backchannel_token_delivery_mode": "push"},
        {"backchannel_token_delivery_mode": None},
        {"method": Method.NONE, "secret_digest": None},
    ],
)
async def test_a_client_is_registered_with_a_way_to_be_told_that_fits(world: World, changed: dict[str, str]) -> None:
    ways = {
        "method": Method.CLIENT_SECRET_BASIC,
        "secret_digest": digest("x"),
        "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": ENDPOINT,
    }
    with pytest.raises(NotAcceptable):
        await add_client(world.database, Client("client", "Client", frozenset({"task:read"}), **(ways | changed)))  # type: ignore[arg-type]


@pytest.mark.requirement("A3", "XD-BACK-07")
async def test_a_loopback_address_is_told_by_a_server_on_one_alone(world: World, tmp_path: Path) -> None:
    asked = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        client = await pinged(world, endpoint=f"http://127.0.0.1:{port}/")
        await client.ask_person(client_notification_token=NOTIFICATION_TOKEN)
        await approved(client, await signed_in(world))
        assert await delivery(world, Outbound()).deliver() == 1
        assert asked == []
        world.now += PAUSES[0]
        assert await delivery(world, Outbound(), issuer=ISSUER).deliver() == 1
    assert len(asked) == 1


@pytest.mark.requirement("A3")
async def test_a_notice_that_was_taken_by_a_process_that_died_is_told_by_another(world: World, tmp_path: Path) -> None:
    client = await pinged(world)
    await client.ask_person(client_notification_token=NOTIFICATION_TOKEN)
    await approved(client, await signed_in(world))
    async with internet(tmp_path) as outside:
        assert len(await Notices(world.database).take(now=world.now)) == 1  # and now it dies
        telling = delivery(world, outside.outbound)
        assert await telling.deliver() == 0
        world.now += PAUSES[0]
        assert await telling.deliver() == 1
    assert len(outside.asked) == 1


@pytest.mark.requirement("A3")
async def test_of_several_processes_one_tells(world: World, tmp_path: Path) -> None:
    client = await pinged(world)
    await client.ask_person(client_notification_token=NOTIFICATION_TOKEN)
    await approved(client, await signed_in(world))
    taken = await asyncio.gather(*(Notices(world.database).take(now=world.now) for _ in range(5)))
    assert sorted(len(each) for each in taken) == [0, 0, 0, 0, 1]


async def subscribed(world: World, endpoint: str = PUSH_SERVICE) -> None:
    browser = await signed_in(world)
    page = await browser.submit("/notices", await browser.http.get("/notices"), endpoint=endpoint)
    assert page.status_code == 200, page.text
    assert 'data-fact="told" data-value="true"' in page.text


@pytest.mark.requirement("A3", "RFC8030-5", "RFC8292-2")
async def test_a_browser_is_told_that_a_request_waits_and_nothing_else(world: World, tmp_path: Path) -> None:
    client = await backend(world)
    await subscribed(world)
    await client.ask_person(binding_message="Order 4711")
    async with internet(tmp_path) as outside:
        assert await delivery(world, outside.outbound).deliver() == 1
        (head,), (body,) = outside.asked, outside.bodies
    assert body == b""
    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
    assert headers["TTL"] == "120"
    scheme, _, parameters = headers["Authorization"].partition(" ")
    token, public = (part.strip().partition("=")[2] for part in parameters.split(","))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b64url_decode(public))
    options = {"verify_exp": False}
    claims = jwt.decode(token, key, algorithms=["ES256"], audience="https://client.example", options=options)  # type: ignore[arg-type]
    assert (scheme, claims["sub"], claims["exp"]) == ("vapid", "https://id.example", world.now + 3_600)
    for told in ("4711", "Helpful", client.auth_req_id, world.subject):
        assert told not in head


@pytest.mark.requirement("A3")
async def test_a_browser_that_is_signed_out_gone_or_late_is_not_told(world: World, tmp_path: Path) -> None:
    client, browser = await backend(world), await signed_in(world)
    await browser.submit("/notices", await browser.http.get("/notices"), endpoint=PUSH_SERVICE)
    async with internet(tmp_path) as outside:
        telling = delivery(world, outside.outbound)
        await client.ask_person(requested_expiry="30")
        world.now += 31
        assert await telling.deliver() == 0, "told of a request that has lapsed"
        outside.says("/push/abc", b"", status=410)
        await client.ask_person(requested_expiry="30")
        assert await telling.deliver() == 1
        world.now += 31
        await client.ask_person(requested_expiry="30")
        assert await telling.deliver() == 0, "told at an address that is gone"
        world.now += 31
        await browser.submit("/notices", await browser.http.get("/notices"), endpoint=PUSH_SERVICE)
        await browser.submit("/sign-out", await browser.http.get("/"))
        await client.ask_person(requested_expiry="30")
        assert await telling.deliver() == 0, "told after signing out"
    assert await kept(world) == (0, [None] * 4)


@pytest.mark.requirement("A3", "XD-BACK-07")
@pytest.mark.parametrize(
    "endpoint",
    ["http://push.example/", "http://localhost.example/", "https://push.example/" + "x" * 1000, "", "javascript:1"],
)
async def test_a_push_service_has_a_public_https_address(world: World, endpoint: str) -> None:
    browser = await signed_in(world)
    page = await browser.submit("/notices", await browser.http.get("/notices"), endpoint=endpoint)
    assert page.status_code == 400


@pytest.mark.requirement("A3")
async def test_a_browser_stops_being_told_when_the_person_says_so(world: World) -> None:
    browser = await signed_in(world)
    await browser.submit("/notices", await browser.http.get("/notices"), endpoint=PUSH_SERVICE)
    page = await browser.submit("/notices", await browser.http.get("/notices"), stop="yes")
    assert 'data-fact="told" data-value="false"' in page.text
    client = await backend(world)
    await client.ask_person()
    assert len(await waiting(browser)) == 1
    assert (await kept(world))[0] == 0
