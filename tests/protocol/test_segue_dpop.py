"""A proof is checked whole before it is used up, used up once, and void when uses were forgotten."""

import asyncio
import os
from typing import Any

import pytest
from segue.device_key import DeviceKey
from segue.dpop import WINDOW, InvalidDPoPProof, Proof, ProofChecker, UseDPoPNonce, WrongKey
from segue.nonce import Nonces
from segue.replay import InProcessReplayMemory, MemoryUnavailable

pytestmark = pytest.mark.anyio
HTU = "https://tasks.example/tasks"


class World:
    """A server of one or more processes and a device."""

    def __init__(self) -> None:
        self.now = 1_800_000_000
        self.memory_ahead = 0
        self.device = DeviceKey.generate()
        self.lose_memory()
        self.processes = [self._process(), self._process()]

    def lose_memory(self) -> None:
        self.memory = InProcessReplayMemory(lambda: self.now + self.memory_ahead, os.urandom)

    async def incarnation(self) -> bytes:
        return await self.memory.incarnation()

    async def first_use(self, key: str, *, lifetime: int, incarnation: bytes) -> bool:
        return await self.memory.first_use(key, lifetime=lifetime, incarnation=incarnation)

    def _process(self) -> ProofChecker:
        return ProofChecker(replay=self, nonces=Nonces(b"s" * 32, lifetime=600), clock=lambda: self.now)

    async def proof(self, *, process: int = 0, **arguments: Any) -> str:
        nonce = await self.processes[process].fresh_nonce()
        return self.device.proof("GET", HTU, **{"now": self.now, "nonce": nonce, **arguments})

    async def check(self, proof: str, *, process: int = 0, **arguments: Any) -> Proof:
        return await self.processes[process].check([proof], **{"htm": "GET", "htu": HTU, **arguments})


@pytest.fixture
def world() -> World:
    return World()


async def test_a_good_proof_tells_its_key(world: World) -> None:
    proof = await world.check(await world.proof(jti="j"))
    assert proof == Proof(jkt=world.device.jkt, jti="j", iat=world.now)


@pytest.mark.requirement("XD-DPOP-04", "RFC9449-11-1-b")
async def test_a_proof_used_before_is_refused_for_as_long_as_it_would_be_fresh(world: World) -> None:
    proof = await world.proof(now=world.now + WINDOW)
    await world.check(proof)
    for _ in range(3):
        with pytest.raises(InvalidDPoPProof, match="before"):
            await world.check(proof, process=1)
        world.now += WINDOW
    world.memory_ahead = 5
    world.now -= WINDOW
    with pytest.raises(InvalidDPoPProof, match="before"):
        await world.check(proof)


