"""The load that does not wait for answers, and the benches of whole servers in their smallest form."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import repeat
from pathlib import Path

import pytest
from segue_bench.open_load import Connections, connected, load

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E5")]

Asked = Callable[[], Awaitable[str]]


@asynccontextmanager
async def server(*, seconds: float = 0.0, status: str = "200 OK") -> AsyncIterator[Connections]:
    """One that answers each request after so many seconds, one after the other."""
    turn = asyncio.Lock()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while line := await reader.readline():
            head = line + await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.partition(b"Content-Length: ")[2].split()[0]))
            async with turn:
                await asyncio.sleep(seconds)
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\nX-Name: Value\r\n\r\nok".encode())

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with connected(address) as connections:
        yield connections
    listening.close()
    for writer in writers:
        writer.close()
        await writer.wait_closed()


def asking(connections: Connections) -> Iterator[Asked]:
    async def ask() -> str:
        answer = await connections.ask("GET", "/", {"Accept": "*/*"})
        return "" if answer.status == 200 else str(answer.status)

    return repeat(ask)


async def test_an_answer_is_read_whole_and_its_connection_used_again() -> None:
    async with server() as connections:
        answers = [await connections.ask("POST", "/", {}, b"body") for _ in range(3)]
        assert [(answer.status, answer.headers["x-name"], answer.body) for answer in answers] == [
            (200, "Value", b"ok")
        ] * 3
        assert len(connections._free) == 1


async def test_time_counts_from_when_a_request_was_due_and_not_from_when_it_was_served() -> None:
    async with server(seconds=0.02) as connections:
        taken = await load(200, 0.2, asking(connections))
    assert len(taken.milliseconds) == 40
    assert max(taken.milliseconds) > 400, "the last of forty waited for all before it"
    assert not taken.sustained(100)


async def test_what_is_not_answered_as_it_should_be_is_told() -> None:
    async with server(status="503 Service Unavailable") as connections:
        taken = await load(100, 0.1, asking(connections))
    assert taken.refused == ["503"] * 10
    assert not taken.sustained(10_000)


async def test_a_server_that_is_not_there_is_told_too() -> None:
    async with connected("http://127.0.0.1:9") as connections:
        taken = await load(100, 0.02, asking(connections))
    assert len(taken.refused) == 2


@pytest.mark.postgresql
@pytest.mark.redis
def test_a_transfer_and_a_load_are_measured_on_servers_of_their_own() -> None:
    command = [str(Path(sys.executable).with_name("segue")), "bench", "transfer", "sustained", "--quick", "--json"]
    done = subprocess.run([*command, "--rounds", "1"], capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 1), done.stderr  # 1: slower than promised, on a busy machine
    transfer, sustained = json.loads(done.stdout)["results"]
    assert [figure["what"] for figure in transfer["figures"]] == ["claim", "decide", "redeem", "resume", "the whole"]
    assert all(figure["median"] > 0 for figure in transfer["figures"])
    assert sustained["notes"][1].endswith(".")
    assert re.search(r"too much: (\d{3}: |\w+Error)", sustained["notes"][1]) is None, "too slow, and nothing worse"
