"""A request with a token that was good before costs one signature check, and everything that may have ended the token
since is looked at again."""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from segue import dpop, jose
from segue.dpop import InvalidDPoPProof, ProofChecker
from segue.issuer_keys import FRESH, PAUSE
from segue.nonce import Nonces
from segue.replay import InProcessReplayMemory
from segue.testing import TestDevice
from segue_backend import URL, Answered, Backend

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("U2", "E1")]


class World(Backend):
    """A backend whose issuer withdraws, and which counts signature checks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.withdrawn: list[str] = []
        self.checked = 0
        self._verify, self._fetch = jose.verify, self.issuer.fetch
        monkeypatch.setattr(jose, "verify", self._counted)
        self.app._withdrawals._fetch = self._with_withdrawals

    def _counted(self, *arguments: Any) -> None:
        self.checked += 1
        self._verify(*arguments)

    async def _with_withdrawals(self, url: str) -> bytes:
        if "/withdrawals" in url:
            digests = [jose.b64url_encode(hashlib.sha256(name.encode()).digest()) for name in self.withdrawn]
            return json.dumps({"grants": digests, "tag": str(len(digests))}).encode()
        document = json.loads(await self._fetch(url))
        return json.dumps({**document, "withdrawal_endpoint": f"{self.issuer.issuer}/withdrawals"}).encode()

    async def ask(self, token: str, device: TestDevice | None = None) -> Answered:
        answer = await self.send(self.headers(token, device=device))
        if "use_dpop_nonce" in answer.challenge:
            self.nonce = answer.headers["dpop-nonce"]
            answer = await self.send(self.headers(token, device=device))
        return answer


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    world = World(monkeypatch)
    await world.with_nonce()
    yield world
    await world.app._withdrawals.aclose()


async def test_a_further_request_costs_one_signature_check(world: World) -> None:
    token = world.issuer.token(world.device)
    assert ((await world.ask(token)).status, world.checked) == (200, 2)
    for request in range(1, 5):
        assert ((await world.ask(token)).status, world.checked) == (200, 2 + request)


@pytest.mark.requirement("XD-TOK-03", "XD-AGT-09", "A15")
async def test_a_remembered_token_whose_grant_is_withdrawn_is_refused(world: World) -> None:
    token = world.issuer.token(world.device, grant_id="grt_1")
    assert (await world.ask(token)).status == 200
    world.withdrawn.append("grt_1")
    await world.app._withdrawals.ending("grt_1")
    refused = await world.ask(token)
    assert (refused.status, refused.problem["error"]) == (401, "invalid_token")
    assert refused.problem["detail"] == "the task token has been withdrawn"


@pytest.mark.requirement("XD-JOSE-11", "XD-AGT-09")
async def test_a_remembered_token_that_has_expired_is_refused(world: World) -> None:
    token = world.issuer.token(world.device, lifetime=30)
    assert (await world.ask(token)).status == 200
    world.now += 30
    assert (await world.ask(token)).problem["detail"] == "the task token has expired"


@pytest.mark.requirement("XD-KEY-01", "XD-AGT-09")
async def test_a_remembered_token_whose_key_is_gone_is_refused(world: World) -> None:
    token = world.issuer.token(world.device)
    assert (await world.ask(token)).status == 200
    world.issuer.rotate()
    world.now += PAUSE
    assert (await world.ask(world.issuer.token(world.device))).status == 200
    refused = await world.ask(token)
    assert (refused.status, refused.problem["error"]) == (401, "invalid_token")
    world.now += FRESH - PAUSE - 1
    assert (await world.ask(token)).status == 401


@pytest.mark.requirement("A9", "U2")
async def test_a_remembered_token_is_left_with_reading_once_its_task_has_moved(world: World) -> None:
    actions = ["task:read", "tool_calls:claim"]
    old = world.issuer.token(world.device, actions=actions, epoch=1)
    assert (await world.ask(old)).status == 200
    phone = TestDevice(clock=lambda: world.now)
    assert (await world.ask(world.issuer.token(phone, actions=actions, epoch=2), phone)).status == 200
    assert (await world.ask(old)).status == 200
    before, of_phone, after = (token.authority.actions for token in world.reached)
    assert before == of_phone == {"task:read", "tool_calls:claim"}
    assert after == {"task:read"}


async def test_what_a_header_of_a_proof_says_is_remembered_for_devices_that_were_let_in(world: World) -> None:
    signers = world.app._guard._proofs._signers
    thief = TestDevice(clock=lambda: world.now)
    token = world.issuer.token(world.device)
    assert (await world.ask(token, thief)).status == 401
    assert len(signers) == 0
    for _ in range(3):
        assert (await world.ask(token)).status == 200
    assert len(signers) == 1


@pytest.mark.requirement("XD-DPOP-03", "RFC9449-4-3-6")
async def test_a_known_header_does_not_stand_for_a_signature(world: World) -> None:
    token = world.issuer.token(world.device)
    assert (await world.ask(token)).status == 200
    headers = dict(world.headers(token))
    header, payload, _ = headers[b"dpop"].decode().split(".")
    _, other, signature = dict(world.headers(token, method="POST"))[b"dpop"].decode().split(".")
    for forged in (f"{header}.{payload}.{signature}", f"{header}.{payload}.{'A' * 86}", f"{header}.{payload}."):
        answer = await world.send([*{**headers, b"dpop": forged.encode()}.items()])
        assert (answer.status, answer.problem["error"]) == (401, "invalid_dpop_proof")
    assert other != payload


@pytest.mark.requirement("XD-DOS-06")
async def test_the_memory_of_headers_is_bounded_in_number_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dpop, "REMEMBERED_KEYS", 3)
    now = 1_800_000_000
    memory = InProcessReplayMemory(lambda: now, lambda count: b"r" * count)
    checker = ProofChecker(replay=memory, nonces=Nonces(b"n" * 32), clock=lambda: now)
    nonce = await checker.fresh_nonce()
    for _ in range(5):
        device = TestDevice()
        proof = device.key.proof("GET", URL, now=now, nonce=nonce)
        await checker.check([proof], htm="GET", htu=URL, expected_jkt=device.jkt)
    assert len(checker._signers) == 3
    device, key = TestDevice(), "x" * dpop.LONGEST_REMEMBERED
    claims = {"jti": "1", "htm": "GET", "htu": URL, "iat": now, "nonce": nonce}
    long = jose.sign({"typ": "dpop+jwt", "jwk": device.key.jwk, "x": key}, claims, device.key._private_key)
    await checker.check([long], htm="GET", htu=URL, expected_jkt=device.jkt)
    assert long.partition(".")[0] not in checker._signers._entries


async def test_no_header_is_remembered_for_a_proof_that_is_not_bound_to_a_token() -> None:
    now = 1_800_000_000
    memory = InProcessReplayMemory(lambda: now, lambda count: b"r" * count)
    checker = ProofChecker(replay=memory, nonces=Nonces(b"n" * 32), clock=lambda: now)
    proof = TestDevice().key.proof("GET", URL, now=now, nonce=await checker.fresh_nonce())
    await checker.check([proof], htm="GET", htu=URL)
    with pytest.raises(InvalidDPoPProof):
        await checker.check([proof], htm="GET", htu=URL)
    assert len(checker._signers) == 0
