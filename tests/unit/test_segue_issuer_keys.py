"""The issuer's keys are read once for all who wait, follow its rotation, and fail closed."""

import asyncio
import json
from typing import Any

import pytest
from segue.issuer_keys import FRESH, PAUSE, STALE, IssuerKeys, KeysUnavailable, UnknownKey
from segue.testing import TestIssuer

pytestmark = pytest.mark.anyio


class World:
    """An issuer that may be away, answer slowly or answer nonsense."""

    def __init__(self) -> None:
        self.now = 1_800_000_000
        self.issuer = TestIssuer(clock=lambda: self.now)
        self.documents: dict[str, Any] = {}
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.keys = IssuerKeys(self.issuer.issuer, fetch=self.fetch, clock=lambda: self.now)

    @property
    def reads(self) -> int:
        return len(self.issuer.fetched) // 2

    async def fetch(self, url: str) -> bytes:
        if url in self.documents:
            return json.dumps(self.documents[url]).encode()
        answer = await self.issuer.fetch(url)
        await self.gate.wait()
        if self.away:
            raise OSError("away")
        return answer


@pytest.fixture
async def world() -> World:
    return World()


async def test_a_key_is_found_through_the_metadata(world: World) -> None:
    assert await world.keys.key(world.issuer.kid) == world.issuer.private_key.public_key()
    assert world.issuer.fetched == [
        "https://id.example/.well-known/oauth-authorization-server",
        "https://id.example/jwks",
    ]


async def test_all_who_wait_share_one_read(world: World) -> None:
    await asyncio.gather(*(world.keys.key(world.issuer.kid) for _ in range(20)))
    assert world.reads == 1


@pytest.mark.requirement("E1")
async def test_a_thousand_first_requests_fetch_each_document_once(world: World) -> None:
    world.gate.clear()
    waiting = [asyncio.create_task(world.keys.key(world.issuer.kid)) for _ in range(1000)]
    await asyncio.sleep(0.01)
    world.gate.set()
    keys = await asyncio.gather(*waiting)
    assert len(world.issuer.fetched) == 2
    assert set(map(id, keys)) == {id(keys[0])}


