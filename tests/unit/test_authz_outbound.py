"""XD-META-03: an address that a client names is asked only if it is public, and only within bounds."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpcore2
import pytest
from segue_authz import outbound
from segue_authz.outbound import NotReached, Outbound, acceptable, may_be_asked, resolve
from small_internet import PUBLIC, Internet, small_internet

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("XD-META-03")]

GOOD = "https://client.example/good"


@pytest.fixture
async def internet(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Internet]:
    async with small_internet(tmp_path) as opened:
        opened.says("/good", {"good": True}, Cache_Control="max-age=60")
        yield opened


async def test_a_public_address_is_asked_once_and_answers(internet: Internet) -> None:
    answer = await internet.outbound.get(GOOD)
    assert (answer.status, answer.content, answer.headers["cache-control"]) == (200, b'{"good": true}', "max-age=60")
    assert (internet.resolved, internet.connected) == (["client.example"], [PUBLIC])
    (head,) = internet.asked
    assert head.startswith("GET /good HTTP/1.1\r\nHost: client.example\r\n")


async def test_a_message_is_posted_with_its_headers(internet: Internet) -> None:
    internet.says("/ping?a=1", b"", status=204)
    answer = await internet.outbound.post(
        "https://client.example/ping?a=1", b'{"x":1}', headers={"Authorization": "Bearer b"}
    )
    assert (answer.status, internet.bodies) == (204, [b'{"x":1}'])
    assert "Authorization: Bearer b" in internet.asked[0]


INSIDE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254"),
    *("192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1"),
    *(
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:93.184.215.14",
        "fe80::1",
        "fe80::1%1",
    ),
    *("fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1", "2002:7f00:1::", "2001:0:1::1", "64:ff9b::7f00:1"),
    *(
        "64:ff9b:1::1",
        "100::1",
        "2001:10::1",
        "5f00::1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "localhost",
    ),
]


@pytest.mark.parametrize("address", INSIDE)
async def test_an_address_inside_is_not_connected_to_whatever_name_leads_there(
    internet: Internet, address: str
) -> None:
    assert not may_be_asked(address)
    internet.names["client.example"] = [address]
    with pytest.raises(NotReached):
        await internet.outbound.get(GOOD)
    internet.names["client.example"] = [PUBLIC, address]
    with pytest.raises(NotReached):
        await internet.outbound.get(GOOD)
    assert internet.connected == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost"])
async def test_the_machines_own_resolver_leads_nobody_inside(host: str) -> None:
    with pytest.raises(NotReached):
        await Outbound().get(f"https://{host}:8443/")


async def test_the_resolver_of_the_machine_gives_addresses() -> None:
    assert await resolve("127.0.0.1", 443) == ["127.0.0.1"]


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::1"])
def test_public_addresses_are_public(address: str) -> None:
    assert may_be_asked(address)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://client.example/good",
            "ftp://client.example/",
            "file:///etc/passwd",
            "https:///good",
            "client.example",
        ),
        *("https://client.example/good#x", "https://a@client.example/good", "https://a:b@client.example/good"),
        *("https://client.example:22/", "https://client.example:99999/", "https://client.example/a b", "https://[::1/"),
        *("https://client.example/\r\nX: y", "https://client.example\\@evil.example/", "https://cliént.example/", ""),
    ],
)
async def test_an_address_that_is_no_plain_https_one_is_not_even_looked_up(internet: Internet, url: str) -> None:
    assert not acceptable(url)
    with pytest.raises(NotReached):
        await internet.outbound.get(url)
    assert internet.resolved == []


async def test_a_name_that_changes_its_mind_is_asked_where_it_was_found_to_be(internet: Internet) -> None:
    """DNS rebinding: the second answer would lead inside, and is never asked for."""
    answers = [[PUBLIC], ["127.0.0.1"]]

    async def changing(_: str, __: int) -> list[str]:
        return answers.pop(0)

    internet.outbound._network._resolve = changing  # type: ignore[attr-defined]
    assert (await internet.outbound.get(GOOD)).status == 200
    assert (internet.connected, len(answers)) == ([PUBLIC], 1)


async def test_the_next_address_is_tried_when_nobody_is_at_the_first(internet: Internet) -> None:
    internet.names["client.example"] = ["93.184.215.15", PUBLIC]
    connect = internet.outbound._network._network.connect_tcp  # type: ignore[attr-defined]

    async def half_dead(host: str, *rest: object) -> httpcore2.AsyncNetworkStream:
        if host != PUBLIC:
            raise httpcore2.ConnectError("nobody is there")
        stream: httpcore2.AsyncNetworkStream = await connect(host, *rest)
        return stream

    internet.outbound._network._network.connect_tcp = half_dead  # type: ignore[attr-defined]
    assert (await internet.outbound.get(GOOD)).status == 200


async def test_a_certificate_for_another_name_is_refused(internet: Internet) -> None:
    internet.names["evil.example"] = [PUBLIC]
    with pytest.raises(NotReached):
        await internet.outbound.get("https://evil.example/good")
    assert internet.asked == []


async def test_a_redirect_is_an_answer_and_not_followed(internet: Internet) -> None:
    internet.says("/moved", b"", status=302, Location="https://client.example/good")
    assert (await internet.outbound.get("https://client.example/moved")).status == 302
    assert len(internet.asked) == 1


async def test_an_answer_that_is_too_long_or_has_no_end_is_cut(internet: Internet) -> None:
    internet.says("/long", b"x" * 5_001)
    with pytest.raises(NotReached, match="too long"):
        await internet.outbound.get("https://client.example/long", most=5_000)
    assert (await internet.outbound.get("https://client.example/long", most=5_001)).status == 200

    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 1_000)
            await writer.drain()

    internet.pages["/endless"] = endless
    with pytest.raises(NotReached, match="too long"):
        await internet.outbound.get("https://client.example/endless")


async def test_a_host_that_is_slow_is_given_up_and_takes_no_place_for_ever(
    internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = asyncio.Event()

    async def silent(_: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.sleep(3_600)

    internet.pages["/silent"] = silent
    internet.outbound._slots = asyncio.Semaphore(1)
    waiting = asyncio.create_task(internet.outbound.get("https://client.example/silent"))
    await arrived.wait()
    with pytest.raises(NotReached, match="under way"):
        await internet.outbound.get(GOOD)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    monkeypatch.setattr(outbound, "TIMEOUT", 0.2)
    with pytest.raises(NotReached, match="does not answer"):
        await internet.outbound.get("https://client.example/silent")
    monkeypatch.undo()
    assert (await internet.outbound.get(GOOD)).status == 200


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"])
async def test_who_does_not_speak_http_is_not_understood(internet: Internet, said: bytes) -> None:
    internet.pages["/odd"] = said
    with pytest.raises(NotReached):
        await internet.outbound.get("https://client.example/odd")


async def test_a_compressed_answer_is_not_unpacked(internet: Internet) -> None:
    internet.says("/packed", b"x", Content_Encoding="gzip")
    with pytest.raises(NotReached, match="compressed"):
        await internet.outbound.get("https://client.example/packed")


async def test_what_failed_is_told_without_what_was_answered(internet: Internet) -> None:
    internet.says("/long", b"secret" * 20_000)
    with pytest.raises(NotReached) as failed:
        await internet.outbound.get("https://client.example/long")
    assert "secret" not in str(failed.value)


async def test_without_a_trusted_certificate_nothing_is_asked(internet: Internet) -> None:
    internet.outbound._tls = ssl.create_default_context()
    with pytest.raises(NotReached):
        await internet.outbound.get(GOOD)
    assert internet.asked == []