@pytest.mark.requirement("XD-DPOP-04", "XD-RACE-10")
async def test_of_twenty_uses_at_once_one_succeeds(world: World) -> None:
    proof = await world.proof()
    outcomes = await asyncio.gather(*(world.check(proof, process=n % 2) for n in range(20)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Proof"] + ["ReplayedProof"] * 19


@pytest.mark.requirement("XD-JOSE-05", "XD-DPOP-04")
async def test_a_second_signature_over_the_same_jti_is_the_same_use(world: World) -> None:
    await world.check(await world.proof(jti="j"))
    with pytest.raises(InvalidDPoPProof, match="before"):
        await world.check(await world.proof(jti="j"))


async def test_the_jti_of_another_key_is_another_use(world: World) -> None:
    await world.check(await world.proof(jti="j"))
    world.device = DeviceKey.generate()
    await world.check(await world.proof(jti="j"))


@pytest.mark.requirement("XD-DPOP-15")
async def test_a_refused_proof_is_not_used_up(world: World) -> None:
    proof = await world.proof(access_token="t")
    for wrong in ({"htm": "POST"}, {"htu": HTU + "/1"}, {"access_token": "u"}, {"expected_jkt": "other"}):
        with pytest.raises(InvalidDPoPProof):
            await world.check(proof, **wrong)
    world.now += 3600
    with pytest.raises(InvalidDPoPProof):
        await world.check(proof)
    world.now -= 3600
    await world.check(proof, access_token="t", expected_jkt=world.device.jkt)


@pytest.mark.requirement("XD-DPOP-03")
async def test_another_key_is_told_from_a_bad_proof(world: World) -> None:
    with pytest.raises(WrongKey):
        await world.check(await world.proof(), expected_jkt=DeviceKey.generate().jkt)


@pytest.mark.requirement("XD-DPOP-12", "RFC9449-4-3-1")
@pytest.mark.parametrize("number", [0, 2])
async def test_exactly_one_proof_is_needed(world: World, number: int) -> None:
    with pytest.raises(InvalidDPoPProof, match="exactly one"):
        await world.processes[0].check([await world.proof()] * number, htm="GET", htu=HTU)


@pytest.mark.requirement("XD-DPOP-09", "XD-DPOP-10", "RFC9449-8-c")
async def test_a_proof_without_a_nonce_is_good_with_one(world: World) -> None:
    with pytest.raises(UseDPoPNonce):
        await world.check(await world.proof(nonce=None, jti="j"))
    await world.check(await world.proof(jti="j"))


async def test_a_nonce_of_one_process_is_good_at_another(world: World) -> None:
    await world.check(await world.proof(process=1), process=0)


@pytest.mark.requirement("XD-DPOP-05", "XD-OPS-05")
async def test_a_proof_used_before_the_memory_was_lost_stays_refused(world: World) -> None:
    proof = await world.proof()
    await world.check(proof)
    world.lose_memory()
    for process in (0, 0, 1, 1):
        with pytest.raises(UseDPoPNonce):
            await world.check(proof, process=process)
    await world.check(await world.proof())


async def test_a_process_learns_of_a_new_memory_from_a_nonce_it_does_not_know(world: World) -> None:
    await world.processes[0].fresh_nonce()
    world.lose_memory()
    world.now += 1
    await world.check(await world.proof(process=1), process=0)


@pytest.mark.requirement("XD-DOS-06")
async def test_for_nonces_that_nobody_issued_the_memory_is_asked_once_a_second(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    incarnation = world.incarnation

    async def counted() -> bytes:
        asked.append(world.now)
        return await incarnation()

    monkeypatch.setattr(world, "incarnation", counted)
    for _ in range(3):
        for _ in range(3):
            with pytest.raises(UseDPoPNonce):
                await world.check(await world.proof(nonce="made up"))
        world.now += 1
    assert len(set(asked)) == len(asked) == 3


@pytest.mark.requirement("XD-DPOP-05")
async def test_a_nonce_of_before_is_good_where_nothing_was_lost_that_it_rests_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when one of a cluster's masters was lost: the incarnation is another, and the memory takes both."""
    proof = await world.proof()
    before = await world.incarnation()
    current = world.memory

    async def another() -> bytes:
        return b"another"

    async def either(key: str, *, lifetime: int, incarnation: bytes) -> bool:
        assert incarnation in (before, b"another")
        return await current.first_use(key, lifetime=lifetime, incarnation=before)

    monkeypatch.setattr(world, "incarnation", another)
    monkeypatch.setattr(world, "first_use", either)
    world.now += 1
    await world.check(await world.proof(process=1), process=0)
    await world.check(proof)


@pytest.mark.requirement("XD-DPOP-05", "XD-OPS-06")
async def test_without_the_memory_no_proof_is_accepted(world: World) -> None:
    proof = await world.proof()

    async def away(*_: object, **__: object) -> Any:
        raise MemoryUnavailable("away")

    world.first_use = away  # type: ignore[method-assign]
    with pytest.raises(MemoryUnavailable):
        await world.check(proof)


@pytest.mark.requirement("XD-DPOP-07", "XD-DPOP-06")
async def test_a_server_whose_own_address_is_no_uri_accepts_nothing(world: World) -> None:
    htu = "https://täsks.example/tasks"
    proof = world.device.proof("GET", htu, now=world.now, nonce=await world.processes[0].fresh_nonce())
    with pytest.raises(InvalidDPoPProof, match="another request"):
        await world.check(proof, htu=htu)


async def test_true_is_no_time(world: World) -> None:
    world.now = 1
    world.lose_memory()
    with pytest.raises(InvalidDPoPProof, match="just now"):
        await world.check(await world.proof(now=True))