@pytest.mark.requirement("E1", "XD-OPS-06")
async def test_a_thousand_first_requests_at_an_issuer_that_is_away_fetch_once(world: World) -> None:
    world.away = True
    answers = await asyncio.gather(*(world.keys.key(world.issuer.kid) for _ in range(1000)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {KeysUnavailable}
    assert len(world.issuer.fetched) == 1


async def test_a_key_that_is_read_again_stays_the_same_object(world: World) -> None:
    first = await world.keys.key(world.issuer.kid)
    world.now += FRESH
    assert await world.keys.key(world.issuer.kid) is first
    assert world.reads == 2


@pytest.mark.requirement("XD-KEY-01")
async def test_another_key_of_the_same_name_is_another_object(world: World) -> None:
    first, kid = await world.keys.key(world.issuer.kid), world.issuer.kid
    world.issuer.rotate()
    world.issuer.jwks["keys"][0]["kid"] = kid
    world.now += FRESH
    assert await world.keys.key(kid) != first


async def test_a_read_that_was_given_up_is_done_by_the_next(world: World) -> None:
    world.gate.clear()
    first = asyncio.create_task(world.keys.key(world.issuer.kid))
    second = asyncio.create_task(world.keys.key(world.issuer.kid))
    await asyncio.sleep(0.01)
    first.cancel()
    world.gate.set()
    assert await second == world.issuer.private_key.public_key()


@pytest.mark.requirement("XD-KEY-01")
async def test_a_new_key_is_found_when_it_first_signs(world: World) -> None:
    await world.keys.key(world.issuer.kid)
    world.issuer.rotate()
    world.now += PAUSE
    assert await world.keys.key(world.issuer.kid) == world.issuer.private_key.public_key()


@pytest.mark.requirement("E1", "XD-KEY-01")
async def test_a_thousand_requests_with_a_new_key_fetch_each_document_once(world: World) -> None:
    await world.keys.key(world.issuer.kid)
    world.issuer.rotate()
    world.now += PAUSE
    world.gate.clear()
    waiting = [asyncio.create_task(world.keys.key(world.issuer.kid)) for _ in range(1000)]
    await asyncio.sleep(0.01)
    world.gate.set()
    keys = await asyncio.gather(*waiting)
    assert (set(map(id, keys)), keys[0]) == ({id(keys[0])}, world.issuer.private_key.public_key())
    assert world.reads == 2


@pytest.mark.requirement("XD-KEY-01")
async def test_a_withdrawn_key_is_dropped_within_the_bound(world: World) -> None:
    withdrawn = world.issuer.kid
    await world.keys.key(withdrawn)
    world.issuer.rotate()
    world.now += FRESH - 1
    assert await world.keys.key(withdrawn)
    world.now += 1
    with pytest.raises(UnknownKey):
        await world.keys.key(withdrawn)


@pytest.mark.requirement("XD-JOSE-04")
async def test_a_stream_of_unknown_keys_causes_a_bounded_number_of_reads(world: World) -> None:
    await world.keys.key(world.issuer.kid)
    for second in range(3 * PAUSE):
        world.now += 1
        for number in range(5):
            with pytest.raises(UnknownKey):
                await world.keys.key(f"{second}-{number}")
    assert world.reads == 1 + 3


@pytest.mark.requirement("XD-OPS-06", "XD-AGT-09")
async def test_without_the_issuer_no_key_is_had(world: World) -> None:
    world.away = True
    with pytest.raises(KeysUnavailable):
        await world.keys.key(world.issuer.kid)
    world.away = False
    world.now += PAUSE
    assert await world.keys.key(world.issuer.kid)


async def test_an_issuer_that_is_away_is_not_asked_by_every_request(world: World) -> None:
    world.away = True
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            await world.keys.key(world.issuer.kid)
    assert len(world.issuer.fetched) == 1


@pytest.mark.requirement("XD-OPS-06", "XD-KEY-01")
async def test_known_keys_outlive_an_outage_for_a_while_only(world: World) -> None:
    await world.keys.key(world.issuer.kid)
    world.away = True
    world.now += STALE - 1
    assert await world.keys.key(world.issuer.kid)
    world.now += 1
    with pytest.raises(KeysUnavailable):
        await world.keys.key(world.issuer.kid)


async def test_an_unknown_key_in_an_outage_is_doubt_and_not_a_no(world: World) -> None:
    await world.keys.key(world.issuer.kid)
    world.away = True
    world.now += PAUSE
    with pytest.raises(KeysUnavailable):
        await world.keys.key("new")


async def test_a_slow_issuer_holds_up_nobody_who_has_keys(world: World) -> None:
    await world.keys.key(world.issuer.kid)
    world.now += FRESH
    world.gate.clear()
    reader = asyncio.create_task(world.keys.key(world.issuer.kid))
    await asyncio.sleep(0.01)
    assert await asyncio.wait_for(world.keys.key(world.issuer.kid), 1)
    world.gate.set()
    await reader


@pytest.mark.requirement("XD-OPS-05")
async def test_a_clock_set_back_makes_keys_no_younger(world: World) -> None:
    await world.keys.key(world.issuer.kid)
    world.now -= 1
    await world.keys.key(world.issuer.kid)
    assert world.reads == 2


@pytest.mark.requirement("XD-META-01", "RFC8414-3-3")
@pytest.mark.parametrize(
    "metadata",
    [
        [],
        {},
        {"issuer": "https://id.example/", "jwks_uri": "https://id.example/jwks"},
        {"issuer": "https://evil.example", "jwks_uri": "https://id.example/jwks"},
        {"issuer": "https://id.example"},
        {"issuer": "https://id.example", "jwks_uri": "http://id.example/jwks"},
        {"issuer": "https://id.example", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "https://id.example", "jwks_uri": ["https://id.example/jwks"]},
    ],
)
async def test_the_metadata_of_another_or_a_broken_issuer_gives_no_keys(world: World, metadata: Any) -> None:
    world.documents["https://id.example/.well-known/oauth-authorization-server"] = metadata
    world.documents |= dict.fromkeys(("http://id.example/jwks", "file:///etc/passwd"), world.issuer.jwks)
    with pytest.raises(KeysUnavailable):
        await world.keys.key(world.issuer.kid)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda jwk: [],
        lambda jwk: {"keys": {}},
        lambda jwk: {"keys": []},
        lambda jwk: {"keys": [jwk, jwk]},
        lambda jwk: {"keys": [{**jwk, "kid": 7}]},
        lambda jwk: {"keys": [{**jwk, "kid": str(n)} for n in range(33)]},
    ],
)
async def test_a_broken_key_set_gives_no_keys(world: World, spoil: Any) -> None:
    world.documents["https://id.example/jwks"] = spoil(world.issuer.jwks["keys"][0])
    with pytest.raises(KeysUnavailable):
        await world.keys.key(world.issuer.kid)


@pytest.mark.requirement("XD-JOSE-02", "XD-KEY-03")
@pytest.mark.parametrize(
    "change", [{"use": "enc"}, {"alg": "ES384"}, {"kty": "oct", "k": "AA"}, {"d": "AA"}, {"crv": "P-384"}, {"y": "AA"}]
)
async def test_keys_of_another_kind_are_passed_over(world: World, change: dict[str, Any]) -> None:
    jwk = world.issuer.jwks["keys"][0]
    world.issuer.jwks["keys"] += [{**jwk, "kid": "other", **change}, "nonsense"]
    assert await world.keys.key(jwk["kid"])
    with pytest.raises(UnknownKey):
        await world.keys.key("other")


def test_an_issuer_without_tls_is_refused() -> None:
    with pytest.raises(ValueError, match="issuer"):
        IssuerKeys("http://id.example")
