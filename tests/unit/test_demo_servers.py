"""The demo's servers: all of them or none, https with a certificate for one address, and down together."""

import asyncio
import socket
import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from segue.clock import now
from segue_demo.certificate import fingerprint, self_made
from segue_demo.servers import PortTaken, listen, serving
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp


def saying(text: str) -> ASGIApp:
    return PlainTextResponse(text)


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


@pytest.mark.requirement("E6")
def test_a_port_in_use_is_named_and_the_others_are_let_go() -> None:
    (taken,) = listen("127.0.0.1", [0])
    taken.listen()
    (free,) = listen("127.0.0.1", [0])
    free_port = port_of(free)
    free.close()
    with pytest.raises(PortTaken, match=f"port {port_of(taken)}.*--port"):
        listen("127.0.0.1", [free_port, port_of(taken)])
    listen("127.0.0.1", [free_port])[0].close()
    taken.close()


@pytest.mark.anyio
@pytest.mark.requirement("E6")
async def test_an_answer_in_two_pieces_does_not_wait_for_an_acknowledgement() -> None:
    listeners = listen("127.0.0.1", [0])
    accepted: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda _, out: accepted.set_result(out), sock=listeners[0])
    _, writer = await asyncio.open_connection(*listeners[0].getsockname())
    at_once = (await accepted).get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    for each in (writer, await accepted):
        each.close()
        await each.wait_closed()
    server.close()
    assert at_once


@pytest.mark.anyio
@pytest.mark.requirement("E6")
async def test_several_servers_answer_in_one_loop_and_stop_together() -> None:
    listeners = listen("127.0.0.1", [0, 0])
    ports = [port_of(listener) for listener in listeners]
    async with serving([saying("one"), saying("two")], listeners), httpx2.AsyncClient(trust_env=False) as http:
        answers = [(await http.get(f"http://localhost:{port}/")).text for port in ports]
    assert answers == ["one", "two"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports[0]))


@pytest.mark.anyio
@pytest.mark.requirement("E6", "RFC6749-10-9")
async def test_the_self_made_certificate_is_good_for_its_address_alone(tmp_path: Path) -> None:
    made = self_made(tmp_path, host="127.0.0.1", now=now())
    trust = ssl.create_default_context(cafile=made.certificate)
    listeners = listen("127.0.0.1", [0])
    async with (
        serving([saying("safe")], listeners, certificate=made),
        httpx2.AsyncClient(verify=trust, trust_env=False) as http,
    ):
        port = port_of(listeners[0])
        assert (await http.get(f"https://127.0.0.1:{port}/")).text == "safe"
        with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await http.get(f"https://localhost:{port}/")


@pytest.mark.requirement("E6")
def test_the_key_of_the_certificate_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    made = self_made(tmp_path, host="192.0.2.7", now=int(datetime(2027, 1, 1, tzinfo=UTC).timestamp()))
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert len(fingerprint(made)) == 32 * 3 - 1
