"""A withdrawn grant's tokens stop working within a second, streams included; an unheard issuer is not believed."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from segue import withdrawals
from segue.jose import b64url_encode
from segue.middleware import TaskTokenMiddleware
from segue.testing import TestDevice, TestIssuer
from segue.withdrawals import Withdrawals, WithdrawalsUnavailable

pytestmark = pytest.mark.anyio
ISSUER = "https://id.example"


class Issuer:
    """An issuer whose answers a test can change, and which can fall silent."""

    def __init__(self, *, endpoint: str | None = f"{ISSUER}/withdrawals") -> None:
        self.endpoint = endpoint
        self.withdrawn: set[str] = set()
        self.silent = False
        self.test_issuer = TestIssuer(issuer=ISSUER)

    async def fetch(self, url: str) -> bytes:
        if self.silent:
            raise OSError("silent")
        if "/withdrawals" in url:
            return await self._tell(url)
        document = json.loads(await self.test_issuer.fetch(url))
        if "issuer" in document and self.endpoint:
            document["withdrawal_endpoint"] = self.endpoint
        return json.dumps(document).encode()

    async def _tell(self, url: str) -> bytes:
        for _ in range(50 if "wait=2" in url else 1):
            digests = sorted(b64url_encode(hashlib.sha256(name.encode()).digest()) for name in self.withdrawn)
            tag = ",".join(digests) or "none"
            if not url.endswith(f"seen={tag}"):
                break
            await asyncio.sleep(0.02)
        return json.dumps({"grants": digests, "tag": tag}).encode()


@pytest.fixture
async def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def heard(issuer: Issuer) -> AsyncIterator[Withdrawals]:
    listening = Withdrawals(ISSUER, fetch=issuer.fetch)
    yield listening
    await listening.aclose()


@pytest.mark.requirement("A15", "XD-TOK-03")
async def test_a_withdrawal_is_heard_within_a_second(issuer: Issuer, heard: Withdrawals) -> None:
    assert not await heard.includes("grt_1")
    issuer.withdrawn.add("grt_1")
    async with asyncio.timeout(1):
        await heard.ending("grt_1")
    assert await heard.includes("grt_1")
    assert not await heard.includes("grt_2")


@pytest.mark.requirement("A15", "PROFILE-fail-closed")
async def test_an_issuer_that_was_never_heard_lets_nothing_through(issuer: Issuer, heard: Withdrawals) -> None:
    issuer.silent = True
    with pytest.raises(WithdrawalsUnavailable):
        await heard.includes("grt_1")


@pytest.mark.requirement("A15", "PROFILE-fail-closed")
async def test_an_issuer_that_fell_silent_is_believed_for_a_while_and_no_longer(
    issuer: Issuer, heard: Withdrawals, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not await heard.includes("grt_1")
    issuer.silent = True
    assert not await heard.includes("grt_1")
    monkeypatch.setattr(withdrawals, "STALE", 0.05)
    await asyncio.sleep(0.1)
    with pytest.raises(WithdrawalsUnavailable):
        await heard.includes("grt_1")


@pytest.mark.requirement("A15", "XD-META-01", "RFC8414-3-3")
async def test_the_metadata_of_another_issuer_names_no_endpoint() -> None:
    honest = Issuer(endpoint=None)

    async def fetch(url: str) -> bytes:
        return (await honest.fetch(url)).replace(ISSUER.encode(), b"https://evil.example")

    listening = Withdrawals(ISSUER, fetch=fetch)
    with pytest.raises(WithdrawalsUnavailable):
        await listening.includes("grt_1")
    await listening.aclose()


@pytest.mark.requirement("E1")
async def test_an_issuer_without_the_endpoint_withdraws_nothing() -> None:
    listening = Withdrawals(ISSUER, fetch=Issuer(endpoint=None).fetch)
    assert not await listening.includes("grt_1")
    await listening.aclose()


@pytest.mark.requirement("A15")
@pytest.mark.parametrize("answer", [b"[]", b"{}", b'{"grants": "all"}', b'{"grants": [1]}', b"\xff", b'{"grants": []'])
async def test_an_answer_that_makes_no_sense_counts_as_none(answer: bytes) -> None:
    honest = Issuer()

    async def fetch(url: str) -> bytes:
        return answer if "/withdrawals" in url else await honest.fetch(url)

    listening = Withdrawals(ISSUER, fetch=fetch)
    with pytest.raises(WithdrawalsUnavailable):
        await listening.includes("grt_1")
    await listening.aclose()


async def exchange(app: Any, headers: dict[str, str], received: asyncio.Queue[Any]) -> list[Any]:
    """One GET through the app; what it sent."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/stream",
        "raw_path": b"/stream",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, received.get, send)
    return sent


async def endless(scope: Any, receive: Any, send: Any) -> None:
    """An app that streams until its client leaves."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while (await receive())["type"] != "http.disconnect":
        pass
    await send({"type": "http.response.body", "body": b"left"})


async def nonce_of(app: Any, device: TestDevice, token: str) -> str:
    queue: asyncio.Queue[Any] = asyncio.Queue()
    queue.put_nowait({"type": "http.request", "body": b""})
    sent = await exchange(app, device.headers("GET", "https://agent.example/stream", token), queue)
    return str(dict(sent[0]["headers"])[b"dpop-nonce"].decode())


@pytest.mark.requirement("A15", "XD-TASK-11", "XD-TOK-03")
async def test_a_stream_ends_and_the_token_is_refused_when_its_grant_is_withdrawn(issuer: Issuer) -> None:
    app = TaskTokenMiddleware(
        endless, issuer=ISSUER, audience="https://agent.example", fetch=issuer.fetch, nonce_secret=b"n" * 32
    )
    device = TestDevice()
    token = issuer.test_issuer.token(device, grant_id="grt_1")
    nonce = await nonce_of(app, device, token)
    queue: asyncio.Queue[Any] = asyncio.Queue()
    queue.put_nowait({"type": "http.request", "body": b""})
    url = "https://agent.example/stream"
    stream = asyncio.create_task(exchange(app, device.headers("GET", url, token, nonce=nonce), queue))
    await asyncio.sleep(0.1)
    assert not stream.done()
    issuer.withdrawn.add("grt_1")
    async with asyncio.timeout(1):
        sent = await stream
    assert sent[-1]["body"] == b"left"
    queue.put_nowait({"type": "http.request", "body": b""})
    refused = await exchange(app, device.headers("GET", url, token, nonce=nonce), queue)
    assert refused[0]["status"] == 401
    await app._withdrawals.aclose()


@pytest.mark.requirement("A15", "E1")
async def test_an_issuer_that_holds_no_answer_back_is_asked_at_a_bounded_rate() -> None:
    honest, asked = Issuer(), 0

    async def fetch(url: str) -> bytes:
        nonlocal asked
        asked += 1
        return b'{"grants": [], "tag": "none"}' if "/withdrawals" in url else await honest.fetch(url)

    listening = Withdrawals(ISSUER, fetch=fetch)
    assert not await listening.includes("grt_1")
    await asyncio.sleep(0.7)
    await listening.aclose()
    assert asked <= 4
